//! All revisions and their index at one moment: what a read needs, whoever makes it.
//!
//! The store changes its own image; views hold clones. Both read through the same code, so that a
//! read inside a transaction and one through a view cannot differ in what they see.

use alloc::format;
use alloc::sync::Arc;

use bytes::Bytes;
use proto::mvccpb::KeyValue;

use crate::backend::{BackendError, BackendSnapshot};
use crate::error::KvError;
use crate::index::{Index, Mark};
use crate::interval::Interval;
use crate::keyvalue;
use crate::recent::Recents;
use crate::revision::Revision;
use crate::segment::Shelf;

/// The index as it was right after a revision, kept for reads at that revision.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    pub(crate) revision: i64,
    pub(crate) index: Index,
}

/// The revisions at one moment.
#[derive(Debug)]
pub(crate) struct Image<S> {
    /// What changed when; up to `revision`, or one further inside a request.
    pub(crate) index: Index,
    /// The newest values.
    pub(crate) recents: Recents,
    /// The values before them.
    pub(crate) shelf: Arc<Shelf<S>>,
    /// The last request that changed something; 1 before the first.
    pub(crate) revision: i64,
    /// The last compaction; -1 before the first.
    pub(crate) compacted: i64,
    /// Bytes of all changes that the last compaction leaves, with their keys: a function of the
    /// requests so far, however far the index is swept.
    pub(crate) logical_bytes: i64,
    /// Kept roots, ascending.
    pub(crate) roots: Arc<[Root]>,
}

impl<S> Clone for Image<S> {
    fn clone(&self) -> Image<S> {
        Image {
            index: self.index.clone(),
            recents: self.recents.clone(),
            shelf: self.shelf.clone(),
            roots: self.roots.clone(),
            ..*self
        }
    }
}

impl<S: BackendSnapshot> Image<S> {
    /// The revision that a request for `requested` reads, if the newest one it may see is
    /// `current`; zero and below mean that one.
    pub(crate) fn visible(&self, requested: i64, current: i64) -> Result<i64, KvError> {
        if requested > current {
            return Err(KvError::FutureRevision);
        }
        let at = if requested <= 0 { current } else { requested };
        if at < self.compacted { Err(KvError::Compacted) } else { Ok(at) }
    }

    /// The index that answers at revision `at` and whether `at` is its newest.
    pub(crate) fn index_at(&self, at: i64, current: i64) -> (&Index, bool) {
        if at >= current {
            return (&self.index, true);
        }
        match self.roots.binary_search_by_key(&at, |root| root.revision) {
            Ok(found) => (&self.roots[found].index, true),
            Err(_) => (&self.index, false),
        }
    }

    /// How many keys of an interval are alive at `at`.
    pub(crate) fn count(&self, interval: Interval<'_>, at: i64, current: i64) -> u64 {
        match self.index_at(at, current) {
            (index, true) => index.count(interval),
            (index, false) => index.count_at(interval, at),
        }
    }

    /// The stored value of a put that the index knows.
    ///
    /// # Errors
    /// The backend failed, or has another value than the index knows.
    pub(crate) fn stored(&self, mark: Mark) -> Result<Bytes, BackendError> {
        assert!(!mark.is_tombstone(), "the value of deletion {} is asked for", mark.revision());
        let revision = mark.revision();
        let bytes = match self.recent(revision) {
            Some(bytes) => bytes.clone(),
            None => self.shelf.get(revision)?,
        };
        if bytes.len() != mark.bytes.get() as usize {
            let (found, known) = (bytes.len(), mark.bytes);
            let message = format!("revision {revision} has {found} B in the backend, not {known}");
            return Err(BackendError { message, no_space: false });
        }
        Ok(bytes)
    }

    /// The same, decoded.
    pub(crate) fn pair(&self, mark: Mark) -> Result<KeyValue, BackendError> {
        keyvalue::decode(&self.stored(mark)?)
    }

    /// The value of a revision that is in memory.
    ///
    /// # Panics
    /// When a recent revision is missing there: it is nowhere else.
    pub(crate) fn recent(&self, revision: Revision) -> Option<&Bytes> {
        if revision.main <= self.recents.after() {
            return None;
        }
        let stored = self.recents.get(revision);
        let stored = stored.unwrap_or_else(|| panic!("recent revision {revision} is lost"));
        Some(&stored.bytes)
    }

    /// Checks the invariants; O(n).
    pub(crate) fn check(&self) {
        self.index.check();
        self.recents.check();
        assert!(
            self.compacted <= self.revision,
            "compacted {} of {}",
            self.compacted,
            self.revision
        );
        assert!(self.recents.after() <= self.revision, "recents begin behind the revision");
        let is_left = |key: &[u8], mark: &Mark| {
            !self.index.is_dead(key, mark.main, i64::from(mark.sub), self.compacted)
        };
        let left = self.index.marks().filter(|(key, mark)| is_left(key, mark));
        let bytes: i64 = left.map(|(_, mark)| mark.logical_bytes()).sum();
        assert_eq!(bytes, self.logical_bytes, "logical bytes are miscounted");
        let ascending = self.roots.windows(2).all(|pair| pair[0].revision < pair[1].revision);
        assert!(ascending, "kept roots do not ascend");
    }
}

impl Mark {
    /// What the change adds to the logical size: its value and its key in the backend.
    pub(crate) fn logical_bytes(&self) -> i64 {
        i64::from(self.bytes.get()) + crate::revision::ENCODED_LEN as i64
    }
}
