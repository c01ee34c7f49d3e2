//! The segments as a reader has them: a map and a snapshot that agree.
//!
//! A reader holds the shelf it began with; segments that are cleaned away meanwhile stay readable
//! through its snapshot.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use bytes::Bytes;

use super::Segment;
use crate::backend::{BackendError, BackendSnapshot, Scan};
use crate::recent::Stored;
use crate::revision::Revision;

/// A consistent image of all revisions in the backend.
#[derive(Clone, Debug)]
pub struct Shelf<S> {
    /// The backend at the time of the map.
    pub snapshot: S,
    /// The map, ascending.
    pub segments: Vec<Segment>,
}

impl<S: BackendSnapshot> Shelf<S> {
    /// The stored value of a put.
    ///
    /// # Errors
    /// The backend failed, or does not have a revision that must be there.
    pub fn get(&self, revision: Revision) -> Result<Bytes, BackendError> {
        let at = self.segments.partition_point(|segment| segment.to < revision.main);
        let found = match self.segments.get(at) {
            Some(segment) => self.snapshot.get(&segment.keyspace(), &revision.encode(false))?,
            None => None,
        };
        found.ok_or_else(|| BackendError {
            message: format!("revision {revision} is missing in the backend"),
            no_space: false,
        })
    }

    /// All entries with main revisions in `from..=through`, ascending.
    pub fn scan(&self, from: i64, through: i64) -> ShelfScan<'_, S> {
        let next = self.segments.partition_point(|segment| segment.to < from);
        ShelfScan { shelf: self, from, through, next, current: None }
    }
}

/// Entries of several segments in order. After an error it ends.
pub struct ShelfScan<'a, S> {
    shelf: &'a Shelf<S>,
    from: i64,
    through: i64,
    next: usize,
    current: Option<Scan<'a>>,
}

impl<'a, S: BackendSnapshot> ShelfScan<'a, S> {
    /// Opens the next segment, within its own bounds: a segment may hold revisions beyond them that
    /// a crash left there and that were written again behind it.
    fn open(&mut self) -> Option<Scan<'a>> {
        let segment = self.shelf.segments.get(self.next)?;
        self.next += 1;
        let (from, through) = (segment.from.max(self.from), segment.to.min(self.through));
        if from > through {
            self.next = self.shelf.segments.len();
            return None;
        }
        let end = through.checked_add(1).map(Revision::encode_first);
        let start = Revision::encode_first(from);
        Some(self.shelf.snapshot.scan(&segment.keyspace(), &start, end.as_deref()))
    }

    fn fail(&mut self, error: BackendError) -> BackendError {
        self.next = self.shelf.segments.len();
        self.current = Some(Box::new(core::iter::empty()));
        error
    }
}

impl<S: BackendSnapshot> Iterator for ShelfScan<'_, S> {
    type Item = Result<(Revision, Stored), BackendError>;

    fn next(&mut self) -> Option<Result<(Revision, Stored), BackendError>> {
        loop {
            if self.current.is_none() {
                self.current = Some(self.open()?);
            }
            match self.current.as_mut()?.next() {
                Some(Ok((key, bytes))) => {
                    let Some((revision, tombstone)) = Revision::decode(&key) else {
                        let message = format!("{key:?} in a segment is no revision");
                        return Some(Err(self.fail(BackendError { message, no_space: false })));
                    };
                    return Some(Ok((revision, Stored { bytes, tombstone })));
                }
                Some(Err(error)) => return Some(Err(self.fail(error))),
                None => self.current = None,
            }
        }
    }
}
