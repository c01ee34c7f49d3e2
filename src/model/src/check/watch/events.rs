//! The events that happened, by revision, as the oracle produced them.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use proto::mvccpb::Event;

/// All events up to the current revision.
#[derive(Clone, Debug)]
pub struct EventLog {
    events: BTreeMap<i64, Vec<Event>>,
    revision: i64,
    compacted: i64,
}

impl Default for EventLog {
    fn default() -> EventLog {
        EventLog { events: BTreeMap::new(), revision: 1, compacted: -1 }
    }
}

impl EventLog {
    /// Appends the events of the next revision.
    ///
    /// # Panics
    /// When it is not the next, or has no events.
    pub fn append(&mut self, revision: i64, events: Vec<Event>) {
        assert!(revision == self.revision + 1, "{revision} after {}", self.revision);
        assert!(!events.is_empty(), "revision {revision} changed nothing");
        self.revision = revision;
        self.events.insert(revision, events);
    }

    /// Tells that the history was compacted.
    pub fn compact(&mut self, revision: i64) {
        assert!(revision <= self.revision, "{revision} is above {}", self.revision);
        self.compacted = self.compacted.max(revision);
    }

    /// The current revision.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.revision
    }

    /// The last compaction; -1 before the first.
    #[must_use]
    pub fn compacted(&self) -> i64 {
        self.compacted
    }

    /// The events of some revisions with their revision, in order.
    pub fn between(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, &Event)> {
        let to = to.max(from - 1);
        let revisions = self.events.range(from..to.saturating_add(1));
        revisions.flat_map(|(revision, events)| events.iter().map(move |event| (*revision, event)))
    }
}
