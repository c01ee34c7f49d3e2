//! The machine itself: keys, leases, members, alarms and versions, changed by entries alone.

mod apply;
mod auth;
mod members;

pub use apply::has_put;

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use base::{Index, LeaseId, MemberId, Term};
use bytes::Bytes;
use mvcc::{Backend, Change, Store, View};
use proto::etcdserverpb::InternalRaftRequest;

use crate::alarm::Alarms;
use crate::auth::Auth;
use crate::downgrade::Downgrade;
use crate::lease::Leases;
use crate::membership::{Member, Membership};
use crate::record::{self, Recorded};
use crate::reply::{Refusal, Reply};

/// A committed entry, as far as the machine looks at it.
#[derive(Clone, Debug)]
pub struct Committed<'a> {
    /// Its term.
    pub term: Term,
    /// Its position; one above the last applied one.
    pub index: Index,
    /// Its payload.
    pub data: &'a Bytes,
}

/// What applying an entry led to.
#[derive(Debug)]
pub struct Applied {
    /// The request id in the payload, zero without one.
    pub request: u64,
    /// The answer.
    pub outcome: Result<Reply, Refusal>,
    /// The store's revision afterwards.
    pub revision: i64,
    /// The store's logical size afterwards.
    pub logical_bytes: i64,
    /// The logical size that the request asked for, as the quota counts it ([`crate::demand`]).
    pub demand: Option<i64>,
    /// Key events for watchers, in order; empty when no key changed.
    pub events: Vec<mvcc::Event>,
    /// What the driver must know.
    pub effects: Vec<Effect>,
}

/// What else an entry did, for the parts of a member that live outside the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// A lease exists from now on.
    LeaseGranted {
        /// The lease.
        id: LeaseId,
        /// Its time to live.
        ttl_seconds: i64,
    },
    /// A lease has ended.
    LeaseRevoked(LeaseId),
    /// A checkpoint of a lease's remaining time.
    LeaseCheckpointed {
        /// The lease.
        id: LeaseId,
        /// What remains; zero for the full time.
        remaining_seconds: i64,
    },
    /// The member list changed.
    MembersChanged,
    /// The cluster version changed.
    ClusterVersion(String),
    /// A downgrade began or ended.
    DowngradeChanged,
    /// History up to this revision is dead from now on.
    Compacted(i64),
    /// An alarm was raised or taken back.
    AlarmsChanged,
    /// Users, roles or whether they count have changed.
    AuthChanged,
    /// A user has this simple token from now on.
    TokenAssigned {
        /// The user.
        user: String,
        /// The token.
        token: String,
    },
    /// The simple tokens of a user, or of all users for `None`, are void.
    TokensVoid(Option<String>),
}

/// The replicated state of one member.
#[derive(Debug)]
pub struct Machine<B: Backend> {
    pub(crate) store: Store<B>,
    pub(crate) leases: Leases,
    pub(crate) members: Membership,
    pub(crate) alarms: Alarms,
    /// Shared with the views that readers have.
    pub(crate) auth: Arc<Auth>,
    pub(crate) cluster_version: String,
    pub(crate) downgrade: Option<Downgrade>,
    pub(crate) applied: (Index, Term),
    pub(crate) chain: u64,
    pub(crate) configuration: Bytes,
    pub(crate) learners_max: usize,
    /// The last compaction that was applied since somebody asked, and the state before it.
    pub(crate) compaction: Option<(i64, View<B::Snapshot>)>,
    /// Changes of the record since the last cut, in order.
    pub(crate) unrecorded: Vec<Change>,
}

impl<B: Backend> Machine<B> {
    /// The machine that a record and its store describe.
    #[must_use]
    pub fn new(store: Store<B>, recorded: &Recorded, learners_max: usize) -> Machine<B> {
        let mut machine = Machine {
            store,
            leases: Leases::default(),
            members: Membership::default(),
            alarms: Alarms::default(),
            auth: Arc::new(Auth::of(&recorded.auth)),
            cluster_version: recorded.cluster_version.clone(),
            downgrade: recorded.downgrade.clone(),
            applied: (recorded.index, recorded.term),
            chain: recorded.chain,
            configuration: recorded.configuration.clone(),
            learners_max,
            compaction: None,
            unrecorded: Vec::new(),
        };
        for &(id, ttl, remaining) in &recorded.leases {
            machine.leases.restore(id, ttl, remaining);
        }
        for member in &recorded.members {
            machine.members.restore(member.clone());
        }
        for &id in &recorded.removed {
            machine.members.restore_removed(id);
        }
        for &(kind, member) in &recorded.alarms {
            machine.alarms.activate(member, kind);
        }
        machine
    }

    /// Hangs a key that recovery read on its lease, which the record holds.
    pub fn attach_recovered(&mut self, key: &Bytes, lease: LeaseId) {
        if self.leases.get(lease).is_some() {
            self.leases.attach(key, lease);
        }
    }

