//! Elections: when to campaign, whom to vote for, what a majority makes of it (§5.2, §5.4.1).

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use core::time::Duration;

use base::{Instant, MemberId, Term, mark};

use super::Raft;
use crate::entry::Position;
use crate::log::empty_entry;
use crate::message::{Body, Message};
use crate::outbox::Held;
use crate::progress::{Inflights, Progress};
use crate::quorum::Tally;
use crate::read::Reads;
use crate::role::{Candidate, Farewell, Follower, Leader, RoleState};

impl Raft {
    /// Campaigns now if this member may, as etcd-raft's `MsgHup` does.
    pub fn campaign(&mut self) {
        if self.may_campaign() {
            self.start_campaign();
        }
    }

    /// Only a voter that knows the present configuration and holds a whole log campaigns.
    fn may_campaign(&self) -> bool {
        self.is_voter(self.id) && self.knows_enough_to_campaign()
    }

    fn knows_enough_to_campaign(&self) -> bool {
        if matches!(self.role, RoleState::Leader(_)) || self.installing.is_some() {
            return false;
        }
        !base::sometimes!(
            "raft: no campaign before a committed change is applied",
            self.log.has_committed_change()
        )
    }

    /// A suspect member always asks first: that is how others learn what it holds.
    fn start_campaign(&mut self) {
        if self.config.pre_vote || self.suspect.is_some() {
            self.ask_for_pre_votes();
        } else {
            self.ask_for_votes(false);
        }
    }

    pub(super) fn election_timed_out(&mut self) {
        if self.may_campaign() {
            self.start_campaign();
        } else {
            self.postpone_election();
        }
    }

    /// The leader hands over to this member: no pre-vote, and leases do not count.
    pub(super) fn take_timeout_now(&mut self) {
        let follows = matches!(self.role, RoleState::Follower(_));
        if follows && self.suspect.is_none() && self.may_campaign() {
            mark!("raft: campaign on the leader's request");
            self.ask_for_votes(true);
        }
    }

    /// A time from `election_timeout..2 * election_timeout` from now, drawn anew each time (§5.2).
    fn draw_deadline(&mut self) -> Instant {
        let base_nanos = self.config.election_timeout.as_nanos() as u64;
        self.now + Duration::from_nanos(base_nanos + self.prng.below(base_nanos))
    }

    /// Starts the election timeout anew.
    pub(super) fn postpone_election(&mut self) {
        let drawn = self.draw_deadline();
        match &mut self.role {
            RoleState::Follower(follower) => follower.deadline = drawn,
            RoleState::Candidate(candidate) => candidate.deadline = drawn,
            RoleState::Leader(_) => {}
        }
    }

    /// Follows `leader`, or nobody yet, in `term`.
    ///
    /// Without a leader the running election timeout goes on: a vote request that is refused must
    /// not keep this member from campaigning itself (M11).
    pub(super) fn become_follower(&mut self, term: Term, leader: Option<MemberId>) {
        assert!(term >= self.term, "following in {term}, already in {}", self.term);
        assert!(leader != Some(self.id), "{} following itself in {term}", self.id);
        if term > self.term {
            (self.term, self.vote) = (term, MemberId::ZERO);
            self.outbox.drop_held();
        }
        let deadline = match &self.role {
            RoleState::Follower(follower) if leader.is_none() => follower.deadline,
            RoleState::Candidate(candidate) if leader.is_none() => candidate.deadline,
            _ => self.draw_deadline(),
        };
        self.drop_reads();
        let (heard, reads) = (self.now, VecDeque::new());
        self.role = RoleState::Follower(Follower { leader, heard, deadline, reads });
    }

    fn become_candidate(&mut self, pre: bool) {
        let leads = matches!(self.role, RoleState::Leader(_));
        assert!(!leads, "leader {} of {} campaigning", self.id, self.term);
        self.drop_reads();
        let deadline = self.draw_deadline();
        self.role = RoleState::Candidate(Candidate { pre, votes: BTreeMap::new(), deadline });
    }

    fn ask_for_pre_votes(&mut self) {
        self.become_candidate(true);
        let Position { term: last_term, index: last_index } = self.log.last();
        for to in self.other_voters() {
            let body = Body::PreVote { last_index, last_term };
            self.outbox.send(Message { from: self.id, to, term: self.term.next(), body });
        }
        // Nothing durable is implied yet. A suspect member does not even vote for itself.
        if self.may_vote_for(self.id, self.log.last()) {
            self.record_vote(self.id, true);
        }
    }

    /// Enters the next term and votes for itself; both must be durable before anyone is asked.
    fn ask_for_votes(&mut self, force: bool) {
        self.become_candidate(false);
        (self.term, self.vote) = (self.term.next(), self.id);
        self.outbox.drop_held();
        let Position { term: last_term, index: last_index } = self.log.last();
        for to in self.other_voters() {
            self.hold(to, self.term, Body::Vote { last_index, last_term, force });
        }
        self.outbox.hold(Held::OwnVote(self.term));
    }

    fn other_voters(&self) -> impl Iterator<Item = MemberId> + use<> {
        let own = self.id;
        self.configuration.voters().ids().into_iter().filter(move |&id| id != own)
    }

