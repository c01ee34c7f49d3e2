//! etcd's own storage/wal package judges our log files, and we read files that it writes.

use std::path::Path;

use base::{ClusterId, Index, MemberId, Term};
use proto::raftpb::ConfState;
use tests::go;
use tests::log_files::recovered;
use wal::{EntryRef, HardState, Metadata, Op, Recovered, SnapshotMark, Writer};

const SEGMENT_BYTES: u64 = 4096;

fn walcheck(command: &str, directory: &Path) -> Vec<u8> {
    let directory = directory.to_str().expect("temporary paths are text");
    go::run(go::walcheck(), &[command, directory]).into_bytes()
}

fn run(directory: &Path, ops: Vec<Op>) {
    use std::os::unix::fs::FileExt;
    let path = |name: &str| directory.join(name);
    let open = |name: &str| {
        let file = std::fs::File::options().read(true).write(true).open(path(name));
        file.expect("the file exists")
    };
    for op in ops {
        match op {
            Op::Create { name, allocate } => {
                let file = std::fs::File::create_new(path(&name));
                file.and_then(|file| file.set_len(allocate)).expect("the name is free");
            }
            Op::Write { name, offset, bytes } => {
                open(&name).write_all_at(&bytes, offset).expect("it can be written");
            }
            Op::Sync { .. } | Op::SyncDir => {}
            Op::Rename { from, to } => {
                std::fs::rename(path(&from), path(&to)).expect("it can be renamed");
            }
            Op::Remove { name } => std::fs::remove_file(path(&name)).expect("it exists"),
            Op::Truncate { name, len } => open(&name).set_len(len).expect("it can be cut"),
            Op::Allocate { name, len } => {
                let file = open(&name);
                let had = file.metadata().expect("it has a length").len();
                file.set_len(len.max(had)).expect("it can grow");
            }
        }
    }
}

/// What etcd prints of a log, and the same of ours.
fn assert_same(json: &[u8], read: &Recovered) {
    let report: serde_json::Value = serde_json::from_slice(json).expect("walcheck prints JSON");
    let number = |name: &str| report[name].as_u64().expect("a number");
    assert_eq!(number("node"), read.metadata.member.get());
    assert_eq!(number("cluster"), read.metadata.cluster.get());
    assert_eq!(number("term"), read.hard_state.term.get());
    assert_eq!(number("vote"), read.hard_state.vote.get());
    assert_eq!(number("commit"), read.hard_state.commit.get());
    let mark = read.mark.as_ref().map_or(0, |mark| mark.index.get());
    assert_eq!(number("snapshot"), mark);
    let entries = report["entries"].as_array().expect("a list");
    assert_eq!(entries.len(), read.entries.len());
    for (theirs, ours) in entries.iter().zip(&read.entries) {
        assert_eq!(theirs["type"].as_i64(), Some(i64::from(ours.kind)));
        assert_eq!(theirs["term"].as_u64(), Some(ours.term.get()));
        assert_eq!(theirs["index"].as_u64(), Some(ours.index.get()));
        assert_eq!(theirs["data"].as_str(), Some(base64(&ours.data).as_str()));
    }
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = chunk
            .iter()
            .enumerate()
            .fold(0, |word, (at, byte)| word | u32::from(*byte) << (16 - 8 * at));
        for at in 0..4 {
            match at <= chunk.len() {
                true => text.push(DIGITS[(word >> (18 - 6 * at) & 63) as usize] as char),
                false => text.push('='),
            }
        }
    }
    text
}

fn batch(writer: &mut Writer, term: u64, vote: u64, commit: u64, indexes: &[u64]) -> Vec<Op> {
    let state = HardState { term: Term(term), vote: MemberId(vote), commit: Index(commit) };
    let payload: Vec<u8> = (0..=255).cycle().take(300).collect();
    let entries = indexes.iter().map(|&index| EntryRef {
        term: Term(term),
        index: Index(index),
        kind: 2 * (index % 2) as i32,
        data: &payload[..(index * 37 % 300) as usize],
    });
    writer.append(Some(state), entries, true)
}

#[test]
fn etcd_verifies_and_reads_what_we_write() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let metadata = Metadata { member: MemberId(u64::MAX), cluster: ClusterId(77) };
    let (mut writer, ops) =
        Writer::create(metadata, SEGMENT_BYTES, HardState::default(), [].into_iter());
    run(directory.path(), ops);
    for index in 1..=60 {
        let ops = batch(&mut writer, 1, 3, (index - 1).min(57), &[index]);
        run(directory.path(), ops);
    }
    let ops = batch(&mut writer, 4, u64::MAX, 57, &[58, 59, 60, 61, 62]);
    run(directory.path(), ops);
    assert!(writer.segments().len() > 2);
    assert_same(&walcheck("read", directory.path()), &recovered(directory.path(), SEGMENT_BYTES));

    let conf_state = ConfState { voters: vec![1, u64::MAX], ..ConfState::default() };
    let mark = SnapshotMark { index: Index(40), term: Term(1), conf_state };
    let state = HardState { term: Term(4), vote: MemberId(u64::MAX), commit: Index(61) };
    run(directory.path(), writer.snapshot(&mark, state));
    run(directory.path(), writer.release(Index(40)));
    let ops = batch(&mut writer, 5, 1, 62, &[63]);
    run(directory.path(), ops);
    let read = recovered(directory.path(), SEGMENT_BYTES);
    assert_eq!(read.entries.first().map(|entry| entry.index), Some(Index(41)));
    assert_same(&walcheck("read", directory.path()), &read);
}

#[test]
fn we_read_and_continue_what_etcd_writes() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let log = directory.path().join("wal");
    walcheck("write", &log);
    let read = recovered(&log, SEGMENT_BYTES);
    assert_eq!(read.entries.len(), 51);
    assert_same(&walcheck("read", &log), &read);
    run(&log, read.ops);
    let mut writer = read.writer;
    let ops = batch(&mut writer, 5, 0x1234, 93, &[94, 95]);
    run(&log, ops);
    assert_same(&walcheck("read", &log), &recovered(&log, SEGMENT_BYTES));
}
