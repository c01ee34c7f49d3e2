//! The store: the only writer of keys. It applies requests in the order of the log, in memory; a
//! flusher brings the revisions into the backend behind it.
//!
//! What it promises: a refused request has changed nothing; a request that changed something got
//! exactly one main revision; what a request answers is a function of the requests before it. What
//! it never does: write to the backend (it reads it), look at a clock, or answer from a value that
//! the backend could not give. Such a local fault is remembered ([`Store::fault`]); from then on
//! nothing can be published, and the member stops.
//!
//! Invariants (`check`): those of the image; revisions above `flushed` are all in memory; at most
//! one cut is with the flusher; a compaction is swept before the next cleaning is planned.

mod clean;
mod compact;
mod deaths;
mod flush;
mod publish;
mod restore;
#[cfg(test)]
mod tests;
mod write;

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;
use proto::etcdserverpb::{DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest};

use crate::LeaseLookup;
use crate::answer::{DeleteRangeAnswer, PutAnswer, RangeAnswer, TxnAnswer};
use crate::backend::{Backend, BackendError};
use crate::error::{KvError, ReadError};
use crate::event::Event;
use crate::image::Image;
use crate::knobs::Knobs;
use compact::Compaction;
use deaths::Deaths;
use flush::Cut;
pub use flush::Flush;
use publish::Published;
pub use restore::{Recorded, RestoreError};
pub(crate) use write::Write;

/// All keys of one member.
pub struct Store<B: Backend> {
    backend: B,
    knobs: Knobs,
    image: Image<B::Snapshot>,
    /// Up to this revision the backend has everything, durably.
    flushed: i64,
    /// The cut that is with the flusher.
    cut: Option<Cut>,
    compaction: Compaction,
    deaths: Deaths,
    segments: flush::Ledger,
    /// Whether a cleaning is under way.
    cleaning: bool,
    published: Option<Published>,
    fault: Option<BackendError>,
}

impl<B: Backend> fmt::Debug for Store<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("revision", &self.image.revision)
            .field("compacted", &self.image.compacted)
            .field("flushed", &self.flushed)
            .finish_non_exhaustive()
    }
}

impl<B: Backend> Store<B> {
    /// A store over an empty backend.
    ///
    /// # Errors
    /// The backend failed.
    pub fn new(backend: &B, knobs: Knobs) -> Result<Store<B>, RestoreError> {
        Store::restore(backend, &Recorded::default(), knobs, &mut |_, _| {})
    }

    /// The last request that changed something; 1 in an empty store.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.image.revision
    }

    /// The last compaction; -1 before the first.
    #[must_use]
    pub fn compact_revision(&self) -> i64 {
        self.image.compacted
    }

    /// Why the backend could not be read while a request was applied. If there is anything, the
    /// answers since are void: the driver publishes none of them and ends the member.
    #[must_use]
    pub fn fault(&self) -> Option<&BackendError> {
        self.fault.as_ref()
    }

    /// Bytes of revisions in memory.
    #[must_use]
    pub fn recent_bytes(&self) -> u64 {
        self.image.recents.bytes()
    }

    /// Bytes of revisions that the backend does not have.
    #[must_use]
    pub fn unflushed_bytes(&self) -> usize {
        let bytes = self.image.recents.bytes_above(self.flushed);
        usize::try_from(bytes).expect("what is in memory is smaller than the address space")
    }

    /// Bytes of all revisions that are not compacted, keys included: a function of the requests so
    /// far, equal on all members. What a compaction makes dead is subtracted with its request.
    #[must_use]
    pub fn logical_bytes(&self) -> i64 {
        self.image.logical_bytes
    }

    /// A range, as of now.
    ///
    /// # Errors
    /// `Compacted`, `FutureRevision`.
    pub fn range(&mut self, request: &RangeRequest) -> Result<RangeAnswer, KvError> {
        let answer = self.image.range(request, self.image.revision);
        self.settle(answer)
    }

    /// Puts a pair.
    ///
    /// # Errors
    /// `LeaseNotFound`, `KeyNotFound`.
    pub fn put(
        &mut self,
        request: &PutRequest,
        leases: &dyn LeaseLookup,
    ) -> Result<(PutAnswer, Vec<Event>), KvError> {
        self.image.check_put(request, leases)?;
        let mut write = self.begin();
        let answer = write.put(request);
        let events = write.end();
        Ok((self.settle(answer.map_err(ReadError::from))?, events))
    }

    /// Deletes all pairs of a range.
    ///
    /// # Errors
    /// None at present.
    pub fn delete_range(
        &mut self,
        request: &DeleteRangeRequest,
    ) -> Result<(DeleteRangeAnswer, Vec<Event>), KvError> {
        let mut write = self.begin();
        let answer = write.delete_range(request);
        let events = write.end();
        Ok((self.settle(answer.map_err(ReadError::from))?, events))
    }

    /// Runs a transaction.
    ///
    /// # Errors
    /// Those of its operations, before any of them runs.
    pub fn txn(
        &mut self,
        request: &TxnRequest,
        leases: &dyn LeaseLookup,
    ) -> Result<(TxnAnswer, Vec<Event>), KvError> {
        let mut write = self.begin();
        let answer = write.txn(request, leases);
        let events = write.end();
        let answer = self.settle(answer)?;
        Ok((answer, events))
    }

    /// Deletes these keys, as far as they exist, in one revision and in the order given: the end of
    /// a lease.
    ///
    /// # Errors
    /// None at present.
    pub fn delete_keys(&mut self, keys: &[Bytes]) -> Result<Vec<Event>, KvError> {
        let mut write = self.begin();
        for key in keys {
            write.delete_key(key);
        }
        Ok(write.end())
    }

    /// Begins a request that may change something.
    fn begin(&mut self) -> Write<'_, B> {
        Write::new(&mut self.image, &mut self.deaths)
    }

    /// Keeps a local fault apart from what clients are told.
    fn settle<T>(&mut self, answer: Result<T, ReadError>) -> Result<T, KvError> {
        match answer {
            Ok(answer) => Ok(answer),
            Err(ReadError::Refused(refusal)) => Err(refusal),
            Err(ReadError::Backend(error)) => {
                self.fault.get_or_insert(error);
                // Never seen by anyone: a store with a fault publishes nothing.
                Err(KvError::KeyNotFound)
            }
        }
    }

    fn assert_sound(&self) {
        if let Some(fault) = &self.fault {
            panic!("a store whose backend failed is published: {fault}");
        }
    }

    /// Checks the invariants; O(n).
    pub fn check(&self) {
        self.image.check();
        self.deaths.check();
        assert!(self.flushed <= self.image.revision, "flushed {} is ahead", self.flushed);
        let after = self.image.recents.after();
        assert!(after <= self.flushed, "up to {after} dropped, up to {} flushed", self.flushed);
        if let Some(cut) = &self.cut {
            assert!(cut.through >= self.flushed, "a cut lies behind {}", self.flushed);
        }
        self.segments.check(&self.image.shelf.segments);
    }
}

/// A shelf that replaces the present one.
fn shelved<S>(image: &mut Image<S>, shelf: crate::segment::Shelf<S>) {
    image.shelf = Arc::new(shelf);
}
