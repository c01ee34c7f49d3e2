//! The checkers: one property a file, judged after every event by what changed.
//!
//! They are fed by facts that members state, by messages that leave members, by what became durable
//! on their disks, and by what clients were told. They know the world's ghost state ([`Ghost`]) and
//! never ask the code under test for an opinion.

pub mod black_box;
pub mod compared_hashes;
pub mod facts;
pub mod ghost;
pub mod kv_operations;
pub mod lease_expiry;
pub mod membership;
pub mod membership_durable;
pub mod physical_compaction;
pub mod queue_turns;
pub mod raft_configuration;
pub mod raft_election;
pub mod raft_leader;
pub mod raft_matching;
pub mod raft_monotone;
pub mod raft_ordering;
pub mod raft_quorum;
pub mod raft_shrinking;
pub mod raft_speech;
pub mod raft_stable;
pub mod raft_votes;
pub mod read_barrier;
pub mod read_rights;
pub mod replica_hashes;
pub mod snapshot_content;
pub mod snapshot_install;
pub mod timeline;
pub mod txn_effects;
pub mod wal_failstop;
pub mod wal_recovery;
pub mod wal_space;
pub mod watch_stream;

#[cfg(test)]
pub(crate) mod testing;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;

use base::{Instant, MemberId};
use bytes::Bytes;
use node::env::Event;
use proto::etcdserverpb::{InternalRaftRequest, RangeRequest, RangeResponse};
use raft::{Message, SnapshotMeta};

use crate::counters::Counters;
use crate::disk::log::DurableLog;
pub use facts::event_numbers;
pub use ghost::Ghost;

/// A broken property: which, and the values that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The property's identifier in RELIABILITY.md.
    pub check: &'static str,
    /// What was seen.
    pub text: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.check, self.text)
    }
}

/// What a checker says.
pub type Verdict = Result<(), Violation>;

/// Breaks a property.
macro_rules! violated {
    ($check:literal, $($text:tt)*) => {
        Err($crate::check::Violation { check: $check, text: format!($($text)*) })
    };
}
pub(crate) use violated;

/// How often each property was judged.
#[derive(Debug, Default)]
pub struct Tally(RefCell<Counters>);

impl Tally {
    /// Counts one judgement.
    pub fn hit(&self, check: &'static str) {
        self.0.borrow_mut().add(check, 1);
    }

    /// All counts.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        self.0.borrow().by_name()
    }
}

/// One event and what surrounds it. The ghost is the one before the event.
pub struct Step<'a> {
    /// When, on the world's clock.
    pub now: Instant,
    /// Who states it.
    pub member: usize,
    /// What is stated.
    pub event: &'a Event,
    /// What is known of all members.
    pub ghost: &'a Ghost,
    /// What every crash preserves of this member's log.
    pub durable: &'a DurableLog,
    /// Counts judgements.
    pub tally: &'a Tally,
}

/// A message that leaves a member.
pub struct Speech<'a> {
    /// Who speaks.
    pub member: usize,
    /// What is said.
    pub message: &'a Message,
    /// What is known of all members.
    pub ghost: &'a Ghost,
    /// What every crash preserves of this member's log.
    pub durable: &'a DurableLog,
    /// Counts judgements.
    pub tally: &'a Tally,
}

/// All checkers of one run.
pub struct Checks {
    ghost: Ghost,
    tally: Tally,
    election: raft_election::Election,
    votes: raft_votes::Votes,
    shrinking: raft_shrinking::Shrinking,
    monotone: raft_monotone::Monotone,
    recovery: wal_recovery::Recovery,
    failstop: wal_failstop::FailStop,
    reads: read_barrier::Reads,
    installs: snapshot_install::Installs,
    /// The members as the log has them.
    pub membership: membership::Membership,
    /// The committed log as the oracle reads it.
    pub timeline: timeline::Timeline,
    /// What clients know.
    pub operations: kv_operations::Operations,
    /// What clients know of leases.
    pub leases: lease_expiry::Leases,
    queues: queue_turns::Queues,
}

impl Checks {
    /// Checkers of a cluster whose members have these ids, settings and quota.
    #[must_use]
    pub fn new(ids: Vec<MemberId>, settings: model::Settings, quota_bytes: Option<i64>) -> Checks {
        let count = ids.len();
        Checks {
            ghost: Ghost::new(ids),
            tally: Tally::default(),
            election: raft_election::Election::default(),
            votes: raft_votes::Votes::default(),
            shrinking: raft_shrinking::Shrinking::default(),
            monotone: raft_monotone::Monotone::new(count),
            recovery: wal_recovery::Recovery::new(count),
            failstop: wal_failstop::FailStop::new(count),
            reads: read_barrier::Reads::new(count),
            installs: snapshot_install::Installs::new(count),
            membership: membership::Membership::default(),
            timeline: timeline::Timeline::new(settings, quota_bytes),
            operations: kv_operations::Operations::default(),
            leases: lease_expiry::Leases::default(),
            queues: queue_turns::Queues::default(),
        }
    }

    /// What is known of all members.
    #[must_use]
    pub fn ghost(&self) -> &Ghost {
        &self.ghost
    }

    /// A member has learned its id.
    pub fn identify(&mut self, member: usize, id: MemberId) {
        self.ghost.ids[member] = id;
    }

