//! What readers hold: the keys after one applied batch, unchanged by what comes later.
//!
//! A view is cheap to clone and to keep; it never waits for the store and never delays it. What it
//! reads is in memory (index, recent revisions) or in the backend's snapshot that it carries.
//! Reading it may block on the backend; [`View::is_in_memory`] tells beforehand.

mod catch_up;
mod hash;
mod living;
mod stream;
#[cfg(test)]
mod tests;

use alloc::sync::Arc;
use core::fmt;
use core::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use proto::etcdserverpb::{RangeRequest, TxnRequest};

use crate::answer::{RangeAnswer, TxnAnswer};
use crate::backend::{BackendError, BackendSnapshot};
use crate::error::ReadError;
use crate::event::Event;
use crate::image::Image;
use crate::interval::Interval;

pub use catch_up::CatchUp;
pub use hash::KvHash;
pub use living::{Living, PlannedEntry};
pub use stream::{Part, RangeStream};

/// Keys of a range that [`View::is_in_memory`] looks at before it says no.
const LOOKED_AT_MAX: usize = 64;

/// The keys at one revision, and their history down to the last compaction.
#[derive(Clone)]
pub struct View<S> {
    image: Image<S>,
    paged: Arc<AtomicBool>,
}

impl<S> fmt::Debug for View<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View")
            .field("revision", &self.image.revision)
            .field("compacted", &self.image.compacted)
            .finish_non_exhaustive()
    }
}

impl<S: BackendSnapshot> View<S> {
    pub(crate) fn new(image: Image<S>, paged: Arc<AtomicBool>) -> View<S> {
        View { image, paged }
    }

    /// The last request in it that changed something.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.image.revision
    }

    /// The last compaction; -1 before the first.
    #[must_use]
    pub fn compact_revision(&self) -> i64 {
        self.image.compacted
    }

    /// Bytes of all revisions that are not compacted, keys included.
    #[must_use]
    pub fn logical_bytes(&self) -> i64 {
        self.image.logical_bytes
    }

    /// How many keys are alive.
    #[must_use]
    pub fn keys(&self) -> u64 {
        self.image.index.count(Interval::From(b""))
    }

    /// Whether no read can need the backend: all history is in memory.
    #[must_use]
    pub fn is_memory_only(&self) -> bool {
        self.image.shelf.segments.is_empty() || self.image.recents.after() <= 1
    }

    /// Whether this range can be answered without the backend. A "no" may be wrong for a range of
    /// many keys, a "yes" never is.
    #[must_use]
    pub fn is_in_memory(&self, request: &RangeRequest) -> bool {
        if request.count_only || self.is_memory_only() {
            return true;
        }
        let Ok(at) = self.image.visible(request.revision, self.image.revision) else { return true };
        let interval = Interval::new(&request.key, &request.range_end);
        let found = self.image.find(interval, at, self.image.revision, LOOKED_AT_MAX);
        let after = self.image.recents.after();
        found.len() < LOOKED_AT_MAX && found.iter().all(|(_, mark)| mark.main > after)
    }

    /// Evaluates a range.
    ///
    /// # Errors
    /// `Compacted`, `FutureRevision`, or the backend failed.
    pub fn range(&self, request: &RangeRequest) -> Result<RangeAnswer, ReadError> {
        let answer = self.image.range(request, self.image.revision)?;
        if answer.more {
            // The reader will be back for the next page: the store keeps this root for it.
            self.paged.store(true, Ordering::Relaxed);
        }
        Ok(answer)
    }

    /// Runs a transaction that only reads.
    ///
    /// # Errors
    /// As [`View::range`].
    ///
    /// # Panics
    /// When it contains anything but ranges.
    pub fn txn(&self, request: &TxnRequest) -> Result<TxnAnswer, ReadError> {
        self.image.read_txn(request)
    }

    /// The encoded pair that a watcher of an event gets as the previous one; `None` when there was
    /// none or it is compacted.
    ///
    /// # Errors
    /// The backend failed.
    pub fn previous(&self, event: &Event) -> Result<Option<Bytes>, BackendError> {
        let before = event.revision().main - 1;
        if event.is_create() || before < self.image.compacted {
            return Ok(None);
        }
        match self.image.index.get(event.key(), before) {
            Some(mark) => self.image.stored(mark).map(Some),
            None => Ok(None),
        }
    }

    /// Checks the invariants; O(n).
    pub fn check(&self) {
        self.image.check();
    }
}
