//! Sending a snapshot to a follower whose next entries are gone from the log: made from a view, in
//! pieces, at the pace of the connection; a few at a time.
//!
//! While one is on its way the log is kept from its index on, so that the follower can go on from
//! there. A connection that makes no progress is given up, and the core asks again.

use std::sync::Arc;
use std::time::Duration;

use base::{Index, MemberId, Term, mark};
use bytes::Bytes;
use futures_util::future::try_join;
use prost::Message as _;
use proto::raftpb;
use raft::{Body, Message, SnapshotMeta};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::content::{Content, capture};
use super::file::{self, FileError, SnapshotFile};
use crate::api::{Snapshot, until};
use crate::applier::Work;
use crate::convert::conf_state;
use crate::env::{Env, Net};
use crate::raft_task::input::Notice;

/// Pieces that wait for the connection.
const WAITING_MAX: usize = 4;
/// A connection that takes nothing for this long is given up.
const PROGRESS_TIMEOUT: Duration = Duration::from_secs(30);
/// What the receiver may need besides the transfer: it syncs and checks the file.
const TRANSFER_TIMEOUT_MIN: Duration = Duration::from_secs(120);
/// The slowest transfer that is waited for, in bytes a second.
const TRANSFER_RATE_MIN: u64 = 256 << 10;

/// A follower that needs a snapshot, and the term in which this member led it. In another term the
/// message is an old leader's, whatever this member has become meanwhile.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    pub to: MemberId,
    pub term: Term,
}

/// The running sender.
pub(crate) struct Sender<E: Env> {
    pub env: E,
    pub own: MemberId,
    pub wanted: mpsc::UnboundedReceiver<Wanted>,
    pub notices: mpsc::UnboundedSender<Notice>,
    pub applier: mpsc::UnboundedSender<Work<E>>,
    pub sending_max: usize,
    pub chunk_bytes: usize,
}

impl<E: Env> Sender<E> {
    /// Answers each request of the core.
    pub(crate) async fn run(mut self) {
        let turns = Arc::new(Semaphore::new(self.sending_max));
        while let Some(wanted) = self.wanted.recv().await {
            let turn = turns.clone().acquire_owned().await;
            let turn = turn.expect("the semaphore is never closed");
            let sending = Sending {
                env: self.env.clone(),
                own: self.own,
                wanted,
                notices: self.notices.clone(),
                applier: self.applier.clone(),
                chunk_bytes: self.chunk_bytes,
                _turn: turn,
            };
            self.env.spawn("snapshot-send", sending.run());
        }
    }
}

/// One snapshot on its way.
struct Sending<E: Env> {
    env: E,
    own: MemberId,
    wanted: Wanted,
    notices: mpsc::UnboundedSender<Notice>,
    applier: mpsc::UnboundedSender<Work<E>>,
    chunk_bytes: usize,
    _turn: OwnedSemaphorePermit,
}

impl<E: Env> Sending<E> {
    async fn run(self) {
        let ok = self.send().await.is_some();
        match ok {
            true => mark!("snapshot: sent"),
            false => mark!("snapshot: not sent"),
        }
        let _stopping = self.notices.send(Notice::SnapshotSent { to: self.wanted.to, ok });
    }

    /// `None` when it did not arrive whole.
    async fn send(&self) -> Option<()> {
        let content = capture(&self.applier).await?;
        let meta = meta_of(&content)?;
        self.pin(meta.index);
        let planned = file::plan(&self.env, content, self.chunk_bytes).await;
        let file = planned.map_err(|error| self.failed(&error)).ok()?;
        let bytes = file.bytes();
        let message = Message {
            from: self.own,
            to: self.wanted.to,
            term: self.wanted.term,
            body: Body::Snapshot { meta, data: Bytes::new() },
        };
        let (sink, body) = mpsc::channel(WAITING_MAX);
        let sending = async {
            let sent = self.env.net().send_snapshot(message, body, bytes).await;
            sent.map_err(|_| ())
        };
        let patience = TRANSFER_TIMEOUT_MIN + Duration::from_secs(bytes / TRANSFER_RATE_MIN);
        let both = try_join(self.make(file, sink), sending);
        until(&self.env, self.env.now() + patience, both).await?.ok().map(|_| ())
    }

    fn pin(&self, index: Index) {
        let to = self.wanted.to;
        let _stopping = self.notices.send(Notice::SnapshotBegun { to, index });
    }

    /// Gives the connection the file; an error when it takes nothing for too long.
    async fn make(
        &self,
        file: SnapshotFile<Snapshot<E>>,
        sink: mpsc::Sender<Bytes>,
    ) -> Result<(), ()> {
        let taken = file::pump(&self.env, file, &sink, Some(PROGRESS_TIMEOUT)).await;
        match taken {
            Ok(true) => Ok(()),
            Ok(false) => Err(()),
            Err(error) => {
                self.failed(&error);
                Err(())
            }
        }
    }

    /// A backend that cannot be read ends the member; a state that does not fit into the file's
    /// format leaves only the follower without it.
    fn failed(&self, error: &FileError) {
        let text = format!("a snapshot cannot be made: {error}");
        match error {
            FileError::Backend(_) => self.env.fail_stop(&text),
            FileError::Write(_) => self.env.warn(&text),
        }
    }
}

/// Where a content stands; `None` before the first configuration.
fn meta_of<S: mvcc::BackendSnapshot>(content: &Content<S>) -> Option<SnapshotMeta> {
    let recorded = &content.recorded;
    let message = raftpb::ConfState::decode(recorded.configuration.clone()).ok()?;
    let conf_state = conf_state(&message);
    let is_set = !recorded.configuration.is_empty();
    is_set.then_some(SnapshotMeta { index: recorded.index, term: recorded.term, conf_state })
}