    /// How often each property was judged.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Judges a fact and remembers it.
    pub fn event(
        &mut self,
        now: Instant,
        member: usize,
        durable: &DurableLog,
        event: &Event,
    ) -> Verdict {
        let step = Step { now, member, event, ghost: &self.ghost, durable, tally: &self.tally };
        let verdict = self
            .election
            .step(&step)
            .and_then(|()| raft_configuration::step(&step, &self.votes))
            .and_then(|()| self.membership.step(&step))
            .and_then(|()| membership_durable::step(&step))
            .and_then(|()| raft_leader::step(&step))
            .and_then(|()| raft_matching::step(&step))
            .and_then(|()| raft_ordering::step(&step))
            .and_then(|()| raft_quorum::step(&step))
            .and_then(|()| raft_stable::step(&step))
            .and_then(|()| self.monotone.step(&step))
            .and_then(|()| self.recovery.step(&step))
            .and_then(|()| self.failstop.step(&step))
            .and_then(|()| self.reads.step(&step))
            .and_then(|()| self.installs.step(&step))
            .and_then(|()| self.leases.step(&step))
            .and_then(|()| compared_hashes::step(&step))
            .and_then(|()| self.timeline.step(&step));
        self.ghost.take(member, event);
        self.membership.settle(&self.ghost);
        verdict
    }

    /// Judges a message that leaves a member.
    pub fn sent(&mut self, member: usize, message: &Message, durable: &DurableLog) -> Verdict {
        let speech = Speech { member, message, ghost: &self.ghost, durable, tally: &self.tally };
        self.votes
            .speech(&speech)
            .and_then(|()| raft_configuration::speech(&speech))
            .and_then(|()| raft_speech::speech(&speech))
            .and_then(|()| self.shrinking.speech(&speech))
            .and_then(|()| self.recovery.speech(&speech))
            .and_then(|()| self.failstop.speech(&speech))
    }

    /// Judges the file of a snapshot as it left a member.
    pub fn snapshot_sent(&self, member: usize, meta: &SnapshotMeta, file: Bytes) -> Verdict {
        let Checks { timeline, ghost, tally, .. } = self;
        snapshot_content::sent(timeline, ghost, tally, member, meta, file)
    }

    /// Judges an answer that a member gave to a call that began after every voter had removed it.
    pub fn answered_while_gone(&self, member: usize, is_linearizable: bool) -> Verdict {
        self.tally.hit("MB2");
        match is_linearizable {
            true => violated!("MB2", "removed member {} answered a linearizable call", member + 1),
            false => Ok(()),
        }
    }

    /// Judges a removed member that leaves because its own log says so.
    pub fn leaves(&self, member: usize) -> Verdict {
        self.tally.hit("MB5");
        self.membership.leaves(&self.ghost, self.ghost.ids[member])
    }

    /// Judges an answer to a call about a member that the list had before: the list is one.
    pub fn answered_of_member(&self, member: usize, is_found: bool) -> Verdict {
        self.tally.hit("MB6");
        match is_found {
            true => Ok(()),
            false => violated!("MB6", "member {} is listed, and a call finds it not", member + 1),
        }
    }

    /// Judges a write that a member acknowledged.
    pub fn wrote(
        &mut self,
        member: usize,
        before: &kv_operations::Before,
        request: &InternalRaftRequest,
        answer: model::Response,
    ) -> Verdict {
        let Checks { operations, timeline, tally, ghost, .. } = self;
        let index = operations.wrote(timeline, tally, before, request, answer)?;
        physical_compaction::wrote(ghost, tally, member, request, index)
    }

    /// Judges an answered range.
    pub fn read(
        &mut self,
        before: &kv_operations::Before,
        is_linearizable: bool,
        request: &RangeRequest,
        answer: RangeResponse,
    ) -> Verdict {
        let Checks { operations, timeline, tally, .. } = self;
        operations.read(timeline, tally, before, is_linearizable, request, answer)
    }

    /// Judges what a client was told of its turn in a queue.
    pub fn has_turn(&mut self, prefix: &[u8], key: &Bytes, turn: queue_turns::Turn) -> Verdict {
        let Checks { queues, timeline, tally, .. } = self;
        queues.has_turn(timeline, tally, prefix, key, turn)
    }

    /// What every crash preserves of a member's log has changed.
    pub fn durable(&mut self, member: usize, durable: &DurableLog) -> Verdict {
        self.ghost.set_durable(member, durable);
        Ok(())
    }

    /// A sync of a member failed in its present incarnation.
    pub fn sync_failed(&mut self, member: usize) {
        self.failstop.sync_failed(member);
    }

    /// A member crashed, or stopped itself; its disk preserves `durable`.
    pub fn crashed(&mut self, member: usize, durable: &DurableLog) {
        self.ghost.set_durable(member, durable);
        self.ghost.crashed(member);
        self.failstop.crashed(member, &self.tally);
        self.reads.crashed(member);
        self.recovery.crashed(member, durable);
    }

    /// A fault damaged what a member's log had made durable. In its last batch it may lose entries
    /// if it says so; before that it must refuse.
    pub fn log_damaged(&mut self, member: usize, is_middle: bool) {
        self.recovery.damaged(member, is_middle);
        self.installs.damaged(member);
    }
}
