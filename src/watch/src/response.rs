//! What a stream is given, in order. Envelopes are written by the caller around shared bytes.

use alloc::vec::Vec;

use crate::event::WatchEvent;
use crate::watcher::CreateError;

/// The id that stands for the stream as a whole, or for no watcher.
pub const NO_WATCH: i64 = -1;

/// One response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// A watcher exists; comes before its first event.
    Created {
        /// Its id.
        watch_id: i64,
        /// The store's revision then.
        revision: i64,
    },
    /// A watcher was not created.
    Refused {
        /// Why.
        error: CreateError,
        /// The store's revision then.
        revision: i64,
    },
    /// Events of one watcher.
    Events {
        /// Its id.
        watch_id: i64,
        /// The revision of the header.
        revision: i64,
        /// In order; whole revisions.
        events: Vec<WatchEvent>,
        /// Whether `prev_kv` is sent.
        prev_kv: bool,
        /// Whether the response may be cut into fragments.
        fragment: bool,
    },
    /// No event at or below the revision will follow; for one watcher, or for all (id -1).
    Progress {
        /// The watcher, or -1.
        watch_id: i64,
        /// The revision.
        revision: i64,
    },
    /// The client ended a watcher.
    Canceled {
        /// Its id.
        watch_id: i64,
        /// The store's revision then.
        revision: i64,
    },
    /// A watcher ended because what it needs was compacted.
    Compacted {
        /// Its id.
        watch_id: i64,
        /// History begins here.
        compact_revision: i64,
    },
}

impl Response {
    /// Bytes charged in the stream's queue.
    pub(crate) fn weight(&self) -> usize {
        match self {
            Response::Events { events, .. } => {
                32 + events.iter().map(WatchEvent::weight).sum::<usize>()
            }
            _ => 32,
        }
    }
}
