//! One member: its durable state, its role, and the verbs by which the driver moves it.
//!
//! The protocol is in the modules below, one subject each: `step` (terms, who is heard),
//! `election`, `follow` (what a follower does), `replicate` and `reply` (what a leader sends, and
//! learns), `propose`, `reading`, `transfer`, `reconfigure`, `install` (snapshots), `emit`
//! (output).
//!
//! Invariants, besides those of the parts: only a voter campaigns by itself; nobody campaigns while
//! a committed configuration change is unapplied (V-a) or a snapshot is being installed; a leader
//! has a progress for exactly the other members of the active configuration; what is held waits for
//! a write of the present term.

mod election;
mod emit;
mod follow;
mod install;
mod propose;
mod reading;
mod reconfigure;
mod replicate;
mod reply;
mod step;
mod transfer;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use base::{Index, Instant, MemberId, Prng, Term, mark};
use bytes::Bytes;

use crate::config::{Boot, Config};
use crate::configuration::Configuration;
use crate::entry::{Entry, HardState, SnapshotMeta};
use crate::log::Log;
use crate::message::{Body, Message};
use crate::outbox::{Held, Outbox};
use crate::output::{AppendToken, Fetch, FetchId, ReadState, RoleChange};
use crate::role::{Follower, Leader, RoleState};
use crate::status::{PeerProgress, Role, Status};
use crate::suspect::Suspect;

/// One member of a cluster.
#[derive(Debug)]
pub struct Raft {
    config: Config,
    id: MemberId,
    term: Term,
    vote: MemberId,
    log: Log,
    configuration: Configuration,
    role: RoleState,
    suspect: Option<Suspect>,
    outbox: Outbox,
    prng: Prng,
    now: Instant,
    /// The last hard state that the log writer was given.
    written: HardState,
    /// The snapshot that the driver is installing.
    installing: Option<SnapshotMeta>,
    pending: Pending,
}

/// What the next output will say besides messages and writes.
#[derive(Debug)]
struct Pending {
    install: Option<(SnapshotMeta, Bytes)>,
    snapshots: Vec<MemberId>,
    reads: Vec<ReadState>,
    reads_dropped: Vec<Bytes>,
    fetches: Vec<Fetch>,
    fetches_issued: u64,
    /// What the applier waits for from the log files.
    own_fetch: Option<FetchId>,
    /// What it got from there.
    fetched: Vec<Entry>,
    told_role: RoleChange,
    told_commit: Index,
    counted: bool,
}

impl Raft {
    /// A member that has just started, as a follower without a leader.
    ///
    /// # Panics
    /// When the configuration contradicts itself or what recovery found is not a log.
    #[must_use]
    pub fn new(config: Config, boot: Boot, now: Instant) -> Raft {
        config.check();
        let HardState { mut term, mut vote, .. } = boot.hard_state;
        let suspect = boot.suspect.map(|reach| Suspect::new(reach, term));
        let configuration = Configuration::restore(&boot.conf_state);
        let written = boot.hard_state;
        let log = Log::new(&config, boot);
        assert!(log.last().term <= term, "the log ends with {:?} in term {term}", log.last());
        if suspect.is_some() {
            // A leader that counts what this member lost must not go on counting it, and a vote
            // that was lost must not be given again: a new term, and no vote in it.
            (term, vote) = (term.next(), config.id);
        }
        let follower = Follower { leader: None, heard: now, deadline: now, reads: VecDeque::new() };
        let told_role = RoleChange { term: Term::ZERO, role: Role::Follower, leader: None };
        let mut raft = Raft {
            id: config.id,
            term,
            vote,
            configuration,
            role: RoleState::Follower(follower),
            suspect,
            outbox: Outbox::default(),
            prng: Prng::new(config.seed),
            now,
            written,
            installing: None,
            pending: Pending::new(told_role, log.commit()),
            log,
            config,
        };
        raft.postpone_election();
        raft.check();
        raft
    }

    /// Sets the clock and does what is due. The driver calls it before every other verb, so that
    /// leases are judged by the present time. Time never goes back.
    pub fn tick(&mut self, now: Instant) {
        self.now = self.now.max(now);
        let now = self.now;
        match &self.role {
            RoleState::Follower(Follower { deadline, .. }) if now >= *deadline => {
                self.election_timed_out();
            }
            RoleState::Candidate(candidate) if now >= candidate.deadline => {
                mark!("raft: election timed out");
                self.election_timed_out();
            }
            RoleState::Leader(_) => self.tick_leader(),
            _ => {}
        }
    }

    fn tick_leader(&mut self) {
        let now = self.now;
        let Some(leader) = self.role.as_leader_mut() else { return };
        if now >= leader.heartbeat_at {
            leader.heartbeat_at = now + self.config.heartbeat_interval;
            leader.heartbeat_due = true;
        }
        if leader.transfer.is_some_and(|transfer| now >= transfer.deadline) {
            mark!("raft: leader transfer aborted");
            leader.transfer = None;
        }
        if now >= leader.quorum_at {
            self.check_quorum();
        }
    }

    /// A leader that hears no quorum may have been replaced without knowing.
    fn check_quorum(&mut self) {
        let (own, now) = (self.id, self.now);
        let Some(leader) = self.role.as_leader_mut() else { return };
        let active = self.configuration.voters().tally(|id| {
            let progress = leader.progress.get(&id);
            Some(id == own || progress.is_some_and(|progress| progress.recent_active))
        });
        if self.config.check_quorum && active != crate::quorum::Tally::Won {
            mark!("raft: leader steps down on lost quorum");
            self.become_follower(self.term, None);
            return;
        }
        leader.quorum_at = now + self.config.election_timeout;
        for progress in leader.progress.values_mut() {
            progress.recent_active = false;
        }
    }