    /// Whether this member may help `candidate`, whose log ends with `last`, to lead.
    fn may_vote_for(&self, candidate: MemberId, last: Position) -> bool {
        let voters = self.configuration.voters();
        let trusted = match &self.suspect {
            Some(suspect) => suspect.may_elect((candidate, last), self.id, voters),
            None => true,
        };
        // §5.4.1: at least as up to date as this member's log.
        trusted && last >= self.log.last()
    }

    pub(super) fn answer_vote(&mut self, from: MemberId, last: Position) {
        let leader = self.role.leader(self.id);
        let free = self.vote.is_zero() && leader.is_none();
        let granted = (self.vote == from || free) && self.may_vote_for(from, last);
        if granted {
            assert!(free || self.vote == from, "second vote for {from} after {}", self.vote);
            self.vote = from;
            self.postpone_election();
        } else {
            mark!("raft: vote refused");
        }
        self.hold(from, self.term, Body::VoteReply { granted });
        self.campaign_for_voters(from, last);
    }

    /// A member that has lost its vote by a change which the candidate does not know to be
    /// committed is asked for the vote it had, and cannot give it when its log is longer: the
    /// candidate may need it and lack committed entries. Then nobody could ever win. So it
    /// campaigns itself, by the votes of the configuration it knows, without its own; it will
    /// commit what it holds, tell the voters, and step down (dissertation, §4.2.2).
    fn campaign_for_voters(&mut self, from: MemberId, last: Position) {
        let needed = last < self.log.last() && self.role.leader(self.id).is_none();
        let known = self.is_voter(from) && !self.is_voter(self.id) && self.suspect.is_none();
        if needed && known && self.knows_enough_to_campaign() {
            mark!("raft: campaign for voters that lack a committed change");
            self.start_campaign();
        }
    }

    /// A pre-vote is answered in the term it asks for, so that the candidate hears it, and changes
    /// nothing here.
    pub(super) fn answer_pre_vote(&mut self, from: MemberId, term: Term, last: Position) {
        let free = self.vote.is_zero() && self.role.leader(self.id).is_none();
        let willing = term > self.term || self.vote == from || free;
        let granted = willing && self.may_vote_for(from, last);
        base::sometimes!("raft: pre-vote refused", !granted);
        let term = if granted { term } else { self.term };
        self.hold(from, term, Body::PreVoteReply { granted });
        self.campaign_for_voters(from, last);
    }

    pub(super) fn take_vote(&mut self, from: MemberId, granted: bool) {
        if matches!(&self.role, RoleState::Candidate(candidate) if !candidate.pre) {
            self.record_vote(from, granted);
        }
    }

    pub(super) fn take_pre_vote(&mut self, from: MemberId, term: Term, granted: bool) {
        let asks = matches!(&self.role, RoleState::Candidate(candidate) if candidate.pre);
        // A grant names the term it was asked for; one from an earlier attempt says nothing.
        let answers_this = !granted || term == self.term.next();
        if asks && answers_this {
            self.record_vote(from, granted);
        }
    }

    pub(super) fn record_vote(&mut self, from: MemberId, granted: bool) {
        let RoleState::Candidate(candidate) = &mut self.role else { return };
        candidate.votes.entry(from).or_insert(granted);
        self.count_votes();
    }

    /// Only voters of the active configuration count, whoever answered (M08).
    pub(super) fn count_votes(&mut self) {
        let RoleState::Candidate(candidate) = &self.role else { return };
        let votes = &candidate.votes;
        let tally = self.configuration.voters().tally(|id| votes.get(&id).copied());
        match (tally, candidate.pre) {
            (Tally::Won, true) => self.ask_for_votes(false),
            (Tally::Won, false) => self.become_leader(),
            (Tally::Lost, _) => {
                mark!("raft: election lost");
                self.become_follower(self.term, None);
            }
            (Tally::Pending, _) => {}
        }
    }

    fn become_leader(&mut self) {
        assert!(self.vote == self.id, "{} leads, voted for {}", self.id, self.vote);
        assert!(self.written.term == self.term, "leading in {}, unwritten", self.term);
        base::sometimes!("raft: election during joint config", self.configuration.is_joint());
        let last = self.log.last().index;
        let mut others = self.configuration.members();
        others.remove(&self.id);
        let new = |id| (id, Progress::new(last, self.new_window()));
        let leader = Leader {
            progress: others.into_iter().map(new).collect(),
            reads: Reads::default(),
            heartbeat_at: self.now + self.config.heartbeat_interval,
            heartbeat_due: false,
            quorum_at: self.now + self.config.election_timeout,
            transfer: None,
            uncommitted_bytes: 0,
            leaving: false,
            farewell: (!self.is_voter(self.id)).then(|| Farewell::new(last.next())),
        };
        self.role = RoleState::Leader(Box::new(leader));
        // It was elected for holding the greatest log of all: nothing is missing any more.
        self.suspect = None;
        // Only entries of its own term let a leader commit (§5.4.2), so it begins with one.
        self.log.push(empty_entry(self.term, last.next()));
    }

    pub(super) fn new_window(&self) -> Inflights {
        Inflights::new(self.config.inflight_max, self.config.inflight_bytes_max)
    }

    pub(super) fn forget_leader(&mut self) {
        let forgets = matches!(&self.role, RoleState::Follower(f) if f.leader.is_some());
        if forgets {
            self.become_follower(self.term, None);
        }
    }
}
