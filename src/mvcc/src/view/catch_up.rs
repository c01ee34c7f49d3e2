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
    /// Everything up to this main revision was looked at; the next part begins behind it.
    pub through: i64,
}

impl<S: BackendSnapshot> View<S> {
    /// Events with main revisions in `from..=to`, but not above the view's own: as many whole
    /// revisions as fit into about `bytes_max`, at least one.
    ///
    /// # Errors
    /// `Compacted` when `from` lies below the last compaction: part of that history is gone. Or the
    /// backend failed.
    pub fn read_revisions(
        &self,
        from: i64,
        to: i64,
        bytes_max: usize,
    ) -> Result<CatchUp, ReadError> {
        if from < self.image.compacted {
            return Err(KvError::Compacted.into());
        }
        let to = to.min(self.image.revision);
        let mut part = Gathering { events: Vec::new(), bytes: 0, bytes_max };
        let after = self.image.recents.after();
        for entry in self.image.shelf.scan(from, to.min(after)) {
            let (revision, stored) = entry?;
            if !part.admits(revision) {
                return Ok(part.cut(revision.main - 1));
            }
            part.add(revision, &stored)?;
        }
        for (revision, stored) in self.image.recents.from(from.max(after + 1)) {
            if revision.main > to {
                break;
            }
            if !part.admits(revision) {
                return Ok(part.cut(revision.main - 1));
            }
            part.add(revision, stored)?;
        }
        Ok(part.cut(to))
    }
}

/// A part that is being filled.
struct Gathering {
    events: Vec<Event>,
    bytes: usize,
    bytes_max: usize,
}

impl Gathering {
    /// Whether the next change belongs to this part: a full one ends between two revisions.
    fn admits(&self, next: Revision) -> bool {
        let last = self.events.last().map(|event| event.revision().main);
        last.is_none_or(|last| last == next.main) || self.bytes < self.bytes_max
    }

    fn add(&mut self, revision: Revision, stored: &Stored) -> Result<(), BackendError> {
        self.bytes += stored.bytes.len();
        self.events.push(Event::of(revision, stored)?);
        Ok(())
    }

    fn cut(self, through: i64) -> CatchUp {
        CatchUp { events: self.events, through }
    }
}
