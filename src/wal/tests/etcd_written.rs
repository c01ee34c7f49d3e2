//! Files that a real etcd 3.7.1 wrote (several segments, a replaced suffix, a snapshot mark), with
//! the zeros of the preallocated tail cut off, are read as etcd itself reads them.

mod common;

use base::{ClusterId, Index, MemberId, Term};
use common::{Files, recover, state};
use wal::{Suspect, Tail};

fn files() -> Files {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/etcd-3.7.1");
    let mut files = Files::new();
    for file in std::fs::read_dir(directory).expect("the test data is in the repository") {
        let file = file.expect("the directory is readable");
        let name = file.file_name().into_string().expect("names are ASCII");
        if name.ends_with(".wal") {
            let mut bytes = std::fs::read(file.path()).expect("the file is readable");
            bytes.resize(bytes.len() + 4096, 0);
            files.insert(name, bytes);
        }
    }
    files
}

#[test]
fn it_is_read_as_etcd_reads_it() {
    let files = files();
    assert!(files.len() > 2, "{} segments", files.len());
    let read = recover(&files).expect("etcd's log is sound");
    assert_eq!(read.metadata.member, MemberId(0x1234));
    assert_eq!(read.metadata.cluster, ClusterId(0xabcd_ef01_2345_6789));
    assert_eq!(read.hard_state, state(3, 0x1234, 90));
    assert_eq!(read.tail, Tail::Clean);
    assert_eq!(read.suspect, None::<Suspect>);
    let mark = read.mark.expect("a mark was written");
    assert_eq!((mark.index, mark.term), (Index(42), Term(1)));
    assert_eq!(mark.conf_state.voters, [0x1234]);
    let wanted: Vec<(u64, u64)> = (43..=93).map(|i| (if i == 43 { 1 } else { 3 }, i)).collect();
    let found: Vec<(u64, u64)> =
        read.entries.iter().map(|entry| (entry.term.get(), entry.index.get())).collect();
    assert_eq!(found, wanted);
    for entry in &read.entries {
        let begin = format!("term {} entry {} 0", entry.term, entry.index);
        assert!(entry.data.starts_with(begin.as_bytes()), "{entry:?}");
    }
}