    /// Applies an entry that is not a configuration change.
    ///
    /// # Panics
    /// When the entry does not follow the last applied one.
    pub fn apply(&mut self, entry: &Committed<'_>) -> Applied {
        self.advance(entry);
        let applied = apply::apply(self, entry.data);
        self.link(entry.index, &applied.outcome);
        applied
    }

    fn advance(&mut self, entry: &Committed<'_>) {
        let (last, last_term) = self.applied;
        assert_eq!(entry.index, last.next(), "entry {} applied behind {last}", entry.index);
        assert!(entry.term >= last_term, "term {} applied after {last_term}", entry.term);
        self.applied = (entry.index, entry.term);
    }

    /// Extends the chain over (index, answer), which is equal on all members at equal index.
    fn link(&mut self, index: Index, outcome: &Result<Reply, Refusal>) {
        let answer = match outcome {
            Ok(reply) => reply.checksum(),
            Err(refusal) => refusal.checksum(),
        };
        let mixed = (self.chain ^ index.get()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.chain = (mixed ^ u64::from(answer)).rotate_left(29);
    }

    /// Takes what must be recorded for the entries applied since the last call, as one batch that
    /// ends with the applied index; revisions up to [`Machine::revision`] must be in the backend
    /// before it is committed.
    pub fn take_record(&mut self) -> Vec<Change> {
        let mut changes = core::mem::take(&mut self.unrecorded);
        let (index, term) = self.applied;
        changes.extend(record::applied(index, term, self.chain, self.store.revision()));
        changes
    }

    /// The last compaction that was applied since the last call, with the state right before it, of
    /// which etcd takes a hash.
    pub fn take_compaction(&mut self) -> Option<(i64, View<B::Snapshot>)> {
        self.compaction.take()
    }

    /// Everything that is recorded beside the keys, as of the last applied entry.
    #[must_use]
    pub fn recorded(&self) -> Recorded {
        let (index, term) = self.applied;
        let leases = self.leases.iter();
        let alarms = self.alarms.list(0).into_iter();
        Recorded {
            index,
            term,
            chain: self.chain,
            configuration: self.configuration.clone(),
            cluster_version: self.cluster_version.clone(),
            downgrade: self.downgrade.clone(),
            revision: self.store.revision(),
            compaction: self.store.compact_revision(),
            leases: leases.map(|(id, l)| (id, l.ttl_seconds, l.remaining_seconds)).collect(),
            members: self.members.iter().cloned().collect(),
            removed: self.members.removed().collect(),
            alarms: alarms.map(|a| (a.alarm, MemberId(a.member_id))).collect(),
            auth: self.auth.recorded(),
        }
    }

    /// The last applied entry.
    #[must_use]
    pub fn applied(&self) -> (Index, Term) {
        self.applied
    }

    /// The chain over the answers so far.
    #[must_use]
    pub fn chain(&self) -> u64 {
        self.chain
    }

    /// The store's revision.
    #[must_use]
    pub fn revision(&self) -> i64 {
        self.store.revision()
    }

    /// The keys.
    #[must_use]
    pub fn store(&self) -> &Store<B> {
        &self.store
    }

    /// The keys, for views, flushes and compaction slices; they change by entries only.
    pub fn store_mut(&mut self) -> &mut Store<B> {
        &mut self.store
    }

    /// The leases.
    #[must_use]
    pub fn leases(&self) -> &Leases {
        &self.leases
    }

    /// The members.
    #[must_use]
    pub fn members(&self) -> &Membership {
        &self.members
    }

    /// The alarms.
    #[must_use]
    pub fn alarms(&self) -> &Alarms {
        &self.alarms
    }

    /// Users and roles.
    #[must_use]
    pub fn auth(&self) -> &Arc<Auth> {
        &self.auth
    }

    /// `X.Y.0`, or empty while undecided.
    #[must_use]
    pub fn cluster_version(&self) -> &str {
        &self.cluster_version
    }

    /// The last word about downgrades; `None` before the first.
    #[must_use]
    pub fn downgrade(&self) -> Option<&Downgrade> {
        self.downgrade.as_ref()
    }

    /// The Raft configuration in force, as recorded with the last configuration entry.
    #[must_use]
    pub fn configuration(&self) -> &Bytes {
        &self.configuration
    }

    /// Checks the invariants that span modules; O(n).
    pub fn check(&self) {
        self.leases.check();
        self.auth.check();
    }
}

/// The request id that a payload carries, wherever its proposer put it.
#[must_use]
pub fn request_id(request: &InternalRaftRequest) -> u64 {
    match &request.header {
        Some(header) if header.id != 0 => header.id,
        _ => request.id,
    }
}

/// All members by id, for an answer.
pub(crate) fn listed(members: &Membership) -> Vec<Member> {
    members.iter().cloned().collect()
}

/// The alarm's member as a type.
pub(crate) fn member_of(id: u64) -> MemberId {
    MemberId(id)
}
