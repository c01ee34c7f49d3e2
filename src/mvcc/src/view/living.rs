//! What is logically alive, in order of revisions: the content of a snapshot file.
//!
//! The file needs its layout before its first byte, so there are two passes: one over the index
//! alone, which knows the length of every value; one that gives the values. Both give exactly the
//! same entries, whether the cleaner has run or not.

use alloc::vec::Vec;

use bytes::Bytes;

use super::View;
use crate::backend::{BackendError, BackendSnapshot};
use crate::index::Mark;
use crate::keyvalue;
use crate::recent::Stored;
use crate::revision::{ENCODED_LEN, ENCODED_TOMBSTONE_LEN, Revision};

/// An entry of the first pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedEntry {
    /// When the change was made.
    pub revision: Revision,
    /// Whether it is a deletion.
    pub tombstone: bool,
    /// Bytes of the value.
    pub value_bytes: u32,
}

impl PlannedEntry {
    /// Bytes of the key.
    #[must_use]
    pub fn key_bytes(&self) -> usize {
        if self.tombstone { ENCODED_TOMBSTONE_LEN } else { ENCODED_LEN }
    }

    fn of(mark: Mark) -> PlannedEntry {
        PlannedEntry {
            revision: mark.revision(),
            tombstone: mark.is_tombstone(),
            value_bytes: mark.bytes.get(),
        }
    }
}

/// The entries that a snapshot at a view contains.
#[derive(Debug)]
pub struct Living<S> {
    view: View<S>,
    entries: Vec<PlannedEntry>,
}

impl<S: BackendSnapshot> View<S> {
    /// Plans a snapshot of this view: all entries that its last compaction leaves.
    #[must_use]
    pub fn living(&self) -> Living<S> {
        let compacted = self.image.compacted;
        let index = &self.image.index;
        let alive = index
            .marks()
            .filter(|(key, mark)| !index.is_dead(key, mark.main, i64::from(mark.sub), compacted));
        let mut entries: Vec<PlannedEntry> =
            alive.map(|(_, mark)| PlannedEntry::of(mark)).collect();
        entries.sort_unstable_by_key(|entry| entry.revision);
        Living { view: self.clone(), entries }
    }
}

impl<S: BackendSnapshot> Living<S> {
    /// The first pass: what comes, in order.
    #[must_use]
    pub fn entries(&self) -> &[PlannedEntry] {
        &self.entries
    }

    /// The second pass: each planned entry with its encoded revision and value.
    ///
    /// # Panics
    /// The iterator, when the backend has another entry than was planned.
    pub fn values(&self) -> impl Iterator<Item = Result<(Bytes, Bytes), BackendError>> + '_ {
        self.values_from(0)
    }

    /// The second pass from the n-th planned entry on, counted from zero, so that a reader need
    /// not keep an iterator between two pieces of the file.
    ///
    /// # Panics
    /// As [`Living::values`].
    pub fn values_from(
        &self,
        first: usize,
    ) -> impl Iterator<Item = Result<(Bytes, Bytes), BackendError>> + '_ {
        let image = &self.view.image;
        let after = image.recents.after();
        let planned = self.entries.get(first..).unwrap_or_default();
        let from = planned.first().map_or(i64::MAX, |entry| entry.revision.main);
        let old = image.shelf.scan(from, after.min(image.revision));
        let recent = image.recents.from(from.max(after + 1));
        let new = recent.map(|(r, stored)| Ok((r, stored.clone())));
        let mut planned = planned.iter();
        let mut all = old.chain(new);
        core::iter::from_fn(move || {
            let entry = planned.next()?;
            Some(find(&mut all, entry))
        })
    }
}

/// Goes on to a planned entry over those that are dead.
fn find(
    all: &mut impl Iterator<Item = Result<(Revision, Stored), BackendError>>,
    planned: &PlannedEntry,
) -> Result<(Bytes, Bytes), BackendError> {
    for entry in all {
        let (revision, stored) = entry?;
        if revision < planned.revision {
            continue;
        }
        let len = planned.value_bytes as usize;
        let same = revision == planned.revision && stored.tombstone == planned.tombstone;
        assert!(same && stored.bytes.len() == len, "{revision} is there, {planned:?} was planned");
        keyvalue::decode(&stored.bytes)?;
        return Ok((revision.encode(stored.tombstone), stored.bytes));
    }
    let message = alloc::format!("revision {} is missing in the backend", planned.revision);
    Err(BackendError { message, no_space: false })
}
