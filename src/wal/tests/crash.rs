//! Crash-point enumeration: after every operation of a short trace, every subset of the unsynced
//! sectors is lost, zeroed or filled with garbage (L1, L3, L4).

mod common;

use base::{Index, Term};
use common::{Disk, METADATA, SEGMENT_BYTES, entry, entry_ref, recover, state};
use proto::raftpb::ConfState;
use wal::{Entry, HardState, Op, SnapshotMark, Writer};

/// What is promised to be there after a crash.
#[derive(Clone, Default)]
struct Promise {
    hard_state: HardState,
    entries: Vec<Entry>,
    mark: Index,
}

impl Promise {
    /// A batch that overwrites from its first entry on.
    fn with(&self, hard_state: HardState, batch: &[Entry]) -> Promise {
        let mut next = self.clone();
        next.hard_state = hard_state;
        if let Some(first) = batch.first() {
            next.entries.retain(|entry| entry.index < first.index);
            next.entries.extend_from_slice(batch);
        }
        next
    }
}

/// Runs operations one by one and checks every image after each.
fn run(disk: &mut Disk, ops: &[Op], before: &Promise, after: &Promise, checked: &mut usize) {
    for op in ops {
        disk.run(op);
        check_images(disk, before, after, checked);
    }
    check_images(disk, after, after, checked);
}

fn check_images(disk: &Disk, before: &Promise, after: &Promise, checked: &mut usize) {
    for fill in [None, Some(0), Some(0xa5)] {
        for image in disk.crash_images(6, fill) {
            let read = recover(&image).unwrap_or_else(|error| panic!("{error}"));
            check(&read, before, after);
            *checked += 1;
            check_repeated(image, before, after, read.suspect.is_some());
        }
    }
}

/// Recovery interrupted after each of its operations gives the same log and the same doubt.
fn check_repeated(image: common::Files, before: &Promise, after: &Promise, suspect: bool) {
    let first = recover(&image).expect("it was recovered before");
    let mut disk = Disk::from(image);
    for op in &first.ops {
        disk.run(op);
        for image in disk.crash_images(3, None) {
            let again = recover(&image).unwrap_or_else(|error| panic!("{error}"));
            check(&again, before, after);
            assert_eq!(again.suspect.is_some(), suspect, "the doubt changed after {op:?}");
            assert_eq!((&again.entries, again.hard_state), (&first.entries, first.hard_state));
        }
    }
}

fn check(read: &wal::Recovered, before: &Promise, after: &Promise) {
    assert_eq!(read.metadata, METADATA);
    let least = before.hard_state;
    assert!(read.hard_state.term >= least.term, "{:?} < {least:?}", read.hard_state);
    assert!(read.hard_state.commit >= least.commit.min(after.hard_state.commit));
    if read.hard_state.term == least.term && !least.vote.is_zero() {
        assert_eq!(read.hard_state.vote, least.vote);
    }
    let mark = read.mark.as_ref().map_or(Index::ZERO, |mark| mark.index);
    assert!(mark >= before.mark && mark <= after.mark, "mark {mark}");
    for promised in before.entries.iter().filter(|entry| entry.index > mark) {
        // An entry may be missing or different only where the batch under way replaces it.
        let replaced = !after.entries.contains(promised);
        assert!(replaced || read.entries.contains(promised), "lost {promised:?}");
    }
    let mut next = mark.next();
    for entry in &read.entries {
        assert_eq!(entry.index, next, "a gap");
        assert!(before.entries.contains(entry) || after.entries.contains(entry), "{entry:?}");
        next = next.next();
    }
}

fn begin() -> (Disk, Writer) {
    let (writer, ops) =
        Writer::create(METADATA, SEGMENT_BYTES, HardState::default(), [].into_iter());
    let mut disk = Disk::default();
    disk.run_all(&ops);
    (disk, writer)
}

fn append(
    writer: &mut Writer,
    disk: &mut Disk,
    promise: &mut Promise,
    hard_state: HardState,
    batch: &[Entry],
    checked: &mut usize,
) {
    let last = promise.entries.last().map_or(Index::ZERO, |entry| entry.index);
    let recorded = HardState { commit: hard_state.commit.min(last), ..hard_state };
    let ops = writer.append(Some(hard_state), batch.iter().map(entry_ref), true);
    let syncs = ops.iter().filter(|op| matches!(op, Op::Sync { .. })).count();
    let rotated = ops.iter().any(|op| matches!(op, Op::Rename { .. }));
    assert_eq!(syncs, if rotated { 3 } else { 1 }, "{ops:?}");
    let after = promise.with(recorded, batch);
    run(disk, &ops, promise, &after, checked);
    *promise = after;
}

