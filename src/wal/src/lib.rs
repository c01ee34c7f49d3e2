//! The write-ahead log in etcd's format: record codec, segments, and what recovery decides.
//!
//! The crate is pure. [`Writer`] turns batches into [`Op`]s, which a driver carries out in order;
//! [`Recovery`] turns the bytes of the segments into a log, or says why it must not be used. Files
//! are byte for byte what etcd's `storage/wal` reads and writes.
//!
//! What it promises (identifiers of the reliability catalogue):
//! * one `Sync` per batch that needs one, and nothing follows an unsynced batch but a commit index
//!   that may be lost (L-a, M12);
//! * recovery yields at least what was synced, unchanged (L1), and gives the same result when it is
//!   interrupted and repeated (L3), suspicion of lost entries included;
//! * a damaged frame that is followed by a later batch, or lies in any segment but the last, is
//!   corruption and never cut off (L2, M13).
//!
//! It never reads a clock, opens a file or retries: a failed operation ends the process.
#![no_std]
extern crate alloc;

mod encode;
mod error;
mod frame;
mod log;
mod message;
mod name;
mod op;
mod read;
mod recovery;
mod replay;
mod rotate;
mod suspect;
mod tail;
mod types;
mod varint;
mod writer;

pub use error::WalError;
pub use name::{SegmentName, leftovers};
pub use op::Op;
pub use read::read_entries;
pub use recovery::{Recovered, Recovery, Tail};
pub use suspect::Suspect;
pub use types::{Entry, EntryRef, HardState, Metadata, SnapshotMark};
pub use writer::Writer;
