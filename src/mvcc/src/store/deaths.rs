//! From which compaction on the bytes of a change are dead, known as soon as it is superseded: so
//! the logical size drops by exactly what a compaction made dead at the entry of that compaction,
//! without a walk over the keys and however far the index is swept.
//!
//! A put of revision m that is superseded at n is dead under every compaction from max(n, m + 1)
//! on, a tombstone of revision m from m + 1 on: what lies exactly at a compaction stays, because a
//! watch may start there.

use alloc::collections::VecDeque;

use crate::index::Mark;

/// Bytes by the compaction that makes them dead. Invariant (`check`): revisions ascend strictly,
/// and so do the totals.
#[derive(Debug, Default)]
pub(super) struct Deaths {
    /// A revision, and all bytes that are dead under a compaction at it, those that are settled
    /// included.
    totals: VecDeque<(i64, i64)>,
    /// Bytes that the last compaction made dead, and those before it.
    settled: i64,
}

impl Deaths {
    /// Takes note of a change and of the one of the same key that it supersedes.
    pub(super) fn note(&mut self, superseded: Option<Mark>, by: &Mark) {
        if let Some(last) = superseded.filter(|last| !last.is_tombstone()) {
            self.add(by.main.max(last.main + 1), last.logical_bytes());
        }
        if by.is_tombstone() {
            self.add(by.main + 1, by.logical_bytes());
        }
    }

    /// Changes arrive in order of revisions, so this touches the last two totals at most.
    fn add(&mut self, from: i64, bytes: i64) {
        let behind = self.totals.iter().rev().take_while(|(revision, _)| *revision >= from).count();
        let at = self.totals.len() - behind;
        if self.totals.get(at).is_none_or(|(revision, _)| *revision != from) {
            let before = at.checked_sub(1).map_or(self.settled, |before| self.totals[before].1);
            self.totals.insert(at, (from, before));
        }
        for (_, total) in self.totals.range_mut(at..) {
            *total += bytes;
        }
    }

    /// Bytes that a compaction makes dead and that no earlier one did.
    pub(super) fn settle(&mut self, compacted: i64) -> i64 {
        let through = self.totals.partition_point(|(revision, _)| *revision <= compacted);
        let total = through.checked_sub(1).map_or(self.settled, |last| self.totals[last].1);
        self.totals.drain(..through);
        let newly = total - self.settled;
        assert!(newly >= 0, "compaction {compacted} brought {newly} B to life");
        self.settled = total;
        newly
    }

    /// Checks the invariants; O(n).
    pub(super) fn check(&self) {
        let mut last = (i64::MIN, self.settled);
        for &(revision, total) in &self.totals {
            assert!(revision > last.0 && total > last.1, "{last:?} before {:?}", (revision, total));
            last = (revision, total);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::num::NonZeroU32;

    fn mark(main: i64, sub: u32, version: i64) -> Mark {
        let created = if version == 0 { 0 } else { main };
        Mark { main, created, version, sub, bytes: NonZeroU32::MIN }
    }

    #[test]
    fn bytes_die_at_the_change_that_supersedes_them_and_tombstones_behind_their_own() {
        let each = mark(2, 0, 1).logical_bytes();
        let mut deaths = Deaths::default();
        deaths.note(None, &mark(2, 0, 1));
        // Deleted and put again within one request: both earlier changes stay until behind it.
        deaths.note(Some(mark(2, 0, 1)), &mark(5, 0, 0));
        deaths.note(Some(mark(5, 0, 0)), &mark(5, 1, 1));
        deaths.note(Some(mark(3, 0, 1)), &mark(5, 2, 2));
        deaths.check();
        assert_eq!(deaths.settle(4), 0);
        assert_eq!(deaths.settle(5), 2 * each, "the puts of 2 and 3");
        assert_eq!(deaths.settle(5), 0);
        deaths.note(Some(mark(5, 1, 1)), &mark(6, 0, 2));
        assert_eq!(deaths.settle(9), 2 * each, "the tombstone of 5 and the put behind it");
        deaths.check();
    }
}