#[test]
fn what_was_synced_is_recovered_from_every_crash() {
    let (mut disk, mut writer) = begin();
    let (mut promise, mut checked) = (Promise::default(), 0);
    let batch = |term, from: u64, to: u64, len| -> Vec<Entry> {
        (from..=to).map(|index| entry(term, index, len)).collect()
    };
    let mut put = |hard_state, entries: &[Entry], disk: &mut Disk, writer: &mut Writer| {
        append(writer, disk, &mut promise, hard_state, entries, &mut checked);
    };
    // The commit index covers the batch itself, which is not durable yet: it is held back.
    put(state(1, 0, 3), &batch(1, 1, 3, 100), &mut disk, &mut writer);
    put(state(2, 7, 3), &batch(2, 4, 5, 200), &mut disk, &mut writer);
    put(state(3, 0, 3), &[], &mut disk, &mut writer);
    put(state(3, 8, 4), &batch(3, 5, 6, 10), &mut disk, &mut writer);
    put(state(4, 0, 4), &batch(4, 7, 8, 300), &mut disk, &mut writer);
    put(state(4, 9, 7), &batch(4, 9, 9, 700), &mut disk, &mut writer);
    put(state(4, 9, 9), &batch(4, 10, 10, 2000), &mut disk, &mut writer);
    put(state(5, 0, 9), &batch(5, 11, 12, 50), &mut disk, &mut writer);
    assert!(writer.segments().len() >= 3, "{:?}", writer.segments());
    assert!(checked > 400, "only {checked} images");
}

#[test]
fn a_commit_index_without_a_sync_may_be_lost_and_harms_nothing() {
    let (mut disk, mut writer) = begin();
    let (mut promise, mut checked) = (Promise::default(), 0);
    let first: Vec<Entry> = (1..=4).map(|index| entry(1, index, 110)).collect();
    append(&mut writer, &mut disk, &mut promise, state(1, 5, 0), &first, &mut checked);
    let ops = writer.append(Some(state(1, 5, 4)), [].into_iter(), false);
    assert!(!ops.iter().any(|op| matches!(op, Op::Sync { .. })), "{ops:?}");
    let after = promise.with(state(1, 5, 4), &[]);
    for op in &ops {
        disk.run(op);
        check_images(&disk, &promise, &after, &mut checked);
    }
    assert_eq!(recover(&disk.seen).expect("sound").hard_state.commit, Index(4));
    promise.hard_state.commit = Index(0);
    append(&mut writer, &mut disk, &mut promise, state(2, 0, 4), &[entry(2, 5, 60)], &mut checked);
    assert_eq!(recover(&disk.seen).expect("sound").entries.len(), 5);
}

#[test]
fn marks_installs_and_releases_leave_a_whole_log_in_every_crash() {
    let (mut disk, mut writer) = begin();
    let (mut promise, mut checked) = (Promise::default(), 0);
    for index in 1..=8u64 {
        let hard_state = state(1, 0, index - 1);
        let batch = [entry(1, index, 250)];
        append(&mut writer, &mut disk, &mut promise, hard_state, &batch, &mut checked);
    }
    let conf_state = ConfState { voters: vec![1, 2, 3], ..ConfState::default() };
    let mark = SnapshotMark { index: Index(7), term: Term(1), conf_state: conf_state.clone() };
    let ops = writer.snapshot(&mark, state(1, 0, 7));
    let mut after = promise.with(state(1, 0, 7), &[]);
    after.mark = Index(7);
    run(&mut disk, &ops, &promise, &after, &mut checked);
    promise = after.clone();
    let before = writer.segments().len();
    let ops = writer.release(Index(7));
    run(&mut disk, &ops, &promise, &after, &mut checked);
    assert!(writer.segments().len() < before, "{before} segments, none released");
    let ops = writer.append(Some(state(1, 0, 7)), [entry(1, 9, 9)].iter().map(entry_ref), true);
    after = promise.with(state(1, 0, 7), &[entry(1, 9, 9)]);
    run(&mut disk, &ops, &promise, &after, &mut checked);
    promise = after.clone();

    let mark = SnapshotMark { index: Index(20), term: Term(3), conf_state };
    let ops = writer.install(&mark, state(3, 0, 20));
    after.hard_state = state(3, 0, 20);
    after.mark = Index(20);
    run(&mut disk, &ops, &promise, &after, &mut checked);
    let read = recover(&disk.seen).expect("sound");
    assert_eq!((read.hard_state, read.entries.len()), (state(3, 0, 20), 0));
    let ops = writer.append(Some(state(3, 0, 20)), [entry(3, 21, 9)].iter().map(entry_ref), true);
    disk.run_all(&ops);
    let read = recover(&disk.seen).expect("sound");
    assert_eq!(read.entries, [entry(3, 21, 9)]);
    assert!(checked > 100, "only {checked} images");
}

/// A process that is killed leaves unsynced writes in the cache. What recovery reads of them is
/// durable once its operations are done, or the member would speak of what a power cut takes.
#[test]
fn what_recovery_reads_survives_a_power_cut_behind_its_operations() {
    let (mut disk, mut writer) = begin();
    let batch: Vec<Entry> = (1..=9).map(|index| entry(1, index, 150)).collect();
    let ops = writer.append(Some(state(1, 2, 0)), batch.iter().map(entry_ref), true);
    let (_, unsynced) = ops.split_last().expect("the last one is the sync");
    disk.run_all(unsynced);
    let read = recover(&disk.seen).expect("sound");
    assert_eq!(read.entries, batch);
    disk.run_all(&read.ops);
    for image in disk.crash_images(8, None) {
        assert_eq!(recover(&image).expect("sound").entries, batch);
    }
}
