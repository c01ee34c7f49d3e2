//! Multi-version keys: revisions, the key index, evaluation of ranges and transactions, compaction
//! and hashes, over any [`Backend`].
//!
//! One [`Store`] applies requests, in memory, in the order of the log. Readers hold a [`View`]: an
//! image after one applied batch. A flusher brings the revisions into the backend behind the store
//! ([`flusher`]), and a cleaner gives back the space of what was compacted ([`segment::clean`]).
//!
//! The crate knows no log, no clock, no thread and no file. What a request answers is a function of
//! the requests before it: the size of a cache, the progress of a flush or of the cleaner never
//! shows.
#![no_std]
extern crate alloc;
#[cfg(any(test, feature = "memory"))]
extern crate std;

pub mod answer;
pub mod backend;
pub mod cost;
pub mod error;
pub mod event;
pub mod flusher;
mod image;
pub mod index;
pub mod interval;
pub mod keyvalue;
pub mod knobs;
#[cfg(any(test, feature = "memory"))]
pub mod memory;
mod range;
pub mod recent;
pub mod revision;
pub mod segment;
pub mod store;
#[cfg(test)]
mod testing;
pub mod tree;
pub mod txn;
pub mod validate;
pub mod view;

pub use answer::{Answer, DeleteRangeAnswer, Header, OpAnswer, PutAnswer, RangeAnswer, TxnAnswer};
pub use backend::{Backend, BackendError, BackendSnapshot, Change, Scan};
pub use error::{KvError, ReadError};
pub use event::Event;
pub use interval::Interval;
pub use knobs::Knobs;
pub use revision::Revision;
pub use segment::clean::{Clean, Cleaned};
pub use store::{Flush, Recorded, RestoreError, Store};
pub use view::{CatchUp, KvHash, Living, Part, RangeStream, View};

/// Which leases exist, as a put asks.
pub trait LeaseLookup {
    /// Whether there is a lease with this id.
    fn exists(&self, id: i64) -> bool;
}
