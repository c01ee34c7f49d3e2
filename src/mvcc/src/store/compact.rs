//! Compaction: at once for readers, in slices for the index, later still for the backend.

use super::Store;
use crate::backend::Backend;
use crate::error::KvError;
use crate::index::Key;

/// How far the last compaction has come.
#[derive(Debug)]
pub(super) struct Compaction {
    /// Where the next slice begins; `None` when the index holds nothing dead.
    next: Option<Key>,
    /// The last compaction that is durable in the record.
    persisted: i64,
}

impl Compaction {
    /// A store whose record says `compacted` and whose index holds nothing dead under it.
    pub(super) fn recorded(compacted: i64) -> Compaction {
        Compaction { next: None, persisted: compacted }
    }

    /// The record with this compaction is durable.
    pub(super) fn persisted(&mut self, compacted: i64) {
        assert!(compacted >= self.persisted, "compaction {compacted} is recorded again");
        self.persisted = compacted;
    }

    /// Whether the index holds exactly what is alive under a compaction that is durable: only then
    /// may it tell a cleaning what is dead.
    pub(super) fn is_settled(&self, compacted: i64) -> bool {
        self.next.is_none() && self.persisted == compacted
    }

    /// Whether the index is swept and only the record does not say so yet.
    pub(super) fn is_unrecorded(&self, compacted: i64) -> bool {
        self.next.is_none() && self.persisted < compacted
    }
}

impl<B: Backend> Store<B> {
    /// Compacts: from now on reads below `revision` are refused. The index follows in slices.
    ///
    /// # Errors
    /// `Compacted` at or below the last compaction, `FutureRevision` above the current revision.
    pub fn compact(&mut self, revision: i64) -> Result<(), KvError> {
        if revision <= self.image.compacted {
            return Err(KvError::Compacted);
        }
        if revision > self.image.revision {
            return Err(KvError::FutureRevision);
        }
        self.image.compacted = revision;
        self.image.logical_bytes -= self.deaths.settle(revision);
        // A compaction that is still being swept is overtaken: what it made dead is dead under the
        // new one too, and the sweep begins again.
        self.compaction.next = Some(Key::from(&b""[..]));
        Ok(())
    }

    /// Visits up to `keys_max` keys and forgets their dead changes; true when there is more to do.
    pub fn compact_slice(&mut self, keys_max: usize) -> bool {
        let Some(from) = self.compaction.next.take() else { return false };
        let slice = self.image.index.compact(self.image.compacted, &from, keys_max);
        let written = self.cut.as_ref().map_or(self.flushed, |cut| cut.through);
        let segments = match &self.cut {
            Some(cut) => &cut.segments,
            None => &self.image.shelf.segments,
        };
        self.segments.bury(segments, written, &slice.dead);
        self.compaction.next = slice.next;
        self.compaction.next.is_some()
    }

    /// Whether [`Store::compact_slice`] has more to do.
    #[must_use]
    pub fn is_compacting(&self) -> bool {
        self.compaction.next.is_some()
    }

    /// The compaction up to which nothing dead can be found again, not even after a crash: the
    /// index is swept, and the record says so. Zero while a compaction is being swept.
    #[must_use]
    pub fn settled_compaction(&self) -> i64 {
        if self.compaction.next.is_some() { 0 } else { self.compaction.persisted }
    }

    /// Sweeps to the end; for recovery, which nobody waits behind.
    pub(super) fn compact_all(&mut self) {
        while self.compact_slice(4096) {}
    }
}
