//! The newest revisions, in memory: those that the backend does not have yet, and as many behind
//! them as the budget allows, for watches and reads.
//!
//! Each holds the bytes that were encoded when the change was made. A clone is an image.

use bytes::Bytes;

use crate::revision::Revision;
use crate::tree::{Tree, Weight};

/// What an entry costs beside its bytes: its place in the tree and the buffer's header.
const ENTRY_OVERHEAD: u64 = 96;

/// One change as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// The encoded `KeyValue`; of a deletion it has the key alone.
    pub bytes: Bytes,
    /// Whether the change is a deletion.
    pub tombstone: bool,
}

impl Weight for Stored {
    fn weight(&self) -> u64 {
        self.bytes.len() as u64 + ENTRY_OVERHEAD
    }
}

/// All revisions above [`Recents::after`], and none up to it.
#[derive(Clone, Debug)]
pub struct Recents {
    entries: Tree<Revision, Stored>,
    after: i64,
}

impl Recents {
    /// None yet; what comes up to `after` is in the backend.
    #[must_use]
    pub fn new(after: i64) -> Recents {
        Recents { entries: Tree::default(), after }
    }

    /// Up to this main revision only the backend has them.
    #[must_use]
    pub fn after(&self) -> i64 {
        self.after
    }

    /// Bytes held.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.entries.weight()
    }

    /// Bytes held above a main revision.
    #[must_use]
    pub fn bytes_above(&self, main: i64) -> u64 {
        self.entries.weight() - self.entries.weight_below(&first_of(main + 1))
    }

    /// One change.
    #[must_use]
    pub fn get(&self, revision: Revision) -> Option<&Stored> {
        self.entries.get(&revision)
    }

    /// The changes from a main revision on.
    pub fn from(&self, main: i64) -> impl Iterator<Item = (Revision, &Stored)> {
        self.entries.iter_from(&first_of(main)).map(|(revision, stored)| (*revision, stored))
    }

    /// Adds the newest change.
    ///
    /// # Panics
    /// When it is not the newest.
    pub fn push(&mut self, revision: Revision, stored: Stored) {
        let last = self.entries.last().map_or(last_of(self.after), |(last, _)| *last);
        assert!(revision > last, "revision {revision} follows {last}");
        self.entries.insert(revision, stored);
    }

    /// Drops the oldest up to main revision `through`, as far as is needed to hold `bytes_max`.
    pub fn trim(&mut self, through: i64, bytes_max: u64) {
        let Some(excess) = self.bytes().checked_sub(bytes_max).filter(|excess| *excess > 0) else {
            return;
        };
        let last = self.entries.nth(excess - 1).map(|(revision, _)| revision.main);
        let dropped = through.min(last.unwrap_or(through));
        if dropped > self.after {
            self.entries.remove_through(&last_of(dropped));
            self.after = dropped;
        }
    }

    /// Checks the invariants; O(n).
    pub fn check(&self) {
        self.entries.check();
        let first = self.entries.first().map(|(revision, _)| revision.main);
        assert!(first.is_none_or(|first| first > self.after), "{first:?} is not above its bound");
    }
}

fn first_of(main: i64) -> Revision {
    Revision::new(main, 0)
}

fn last_of(main: i64) -> Revision {
    Revision::new(main, i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stored(len: usize) -> Stored {
        Stored { bytes: Bytes::from(alloc::vec![1; len]), tombstone: false }
    }

    #[test]
    fn trimming_drops_whole_requests_that_are_flushed_and_no_more_than_needed() {
        let mut recents = Recents::new(1);
        for main in 2..12 {
            recents.push(Revision::new(main, 0), stored(4));
            recents.push(Revision::new(main, 1), stored(4));
        }
        assert_eq!(recents.bytes(), 20 * 100);
        assert_eq!(recents.bytes_above(9), 400);
        recents.trim(11, 2000);
        assert_eq!(recents.after(), 1, "within the budget");
        recents.trim(11, 1900);
        assert_eq!((recents.after(), recents.bytes()), (2, 1800), "a request goes whole");
        recents.trim(4, 0);
        assert_eq!((recents.after(), recents.bytes()), (4, 1400), "the rest is not flushed");
        assert_eq!(recents.from(0).next().map(|(r, _)| r), Some(Revision::new(5, 0)));
        recents.check();
        recents.trim(11, 0);
        assert_eq!((recents.after(), recents.bytes()), (11, 0));
    }

    #[test]
    #[should_panic(expected = "revision 3/0 follows 3/")]
    fn only_newer_revisions_are_added() {
        Recents::new(3).push(Revision::new(3, 0), stored(1));
    }
}
