//! One stream: its watchers and the responses that wait to be taken.

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};

use crate::response::Response;
use crate::watcher::Watcher;

/// Names a stream for as long as the hub lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StreamId(pub u64);

/// A stream.
#[derive(Debug, Default)]
pub(crate) struct Stream {
    pub(crate) watchers: BTreeMap<i64, Watcher>,
    /// Ids of watchers that a compaction ended: as in etcd taken until they are cancelled.
    pub(crate) ended: BTreeSet<i64>,
    queue: VecDeque<Response>,
    queued_bytes: usize,
    next_id: i64,
}

impl Stream {
    /// The first free id at or above the last one given.
    pub(crate) fn pick_id(&mut self) -> i64 {
        while self.is_taken(self.next_id) {
            self.next_id += 1;
        }
        let id = self.next_id;
        self.next_id += 1;
        id
    }

    /// Whether a watcher has this id, or had it when a compaction ended it.
    pub(crate) fn is_taken(&self, id: i64) -> bool {
        self.watchers.contains_key(&id) || self.ended.contains(&id)
    }

    /// Whether events may be queued: one revision is always admitted to an empty queue.
    pub(crate) fn has_room(&self, bytes_max: usize) -> bool {
        self.queue.is_empty() || self.queued_bytes < bytes_max
    }

    pub(crate) fn push(&mut self, response: Response) {
        self.queued_bytes += response.weight();
        self.queue.push_back(response);
    }

    pub(crate) fn pop(&mut self) -> Option<Response> {
        let response = self.queue.pop_front()?;
        let weight = response.weight();
        assert!(self.queued_bytes >= weight, "queue of {} gave {weight}", self.queued_bytes);
        self.queued_bytes -= weight;
        Some(response)
    }

    /// Whether every watcher is told of events as they are published.
    pub(crate) fn is_synced(&self) -> bool {
        self.watchers.values().all(|watcher| watcher.synced)
    }
}
