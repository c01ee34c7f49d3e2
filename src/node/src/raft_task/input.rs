//! What the Raft task is told: commands of API calls, bounded in number, and notices of the
//! member's own tasks, bounded by what the Raft task itself has in flight.

use base::{Index, MemberId, RequestId, Term};
use bytes::Bytes;
use raft::{AppendToken, ConfChange, ConfState, Entry, FetchId, Message, SnapshotMeta, Status};
use tokio::sync::oneshot;

use crate::error::ApiError;

/// What an API call wants of Raft.
pub(crate) enum Command {
    /// Propose an entry; its waiter is registered under the id.
    Propose { id: RequestId, payload: Bytes },
    /// Propose a configuration change (an encoded `raftpb.ConfChange`).
    ProposeConfiguration { id: RequestId, payload: Bytes },
    /// Propose, as the leader of this term or not at all: what was decided by a leader's clock
    /// binds no other leader (P-c).
    ProposeInTerm { term: Term, payload: Bytes },
    /// Hand leadership over; answered when the attempt has begun or is refused.
    Transfer { to: MemberId, answer: oneshot::Sender<Result<(), ApiError>> },
    /// Hand leadership over to a voter that follows well and is none of these, if there is one.
    StepAside { avoid: Vec<MemberId> },
    /// Tell the core's state.
    Status { answer: oneshot::Sender<Status> },
    /// Stop: hand leadership over if there is somebody, then end.
    Stop,
}

/// What the member's own tasks report.
pub(crate) enum Notice {
    /// Everything handed to the log writer up to this token is durable, with this term and vote.
    Persisted { token: AppendToken, term: Term, vote: MemberId },
    /// The applier is done up to here.
    Applied(Index),
    /// The applier met a configuration change and waits for the configuration it leads to;
    /// `None` is a change that has no effect. A member that it removes is not heard any more.
    Configure {
        index: Index,
        change: Option<ConfChange>,
        removed: Option<MemberId>,
        answer: oneshot::Sender<ConfState>,
    },
    /// Entries that the core asked for, read from the log files.
    Fetched { fetch: FetchId, entries: Result<Vec<Entry>, raft::Unavailable> },
    /// A snapshot of the state at this index is on its way: the log behind it must stay.
    SnapshotBegun { to: MemberId, index: Index },
    /// A snapshot was sent, or could not be.
    SnapshotSent { to: MemberId, ok: bool },
    /// A leader's snapshot arrived; its file is durable and checked, if it was fetched at all. The
    /// answer says whether it will be installed.
    SnapshotArrived { message: Message, has_file: bool, answer: oneshot::Sender<bool> },
    /// The applier has done everything before the snapshot, whose mark is durable in the log, and
    /// applies nothing more before the state in it.
    Installed(SnapshotMeta),
    /// An installed snapshot names these as removed for ever.
    Removed(Vec<MemberId>),
    /// The log is marked up to this entry: the backend stands in for it. With the bytes that the
    /// log's files take.
    Checkpointed { index: Index, log_bytes: u64 },
    /// The log's files hold nothing up to here any more.
    Released(Index),
}
