//! Compaction of the index: forgets what no read at or above the compaction revision can see.
//!
//! Of every key, the newest change up to that revision stays, unless it is a deletion from before
//! it. All changes exactly at the revision stay, tombstones too, because a watch may start there.

use alloc::vec::Vec;

use super::{History, Index, Key, Mark};

/// What one slice of a compaction did.
#[derive(Debug)]
pub struct Slice {
    /// The changes that are dead now.
    pub dead: Vec<Mark>,
    /// Where the next slice begins; `None` when the last key was visited.
    pub next: Option<Key>,
}

impl History {
    /// The first change that stays; `None` when none does.
    fn first_kept(&self, compacted: i64) -> Option<Mark> {
        let before = self.at(compacted - 1);
        let from = self.from(compacted);
        match (before, from) {
            // A change at the revision itself supersedes those before it.
            (_, Some(from)) if from.main == compacted => Some(from),
            (Some(before), _) if !before.is_tombstone() => Some(before),
            _ => from,
        }
    }
}

impl Index {
    /// Whether a change is dead under a compaction: its entry may go from the backend.
    #[must_use]
    pub fn is_dead(&self, key: &[u8], mark_main: i64, mark_sub: i64, compacted: i64) -> bool {
        if mark_main >= compacted {
            return false;
        }
        let newest = self.last_change(key, compacted);
        !newest.is_some_and(|newest| {
            !newest.is_tombstone() && (newest.main, i64::from(newest.sub)) == (mark_main, mark_sub)
        })
    }

    /// Visits up to `keys_max` keys from `from` on and forgets what is dead under a compaction.
    pub fn compact(&mut self, compacted: i64, from: &[u8], keys_max: usize) -> Slice {
        assert!(keys_max > 0, "a slice of no keys would never end");
        let mut changed: Vec<(Key, Option<Mark>)> = Vec::new();
        let mut dead = Vec::new();
        let mut keys = self.keys.iter_from(from);
        for (key, history) in keys.by_ref().take(keys_max) {
            let kept = history.first_kept(compacted);
            let before = history
                .marks()
                .take_while(|mark| kept.is_none_or(|kept| mark.revision() < kept.revision()));
            let already = dead.len();
            dead.extend(before);
            if dead.len() > already {
                changed.push((key.clone(), kept));
            }
        }
        let next = keys.next().map(|(key, _)| key.clone());
        for (key, kept) in changed {
            self.forget(&key, kept);
        }
        Slice { dead, next }
    }

    fn forget(&mut self, key: &Key, first: Option<Mark>) {
        if first.is_none() {
            let gone = self.keys.remove(&**key);
            assert!(gone.is_some(), "a key of this slice is gone");
            return;
        }
        let left = self.keys.modify(&**key, |history| history.keep_from(first));
        assert_eq!(left, Some(true), "a key that keeps a change lost all");
    }
}
