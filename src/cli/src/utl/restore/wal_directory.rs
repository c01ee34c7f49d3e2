//! The log of a restored member as a directory of etcd's log files, written by the same code that
//! writes a running member's log.

use base::{Index, Term};
use rustix::fs::FallocateFlags;
use rustix::io::Errno;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use wal::{EntryRef, HardState, Metadata, Op, SnapshotMark, Writer};

use super::log::FirstRecords;
use crate::utl::file::FileError;

/// The length that segments are preallocated to.
const SEGMENT_BYTES: u64 = 64_000_000;

/// Writes the records into an empty directory and makes them durable.
///
/// # Errors
/// When a file operation fails.
pub fn write_wal(directory: &Path, records: &FirstRecords) -> Result<(), FileError> {
    let metadata = Metadata { member: records.member, cluster: records.cluster };
    let hard_state = HardState {
        term: Term(FirstRecords::TERM),
        vote: records.vote,
        commit: Index(records.commit()),
    };
    let entries = records.entries.iter().map(|entry| EntryRef {
        term: Term(entry.term()),
        index: Index(entry.index()),
        kind: entry.r#type() as i32,
        data: entry.data(),
    });
    let (mut writer, created) = Writer::create(metadata, SEGMENT_BYTES, hard_state, entries);
    execute(directory, &created)?;
    let mark = SnapshotMark {
        index: Index(records.commit()),
        term: Term(FirstRecords::TERM),
        conf_state: records.conf_state.clone(),
    };
    execute(directory, &writer.snapshot(&mark, hard_state))
}

/// Carries operations out in their order.
fn execute(directory: &Path, operations: &[Op]) -> Result<(), FileError> {
    operations.iter().try_for_each(|operation| match operation {
        Op::Create { name, allocate } => {
            let path = directory.join(name);
            let mut options = OpenOptions::new();
            let created = options.write(true).create_new(true).mode(0o600).open(&path);
            let reserved = created.and_then(|file| reserve(&file, *allocate));
            reserved.map_err(|error| FileError::io("create", &path, error))
        }
        Op::Write { name, offset, bytes } => {
            let path = directory.join(name);
            let write = || writable(&path)?.write_all_at(bytes, *offset);
            write().map_err(|error| FileError::io("write", &path, error))
        }
        Op::Sync { name } => sync(&directory.join(name)),
        Op::SyncDir => sync(directory),
        Op::Rename { from, to } => {
            let path = directory.join(from);
            let renamed = fs::rename(&path, directory.join(to));
            renamed.map_err(|error| FileError::io("rename", &path, error))
        }
        Op::Remove { name } => {
            let path = directory.join(name);
            fs::remove_file(&path).map_err(|error| FileError::io("remove", &path, error))
        }
        Op::Truncate { name, len } => {
            let path = directory.join(name);
            let cut = writable(&path).and_then(|file| file.set_len(*len));
            cut.map_err(|error| FileError::io("truncate", &path, error))
        }
        Op::Allocate { name, len } => {
            let path = directory.join(name);
            let reserved = writable(&path).and_then(|file| reserve(&file, *len));
            reserved.map_err(|error| FileError::io("fallocate", &path, error))
        }
    })
}

/// Reserves space up to a length, so that the member's first writes cannot find the disk full; on
/// file systems that cannot, the file merely gets that length.
fn reserve(file: &File, len: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, len) {
        Err(Errno::OPNOTSUPP) => file.set_len(len.max(file.metadata()?.len())),
        result => result.map_err(io::Error::from),
    }
}

fn writable(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).open(path)
}

fn sync(path: &Path) -> Result<(), FileError> {
    let synced = File::open(path).and_then(|file| file.sync_all());
    synced.map_err(|error| FileError::io("fsync", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::utl::cluster::Cluster;
    use wal::{Recovery, Tail};

    #[test]
    fn the_log_has_the_members_and_a_snapshot_behind_them() {
        let flags = "a=http://h:1,b=http://h:2,c=http://h:3";
        let cluster = Cluster::new(flags, "t", "b", "http://h:2").expect("the flags agree");
        let records = FirstRecords::of(&cluster, "b");
        let folder = tempfile::tempdir().expect("a temporary folder");
        write_wal(folder.path(), &records).expect("the disk takes it");

        let name = "0000000000000000-0000000000000000.wal";
        let bytes = fs::read(folder.path().join(name)).expect("it was written");
        assert_eq!(bytes.len() as u64, SEGMENT_BYTES);
        let mut recovery = Recovery::new(&[name.to_owned()]).expect("one sound name");
        recovery.segment(name, bytes.into()).expect("a sound segment");
        let found = recovery.finish(SEGMENT_BYTES).expect("a sound log");
        assert_eq!(found.metadata.member, cluster.member("b").expect("a member").id);
        assert_eq!(found.metadata.cluster, cluster.id);
        let expected = HardState { term: Term(1), vote: cluster.members[0].id, commit: Index(3) };
        assert_eq!(found.hard_state, expected);
        assert!(matches!(found.tail, Tail::Clean), "{:?}", found.tail);
        let mark = found.mark.expect("there is a snapshot record");
        assert_eq!((mark.index, mark.term), (Index(3), Term(1)));
        assert_eq!(mark.conf_state, records.conf_state);
        assert_eq!(found.writer.last(), Index(3));
    }
}
