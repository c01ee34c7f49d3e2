//! The public verbs of the core, as signatures; their bodies are being written.

use alloc::vec::Vec;

use base::{Index, Instant, MemberId};
use bytes::Bytes;

use crate::change::ConfChange;
use crate::config::{Boot, Config};
use crate::entry::{ConfState, Entry, EntryKind, SnapshotMeta};
use crate::error::{ProposeError, Proposed, ReadError, TransferError};
use crate::message::Message;
use crate::output::{AppendToken, FetchId, Output, Unavailable};
use crate::status::Status;

/// One member of a cluster.
#[derive(Debug)]
pub struct Raft {
    config: Config,
}

#[allow(
    unused_variables,
    clippy::missing_panics_doc,
    clippy::needless_pass_by_value,
    clippy::missing_errors_doc,
    missing_docs
)]
impl Raft {
    pub fn new(config: Config, boot: Boot, now: Instant) -> Raft {
        Raft { config }
    }
    pub fn tick(&mut self, now: Instant) {}
    #[must_use]
    pub fn deadline(&self) -> Instant {
        Instant::ORIGIN
    }
    pub fn step(&mut self, message: Message) {}
    pub fn propose(&mut self, payloads: Vec<Bytes>) -> Result<Proposed, ProposeError> {
        Err(ProposeError::NoLeader)
    }
    pub fn propose_configuration(
        &mut self,
        kind: EntryKind,
        data: Bytes,
        change: &ConfChange,
    ) -> Result<Proposed, ProposeError> {
        Err(ProposeError::NoLeader)
    }
    pub fn read_index(&mut self, context: Bytes) -> Result<(), ReadError> {
        Err(ReadError::NoLeader)
    }
    pub fn transfer_leadership(&mut self, to: MemberId) -> Result<(), TransferError> {
        Err(TransferError::NoLeader)
    }
    pub fn campaign(&mut self) {}
    pub fn persisted(&mut self, token: AppendToken) {}
    pub fn applied(&mut self, index: Index) {}
    pub fn apply_configuration(&mut self, change: &ConfChange) -> ConfState {
        ConfState::default()
    }
    pub fn fetched(&mut self, fetch: FetchId, result: Result<Vec<Entry>, Unavailable>) {}
    pub fn released(&mut self, index: Index) {}
    pub fn report_unreachable(&mut self, id: MemberId) {}
    pub fn report_snapshot(&mut self, to: MemberId, ok: bool) {}
    pub fn snapshot_installed(&mut self, meta: &SnapshotMeta) {}
    pub fn snapshot_refused(&mut self) {}
    #[must_use]
    pub fn output(&mut self) -> Option<Output> {
        None
    }
    #[must_use]
    pub fn status(&self) -> Status {
        panic!("member {} is not yet built", self.config.id)
    }
    pub fn check(&self) {}
}
