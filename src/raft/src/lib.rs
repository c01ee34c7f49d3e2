//! The Raft consensus core: pure, without I/O, clocks or threads.
//!
//! [`Raft`] is a state machine. The driver tells it the time ([`Raft::tick`]), what peers said
//! ([`Raft::step`]), what clients want ([`Raft::propose`], [`Raft::read_index`]), what became
//! durable ([`Raft::persisted`]) and what was applied ([`Raft::applied`]); it asks
//! [`Raft::output`] what is to be done until nothing is.
//!
//! What the core promises: it speaks only what is durable (R3). A message that implies a vote, an
//! entry or a snapshot stays inside until the driver has reported the write it depends on, so a
//! driver may send all it is given at once and can still not break safety.
//!
//! What it never does: read a clock, draw from another source than its seed, look into a payload,
//! wait, or hold more than its configuration allows.
//!
//! The vocabulary and the message semantics are etcd-raft's, so that both can form one cluster;
//! sections cited as § are of the extended Raft paper, those of the dissertation are called so.
#![no_std]
extern crate alloc;
#[cfg(test)]
extern crate std;

mod config;
mod configuration;
mod entry;
mod error;
mod log;
mod message;
mod outbox;
mod output;
mod progress;
mod quorum;
mod raft;
mod read;
mod role;
mod status;
mod suspect;

pub use base::{Index, Instant, MemberId, Term};
pub use config::{Boot, Config, Decode};
pub use configuration::{ConfChange, ConfChangeKind, ConfChangeStep, Transition};
pub use entry::{ConfState, Entry, EntryKind, HardState, Position, SnapshotMeta};
pub use error::{ProposeError, Proposed, ReadError, TransferError};
pub use message::{Body, Message, RejectHint};
pub use output::{
    Append, AppendToken, CommitAdvance, Fetch, FetchId, Output, ReadState, RoleChange, Unavailable,
};
pub use raft::Raft;
pub use status::{PeerProgress, ProgressState, Role, Status};
