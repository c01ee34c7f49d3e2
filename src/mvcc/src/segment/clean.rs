//! Giving space back: what is alive of some neighbouring segments is written to a new one, the map
//! is switched and made durable, and only then the old ones go (BK3).
//!
//! It never takes away what a read, a watch or a hash at or above the compaction could ask for, and
//! it is invisible to them: views that began before keep the old segments alive. Nor does it take
//! away a deletion while an older segment may hold what was deleted: recovery, which reads all
//! segments, would bring that back to life.

use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use super::{Segment, Shelf};
use crate::backend::{Backend, BackendError, BackendSnapshot, Change};
use crate::index::Index;
use crate::keyvalue;
use crate::recent::Stored;
use crate::revision::Revision;

/// A cleaning that was planned.
#[derive(Debug)]
pub struct Clean<S> {
    pub(crate) shelf: Arc<Shelf<S>>,
    /// Holds exactly what is alive under `compacted`, and what came later.
    pub(crate) index: Index,
    pub(crate) compacted: i64,
    pub(crate) replaced: Vec<Segment>,
    pub(crate) into: Segment,
}

/// A cleaning that is done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cleaned {
    pub(crate) replaced: Vec<Segment>,
    pub(crate) into: Segment,
    /// Bytes in the new segment.
    pub kept_bytes: u64,
    /// Of those, dead deletions that hide what older segments may hold.
    pub(crate) hiding_bytes: u64,
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
    /// Whether there are older segments than those that are cleaned.
    hides: bool,
    kept_bytes: u64,
    hiding_bytes: u64,
    dropped_bytes: u64,
    error: Option<BackendError>,
}

impl<S, I> Living<'_, S, I>
where
    I: Iterator<Item = Result<(Revision, Stored), BackendError>>,
{
    /// Whether an entry is not dead.
    fn lives(&self, revision: Revision, stored: &Stored) -> Result<bool, BackendError> {
        if revision.main >= self.clean.compacted {
            return Ok(true);
        }
        let pair = keyvalue::decode(&stored.bytes)?;
        let (index, compacted) = (&self.clean.index, self.clean.compacted);
        Ok(!index.is_dead(&pair.key, revision.main, revision.sub, compacted))
    }

    fn step(&mut self) -> Result<Option<(Bytes, Bytes)>, BackendError> {
        while let Some(entry) = self.entries.next() {
            let (revision, stored) = entry?;
            let key = revision.encode(stored.tombstone);
            let bytes = (key.len() + stored.bytes.len()) as u64;
            let lives = self.lives(revision, &stored)?;
            if lives || (stored.tombstone && self.hides) {
                self.kept_bytes += bytes;
                self.hiding_bytes += if lives { 0 } else { bytes };
                return Ok(Some((key, stored.bytes)));
            }
            self.dropped_bytes += bytes;
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
            hides: self.shelf.segments.first().is_some_and(|oldest| oldest.from < from),
            kept_bytes: 0,
            hiding_bytes: 0,
            dropped_bytes: 0,
            error: None,
        };
        backend.ingest(&name, &mut living)?;
        if let Some(error) = living.error {
            return Err(error);
        }
        let Living { kept_bytes, hiding_bytes, dropped_bytes, .. } = living;
        let mut map: Vec<Change> = self.replaced.iter().map(Segment::unmapped).collect();
        map.push(self.into.mapped());
        backend.commit(map)?;
        // A map that a power loss takes back would name segments that are gone.
        backend.persist()?;
        for segment in &self.replaced {
            backend.delete(&segment.keyspace())?;
        }
        let (replaced, into) = (self.replaced.clone(), self.into);
        Ok(Cleaned { replaced, into, kept_bytes, hiding_bytes, dropped_bytes })
    }
}
