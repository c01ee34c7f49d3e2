//! The key index: for every user key, when it changed. Answers which revision of a key a read at
//! some revision sees, how many keys are alive, and what a compaction makes dead; values are not
//! here.
//!
//! A clone is an image for readers. Invariants: the marks of a key ascend; versions count the puts
//! since the last deletion; a key is counted if and only if its last mark is a put; no key is
//! without marks (`check`).

mod compact;
mod history;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;

use crate::interval::Interval;
use crate::revision::Revision;
use crate::tree::Tree;

pub use compact::Slice;
pub use history::{History, Mark};

/// A user key, shared between images of the index.
pub type Key = Arc<[u8]>;

/// The index.
#[derive(Clone, Debug, Default)]
pub struct Index {
    keys: Tree<Key, History>,
}

impl Index {
    /// What a read at main revision `at` sees of a key: its last put, unless it was deleted since.
    #[must_use]
    pub fn get(&self, key: &[u8], at: i64) -> Option<Mark> {
        self.keys.get(key)?.at(at).filter(|mark| !mark.is_tombstone())
    }

    /// The same with the index's own copy of the key.
    #[must_use]
    pub fn entry(&self, key: &[u8], at: i64) -> Option<(&Key, Mark)> {
        let (found, history) = self.keys.floor(key).filter(|(found, _)| &***found == key)?;
        Some((found, history.at(at).filter(|mark| !mark.is_tombstone())?))
    }

    /// The last change of a key up to `at`, a deletion included.
    #[must_use]
    pub fn last_change(&self, key: &[u8], at: i64) -> Option<Mark> {
        self.keys.get(key)?.at(at)
    }

    /// The keys that a read at `at` sees in an interval, in order.
    pub fn alive<'a>(
        &'a self,
        interval: Interval<'a>,
        at: i64,
    ) -> impl Iterator<Item = (&'a Key, Mark)> + use<'a> {
        self.keys
            .iter_from(interval.start())
            .take_while(move |(key, _)| !interval.is_behind(key))
            .filter_map(move |(key, history)| Some((key, history.at(at)?)))
            .filter(|(_, mark)| !mark.is_tombstone())
    }

    /// How many keys of an interval are alive after the last change.
    #[must_use]
    pub fn count(&self, interval: Interval<'_>) -> u64 {
        let start = || self.keys.weight_below(interval.start());
        match interval {
            Interval::Key(key) => u64::from(self.get(key, i64::MAX).is_some()),
            Interval::From(_) => self.keys.weight() - start(),
            Interval::Range(key, end) if key < end => self.keys.weight_below(end) - start(),
            Interval::Range(..) => 0,
        }
    }

    /// How many keys of an interval a read at `at` sees; walks them.
    #[must_use]
    pub fn count_at(&self, interval: Interval<'_>, at: i64) -> u64 {
        self.alive(interval, at).count() as u64
    }

    /// The n-th of all living keys, counted from zero.
    #[must_use]
    pub fn nth(&self, n: u64) -> Option<&Key> {
        self.keys.nth(n).map(|(key, _)| key)
    }

    /// Whether there is no key, not even a deleted one that is not compacted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Adds a change; gives the one that it supersedes.
    ///
    /// # Panics
    /// When the change is not behind the key's last one.
    pub fn insert(&mut self, key: &[u8], mark: Mark) -> Option<Mark> {
        match self.keys.get(key).map(History::last) {
            Some(last) => {
                let added = self.keys.modify(key, |history| history.push(mark));
                assert!(added.is_some(), "a key that is there cannot be changed");
                Some(last)
            }
            None => {
                let earlier = self.keys.insert(key.into(), History::new(mark));
                assert!(earlier.is_none(), "a key that is not there was replaced");
                None
            }
        }
    }

    /// Every change of every key, in key order.
    pub fn marks(&self) -> impl Iterator<Item = (&Key, Mark)> {
        self.keys.iter().flat_map(|(key, history)| history.marks().map(move |mark| (key, mark)))
    }

    /// Every change of one key.
    pub fn marks_of(&self, key: &[u8]) -> impl Iterator<Item = Mark> {
        self.keys.get(key).into_iter().flat_map(History::marks)
    }

    /// Checks every invariant; O(n).
    pub fn check(&self) {
        self.keys.check();
        for (_, history) in self.keys.iter() {
            history.check();
        }
    }
}

impl Mark {
    /// The revision.
    #[must_use]
    pub fn revision(&self) -> Revision {
        Revision::new(self.main, i64::from(self.sub))
    }
}
