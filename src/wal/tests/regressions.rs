//! What the simulator found, as the shortest sequence that shows it.

use base::{ClusterId, Index, MemberId, Term};
use wal::{EntryRef, HardState, Metadata, Writer};

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
