//! Giving space back: what is alive of some neighbouring segments is written to a new one, the map
//! is switched and made durable, and only then the old ones go (BK3).
//!
//! A dead tombstone is what makes an older put of its key dead, and after a restart nothing else
//! tells: it stays as long as a segment before it holds anything dead, or its key would come back.
//!
//! It never takes away what a read, a watch or a hash at or above the compaction could ask for, and
//! it is invisible to them: views that began before keep the old segments alive.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use super::{Segment, Shelf};
use crate::backend::{Backend, BackendError, BackendSnapshot, Change};
use crate::index::Index;
use crate::keyvalue;
use crate::recent::Stored;
use crate::revision::{ENCODED_LEN, Revision};

/// A cleaning that was planned.
#[derive(Debug)]
pub struct Clean<S> {
    pub(crate) shelf: Arc<Shelf<S>>,
    /// Holds exactly what is alive under `compacted`, and what came later.
    pub(crate) index: Index,
    pub(crate) compacted: i64,
    pub(crate) replaced: Vec<Segment>,
    pub(crate) into: Segment,
    /// Whether no segment before holds anything dead, so that dead tombstones can go.
    pub(crate) drops_tombstones: bool,
}

/// A cleaning that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaned {
    pub(crate) replaced: Vec<Segment>,
    pub(crate) into: Segment,
    /// Bytes in the new segment.
    pub kept_bytes: u64,
    /// Bytes of dead tombstones among them.
    pub held_bytes: u64,
    /// Bytes that are gone.
    pub dropped_bytes: u64,
}

impl Cleaned {
    /// Puts the new segment in the place of the old ones.
    pub(crate) fn apply(&self, segments: &mut Vec<Segment>) {
        segments.retain(|segment| !self.replaced.contains(segment));
        let at = segments.partition_point(|segment| segment.from < self.into.from);
        segments.insert(at, self.into);
    }
}

/// The living entries of a cleaning, counted on their way; ends early at an error.
struct Living<'a, S, I> {
    clean: &'a Clean<S>,
    entries: I,
    kept_bytes: u64,
    held_bytes: u64,
    dropped_bytes: u64,
    error: Option<BackendError>,
}

impl<S, I> Living<'_, S, I>
where
    I: Iterator<Item = Result<(Revision, Stored), BackendError>>,
{
    fn is_dead(&self, revision: Revision, stored: &Stored) -> Result<bool, BackendError> {
        if revision.main >= self.clean.compacted {
            return Ok(false);
        }
        let pair = keyvalue::decode(&stored.bytes)?;
        let (index, compacted) = (&self.clean.index, self.clean.compacted);
        Ok(index.is_dead(&pair.key, revision.main, revision.sub, compacted))
    }

    fn step(&mut self) -> Result<Option<(Bytes, Bytes)>, BackendError> {
        while let Some(entry) = self.entries.next() {
            let (revision, stored) = entry?;
            // As the ledger counts them.
            let bytes = (ENCODED_LEN + stored.bytes.len()) as u64;
            let is_dead = self.is_dead(revision, &stored)?;
            if is_dead && (self.clean.drops_tombstones || !stored.tombstone) {
                self.dropped_bytes += bytes;
                continue;
            }
            self.kept_bytes += bytes;
            self.held_bytes += if is_dead { bytes } else { 0 };
            return Ok(Some((revision.encode(stored.tombstone), stored.bytes)));
        }
        Ok(None)
    }
}

impl<S, I> Iterator for Living<'_, S, I>
where
    I: Iterator<Item = Result<(Revision, Stored), BackendError>>,
{
    type Item = (Bytes, Bytes);

    fn next(&mut self) -> Option<(Bytes, Bytes)> {
        if self.error.is_some() {
            return None;
        }
        self.step().unwrap_or_else(|error| {
            self.error = Some(error);
            None
        })
    }
}

impl<S: BackendSnapshot> Clean<S> {
    /// Bytes are read and written on the calling thread until it is done: the flusher's, between
    /// two cuts.
    ///
    /// # Errors
    /// The backend failed. The member stops; what is half done is undone when it starts.
    pub fn run<B: Backend<Snapshot = S>>(&self, backend: &B) -> Result<Cleaned, BackendError> {
        let (from, to) = (self.into.from, self.into.to);
        assert!(to < i64::MAX, "the segment that grows is cleaned");
        let name = self.into.keyspace();
        backend.create(&name)?;
        let mut living = Living {
            clean: self,
            entries: self.shelf.scan(from, to),
            kept_bytes: 0,
            held_bytes: 0,
            dropped_bytes: 0,
            error: None,
        };
        backend.ingest(&name, &mut living)?;
        if let Some(error) = living.error {
            return Err(error);
        }
        let Living { kept_bytes, held_bytes, dropped_bytes, .. } = living;
        let mut map: Vec<Change> = self.replaced.iter().map(Segment::unmapped).collect();
        map.push(self.into.mapped());
        backend.commit(map)?;
        // A map that a power loss takes back would name segments that are gone.
        backend.persist()?;
        for segment in &self.replaced {
            backend.delete(&segment.keyspace())?;
        }
        let (replaced, into) = (self.replaced.clone(), self.into);
        Ok(Cleaned { replaced, into, kept_bytes, held_bytes, dropped_bytes })
    }
}
