//! What watchers are told of: the events of one revision, encoded once and shared.

use alloc::vec::Vec;

use bytes::Bytes;

/// One change of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WatchEvent {
    /// The key.
    pub key: Bytes,
    /// Whether the key was deleted; else it was put.
    pub is_delete: bool,
    /// The change as an encoded `mvccpb.KeyValue`.
    pub kv: Bytes,
    /// What stood there before, encoded; present when it existed, is known, and somebody may want
    /// it.
    pub prev_kv: Option<Bytes>,
}

impl WatchEvent {
    /// Bytes that the event is charged in a queue.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.kv.len() + self.prev_kv.as_ref().map_or(0, Bytes::len) + 16
    }
}

/// All events of one revision, in the order of their sub-revisions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    /// The revision.
    pub revision: i64,
    /// Its events; never empty.
    pub events: Vec<WatchEvent>,
}