    /// When [`Raft::tick`] is needed next. May change with every other verb.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        match &self.role {
            RoleState::Follower(follower) => follower.deadline,
            RoleState::Candidate(candidate) => candidate.deadline,
            RoleState::Leader(leader) => {
                let mut deadline = leader.heartbeat_at.min(leader.quorum_at);
                if let Some(transfer) = &leader.transfer {
                    deadline = deadline.min(transfer.deadline);
                }
                deadline
            }
        }
    }

    /// Everything handed out in appends up to this one is durable. Reports may be skipped, but not
    /// made before they are true: this is what votes and acknowledgements wait for.
    pub fn persisted(&mut self, token: AppendToken) {
        self.log.reported(token, self.term);
        for held in self.outbox.release(token.sequence) {
            self.let_go(held);
        }
        self.count_commit();
        self.clear_suspicion();
    }

    fn let_go(&mut self, held: Held) {
        match held {
            Held::Message(message) => self.outbox.send(message),
            Held::OwnVote(term) => {
                assert!(term == self.term, "own vote of {term} survived into {}", self.term);
                self.record_vote(self.id, true);
            }
        }
    }

    /// The applier is done up to here. For a configuration entry, [`Raft::apply_configuration`]
    /// comes first.
    pub fn applied(&mut self, index: Index) {
        self.log.apply_to(index);
    }

    /// Whether the log holds a configuration change that is not applied yet; a leader takes no
    /// other one meanwhile.
    #[must_use]
    pub fn has_unapplied_change(&self) -> bool {
        self.log.has_unapplied_change()
    }

    /// A message in the present term that implies nothing durable.
    fn send(&mut self, to: MemberId, body: Body) {
        let message = Message { from: self.id, to, term: self.term, body };
        self.outbox.send(message);
    }

    /// A message that must not be said before everything true now is durable.
    fn hold(&mut self, to: MemberId, term: Term, body: Body) {
        let message = Message { from: self.id, to, term, body };
        self.outbox.hold(Held::Message(message));
    }

    /// What this member knows of itself.
    #[must_use]
    pub fn status(&self) -> Status {
        let leader = self.role.as_leader();
        Status {
            id: self.id,
            term: self.term,
            vote: self.vote,
            role: self.role.name(),
            leader: self.role.leader(self.id),
            commit: self.log.commit(),
            applied: self.log.applied(),
            released: self.log.start().index,
            last: self.log.last().index,
            last_term: self.log.last().term,
            stable: self.log.stable(),
            cache_bytes: self.log.cache_bytes(),
            conf_state: self.configuration.conf_state(),
            transferee: leader.and_then(|leader| leader.transfer).map(|transfer| transfer.to),
            suspect: self.suspect.is_some(),
            progress: leader.map(|leader| self.peers(leader)).unwrap_or_default(),
        }
    }

    fn peers(&self, leader: &Leader) -> Vec<PeerProgress> {
        let peer = |(&id, progress): (&MemberId, &crate::progress::Progress)| PeerProgress {
            id,
            matched: progress.matched,
            next: progress.next,
            state: progress.state(),
            recent_active: progress.recent_active,
            learner: self.configuration.is_learner(id),
            inflight: progress.inflight(),
            paused: progress.is_paused(),
        };
        leader.progress.iter().map(peer).collect()
    }

    /// Panics when an invariant is broken.
    ///
    /// # Panics
    /// Then.
    pub fn check(&self) {
        self.log.check();
        self.configuration.check();
        let (own, last) = (self.id, self.log.last());
        assert!(last.term <= self.term, "the log ends with {last:?} in term {}", self.term);
        assert!(self.written.term <= self.term, "{:?} in term {}", self.written, self.term);
        match &self.role {
            RoleState::Leader(leader) => self.check_leader(leader),
            RoleState::Candidate(candidate) if !candidate.pre => {
                assert!(self.vote == own, "candidate {own} voted for {}", self.vote);
            }
            RoleState::Candidate(_) => {}
            RoleState::Follower(follower) => {
                assert!(follower.leader != Some(own), "{own} follows itself");
            }
        }
        if let Some(meta) = &self.installing {
            let follows = matches!(self.role, RoleState::Follower(_));
            assert!(follows, "{own} installs {meta:?} as {:?}", self.role.name());
            let commit = self.log.commit();
            assert!(meta.index > commit, "installing {meta:?}, committed {commit}");
        }
    }

    fn check_leader(&self, leader: &Leader) {
        let mut others = self.configuration.members();
        others.remove(&self.id);
        assert!(leader.progress.keys().eq(&others), "{leader:?} of {others:?}");
        for progress in leader.progress.values() {
            progress.check(self.log.last().index);
        }
        leader.reads.check();
        assert!(self.vote == self.id, "leader {} voted for {}", self.id, self.vote);
        assert!(self.log.last().term == self.term, "a leader's log ends in its own term");
    }
}

impl RoleState {
    /// The leader's state, on a leader.
    fn as_leader(&self) -> Option<&Leader> {
        match self {
            RoleState::Leader(leader) => Some(leader),
            _ => None,
        }
    }

    /// The leader's state, on a leader.
    fn as_leader_mut(&mut self) -> Option<&mut Box<Leader>> {
        match self {
            RoleState::Leader(leader) => Some(leader),
            _ => None,
        }
    }
}

impl Pending {
    fn new(told_role: RoleChange, told_commit: Index) -> Pending {
        Pending {
            install: None,
            snapshots: Vec::new(),
            reads: Vec::new(),
            reads_dropped: Vec::new(),
            fetches: Vec::new(),
            fetches_issued: 0,
            own_fetch: None,
            fetched: Vec::new(),
            told_role,
            told_commit,
            counted: false,
        }
    }
}
