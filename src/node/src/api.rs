//! The logic of every RPC, free of transport: typed request in, encoded response out.
//!
//! Answers are protobuf bytes, because what is stored encoded is passed through as it is. Dropping
//! a call's future leaves nothing behind but its proposal.

mod auth;
pub(crate) mod cluster;
mod downgrade;
mod election;
mod header;
mod identify;
mod kv;
mod lease;
mod lock;
mod maintenance;
mod payload;
mod propose;
mod queue;
mod snapshot;
mod watch;

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use bytes::Bytes;
use proto::etcdserverpb as pb;
use tokio::sync::mpsc;

use crate::Outcome;
use crate::applier::{Views, Work};
use crate::auth::{Credentials, SimpleTokens};
use crate::barrier::Arrivals;
use crate::config::NodeConfig;
use crate::env::Env;
use crate::error::ApiError;
use crate::ids::RequestIds;
use crate::metrics::Metrics;
use crate::raft_task::input::Command;
use crate::shared::Shared;
use crate::waiters::Waiters;

/// Who calls, carried with every request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caller {
    /// What tells who it is.
    pub credentials: Credentials,
    /// Whether the call demands that a leader is known (`hasleader` metadata).
    pub require_leader: bool,
}

impl Caller {
    /// The member itself, which may do everything.
    #[must_use]
    pub fn root() -> Caller {
        Caller { credentials: Credentials::Root, require_leader: false }
    }
}

/// An encoded response or an error.
pub type Answer = Result<Bytes, ApiError>;

/// What the HTTP endpoints and the shell want to know about the member, without an RPC.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overview {
    /// The cluster's id.
    pub cluster: base::ClusterId,
    /// This member's id.
    pub member: base::MemberId,
    /// The leader, zero when unknown.
    pub leader: base::MemberId,
    /// Whether this member is a learner.
    pub is_learner: bool,
    /// Current term.
    pub term: base::Term,
    /// Commit index.
    pub committed: base::Index,
    /// Applied index.
    pub applied: base::Index,
    /// Store revision.
    pub revision: i64,
    /// Compaction revision, -1 until the first.
    pub compact_revision: i64,
    /// `X.Y.0`, or empty while undecided.
    pub cluster_version: String,
    /// Revision of users and roles, one in the beginning.
    pub auth_revision: u64,
    /// Active alarms: member and kind (`etcdserverpb.AlarmType`).
    pub alarms: Vec<(base::MemberId, i32)>,
}

/// What is asked of the member before each call, lent out so that nothing is allocated for it.
#[derive(Clone, Copy, Debug)]
pub struct Standing<'a> {
    /// Whether a leader is known.
    pub has_leader: bool,
    /// Whether this member is a learner.
    pub is_learner: bool,
    /// `X.Y.0`, or empty while undecided.
    pub cluster_version: &'a str,
}

pub(crate) use self::propose::{Barrier, until};

/// What all calls of a member share.
pub(crate) struct Inner<E: Env> {
    pub env: E,
    pub config: NodeConfig,
    pub cluster: base::ClusterId,
    pub member: base::MemberId,
    pub ids: Arc<RequestIds>,
    /// Linearizable reads so far; counted only where facts are observed.
    pub reads: AtomicU64,
    pub waiters: Waiters<Outcome>,
    pub arrivals: Arc<Arrivals>,
    pub shared: Arc<Shared>,
    pub views: Arc<Views<E>>,
    pub commands: mpsc::Sender<Command>,
    pub applier: mpsc::UnboundedSender<Work<E>>,
    pub metrics: Arc<Metrics>,
    pub room: Arc<crate::space::Room>,
    pub read_pace: crate::read_pace::ReadPace,
    pub lessor: Arc<crate::lessor::Lessor>,
    pub renewals: Arc<crate::renewals::Renewals>,
    pub hashes: Arc<crate::hashes::CompactionHashes>,
    pub watches: Arc<crate::watch_task::Watches>,
    /// Simple tokens that are in use.
    pub tokens: Arc<SimpleTokens>,
    /// Passwords that may be hashed or compared at a time.
    pub password_turns: Arc<tokio::sync::Semaphore>,
    /// Clients that may take a snapshot at a time.
    pub snapshot_streams: Arc<tokio::sync::Semaphore>,
}

/// The calls of one member; cheap to clone.
pub struct Api<E: Env> {
    pub(crate) inner: Arc<Inner<E>>,
}

impl<E: Env> Clone for Api<E> {
    fn clone(&self) -> Api<E> {
        Api { inner: self.inner.clone() }
    }
}

pub(crate) type Snapshot<E> = <<E as Env>::Backend as mvcc::Backend>::Snapshot;

impl<E: Env> Api<E> {
    /// Refuses a call that demands a leader while none is known.
    fn require_leader(&self, caller: &Caller) -> Result<(), ApiError> {
        match caller.require_leader && self.inner.shared.leader().is_zero() {
            true => Err(ApiError::NO_LEADER),
            false => Ok(()),
        }
    }

    /// What the member counts.
    #[must_use]
    pub fn metrics(&self) -> &Metrics {
        &self.inner.metrics
    }

    /// How many watchers and watch streams there are.
    #[must_use]
    pub fn watch_counts(&self) -> (usize, usize) {
        let (watchers, streams, _) = self.inner.watches.hub().counts();
        (watchers, streams)
    }

    /// What the tasks share: leader, term, indexes.
    #[must_use]
    pub fn shared(&self) -> &Shared {
        &self.inner.shared
    }
}

impl<E: Env> Api<E> {
    /// Lends out what is asked of the member before each call.
    pub fn standing<T>(&self, look: impl FnOnce(Standing<'_>) -> T) -> T {
        let own = self.inner.member;
        self.inner.views.peek(|view| {
            let member = view.rest.members.iter().find(|member| member.member_id() == own);
            look(Standing {
                has_leader: !self.inner.shared.leader().is_zero(),
                is_learner: member.is_some_and(|member| member.is_learner),
                cluster_version: &view.rest.cluster_version,
            })
        })
    }

    /// What the member knows about itself now.
    #[must_use]
    pub fn overview(&self) -> Overview {
        let shared = &self.inner.shared;
        let view = self.inner.views.load();
        let own = view.rest.members.iter().find(|m| m.member_id() == self.inner.member);
        let alarm = |alarm: &pb::AlarmMember| (base::MemberId(alarm.member_id), alarm.alarm);
        Overview {
            cluster: self.inner.cluster,
            member: self.inner.member,
            leader: shared.leader(),
            is_learner: own.is_some_and(|member| member.is_learner),
            term: shared.term(),
            committed: shared.committed(),
            applied: view.applied,
            revision: view.keys.revision(),
            compact_revision: view.keys.compact_revision(),
            cluster_version: view.rest.cluster_version.clone(),
            auth_revision: view.rest.auth.revision(),
            alarms: view.rest.alarms.iter().map(alarm).collect(),
        }
    }
}
