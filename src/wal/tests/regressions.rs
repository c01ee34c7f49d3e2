//! What the simulator found, as the shortest sequence that shows it.

mod common;

use base::{ClusterId, Index, MemberId, Term};
use proto::raftpb::ConfState;
use wal::{EntryRef, HardState, Metadata, Recovery, SnapshotMark, Writer};

use common::Disk;

fn entry(term: u64, index: u64) -> EntryRef<'static> {
    EntryRef { term: Term(term), index: Index(index), kind: 0, data: b"x" }
}

fn state(term: u64, commit: u64) -> HardState {
    HardState { term: Term(term), vote: MemberId(1), commit: Index(commit) }
}

/// A follower holds an entry that a new leader replaces; the appends that replace it and that
/// commit its successor reach the log as one batch.
#[test]
fn a_batch_that_replaces_an_entry_does_not_commit_the_old_one() {
    let metadata = Metadata { member: MemberId(1), cluster: ClusterId(2) };
    let (mut writer, _) =
        Writer::create(metadata, 1 << 16, HardState::default(), std::iter::empty());
    let _ops = writer.append(Some(state(1, 0)), [entry(1, 1), entry(1, 2)].into_iter(), true);
    let merged = [entry(2, 2), entry(2, 3)];
    let ops = writer.append(Some(state(2, 3)), merged.into_iter(), true);
    assert!(!ops.is_empty());
    assert_eq!(writer.last(), Index(3));
}

/// The indexes of the entries that a recovery finds.
fn recovered(disk: &Disk) -> Vec<u64> {
    let names: Vec<String> = disk.seen.keys().cloned().collect();
    let mut recovery = Recovery::new(&names).expect("segments");
    for name in recovery.names() {
        recovery.segment(&name, disk.seen[&name].clone().into()).expect("a sound segment");
    }
    let recovered = recovery.finish(600).expect("a sound log");
    recovered.entries.iter().map(|entry| entry.index.get()).collect()
}

/// The backend lags: the mark of the last entry of a segment comes behind entries of the next one,
/// and is still read when the segment that held its entry was released.
#[test]
fn a_mark_right_before_the_first_segment_keeps_the_entries_behind_it() {
    let metadata = Metadata { member: MemberId(1), cluster: ClusterId(2) };
    let (mut writer, ops) = Writer::create(metadata, 600, HardState::default(), std::iter::empty());
    let mut disk = Disk::default();
    disk.run_all(&ops);
    let append = |writer: &mut Writer, disk: &mut Disk, index: u64| {
        let ops = writer.append(Some(state(1, index - 1)), [entry(1, index)].into_iter(), true);
        disk.run_all(&ops);
    };
    let mut last = 0;
    while writer.segments().len() < 2 {
        last += 1;
        append(&mut writer, &mut disk, last);
    }
    append(&mut writer, &mut disk, last + 1);
    let first = writer.segments()[1].first;
    for index in [first.prev(), first] {
        let conf_state = ConfState { voters: vec![1], ..ConfState::default() };
        let mark = SnapshotMark { index, term: Term(1), conf_state };
        disk.run_all(&writer.snapshot(&mark, state(1, index.get())));
        append(&mut writer, &mut disk, last + 2);
        last += 1;
    }
    disk.run_all(&writer.release(first));
    assert_eq!(writer.segments()[0].first, first, "the first segment is gone");
    assert_eq!(recovered(&disk), (first.get() + 1..=last + 1).collect::<Vec<_>>());
}

/// The mark of an older entry is what begins the segment that becomes the oldest: its own entry was
/// released, and the log still begins where the segment's name says.
#[test]
fn a_mark_of_a_released_entry_is_not_where_the_log_begins() {
    let metadata = Metadata { member: MemberId(1), cluster: ClusterId(2) };
    let (mut writer, ops) = Writer::create(metadata, 600, HardState::default(), std::iter::empty());
    let mut disk = Disk::default();
    disk.run_all(&ops);
    let mark_at = |writer: &mut Writer, disk: &mut Disk, index: u64, commit: u64| {
        let conf_state = ConfState { voters: vec![1], ..ConfState::default() };
        let mark = SnapshotMark { index: Index(index), term: Term(1), conf_state };
        disk.run_all(&writer.snapshot(&mark, state(1, commit)));
    };
    let mut last = 0;
    // Until a mark of an entry before the last one begins a segment.
    while writer.segments().len() < 2 {
        last += 1;
        let ops = writer.append(Some(state(1, last - 1)), [entry(1, last)].into_iter(), true);
        disk.run_all(&ops);
        let before = writer.segments().len();
        mark_at(&mut writer, &mut disk, last.max(2) - 1, last);
        assert!(before == writer.segments().len() || writer.segments().len() == 2);
    }
    let first = writer.segments()[1].first;
    for index in last + 1..last + 3 {
        let ops = writer.append(Some(state(1, index - 1)), [entry(1, index)].into_iter(), true);
        disk.run_all(&ops);
    }
    mark_at(&mut writer, &mut disk, last + 1, last + 1);
    disk.run_all(&writer.release(first));
    assert_eq!(recovered(&disk), [last + 2]);
}
