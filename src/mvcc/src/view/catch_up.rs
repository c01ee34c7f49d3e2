//! The history in order of revisions, for watchers that are behind: from the backend first, then
//! from memory, a part at a time.

use alloc::vec::Vec;

use super::View;
use crate::backend::{BackendError, BackendSnapshot};
use crate::error::{KvError, ReadError};
use crate::event::Event;
use crate::recent::Stored;
use crate::revision::Revision;

/// A part of the history.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CatchUp {
    /// Events in order; a revision is never split over two parts.
    pub events: Vec<Event>,
    /// The main revision at which the next part begins.
    pub next: i64,
}

impl<S: BackendSnapshot> View<S> {
    /// Events with main revisions in `from..=through`, as many whole revisions as fit the budget,
    /// at least one. The part is the last when its `next` lies above `through`.
    ///
    /// # Errors
    /// `Compacted` when `from` lies below the last compaction, `FutureRevision` when `through` lies
    /// above the view; or the backend failed.
    pub fn read_revisions(&self, from: i64, through: i64) -> Result<CatchUp, ReadError> {
        if from < self.image.compacted {
            return Err(KvError::Compacted.into());
        }
        if through > self.image.revision {
            return Err(KvError::FutureRevision.into());
        }
        let mut part = Gathering { events: Vec::new(), bytes: 0, max: self.catch_up_bytes };
        let after = self.image.recents.after();
        for entry in self.image.shelf.scan(from, through.min(after)) {
            let (revision, stored) = entry?;
            if !part.admits(revision) {
                return Ok(part.cut(revision.main));
            }
            part.add(revision, &stored)?;
        }
        for (revision, stored) in self.image.recents.from(from.max(after + 1)) {
            if revision.main > through {
                break;
            }
            if !part.admits(revision) {
                return Ok(part.cut(revision.main));
            }
            part.add(revision, stored)?;
        }
        Ok(part.cut(through.max(from - 1) + 1))
    }
}

/// A part that is being filled.
struct Gathering {
    events: Vec<Event>,
    bytes: usize,
    max: usize,
}

impl Gathering {
    /// Whether the next change belongs to this part: a full one ends between two revisions.
    fn admits(&self, next: Revision) -> bool {
        let last = self.events.last().map(|event| event.revision().main);
        last.is_none_or(|last| last == next.main) || self.bytes < self.max
    }

    fn add(&mut self, revision: Revision, stored: &Stored) -> Result<(), BackendError> {
        self.bytes += stored.bytes.len();
        self.events.push(Event::of(revision, stored)?);
        Ok(())
    }

    fn cut(self, next: i64) -> CatchUp {
        CatchUp { events: self.events, next }
    }
}
