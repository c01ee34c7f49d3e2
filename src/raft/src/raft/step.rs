//! What a peer said: which term counts, who is heard, and who deals with it.
//!
//! Rules for all servers (Figure 2) with etcd-raft's refinements: votes asked for within a leader's
//! lease are not heard at all (§6), pre-votes never change a term, and a leader of an older term is
//! told so, or it would never learn.

use base::{MemberId, mark};

use super::Raft;
use crate::entry::Position;
use crate::message::{Body, Message};
use crate::role::RoleState;

impl Raft {
    /// Takes a message from a peer. Stale, foreign and malformed ones change nothing.
    pub fn step(&mut self, message: Message) {
        let Message { from, to, term, body } = message;
        if to != self.id || from == self.id || from.is_zero() {
            mark!("raft: foreign message ignored");
            return;
        }
        match body {
            // These belong to no term: they were meant for whoever leads.
            Body::Propose { entries } => return self.take_forwarded(entries),
            Body::ReadIndex { context } => return self.take_forwarded_read(from, context),
            _ if term.is_zero() => {
                mark!("raft: message without a term ignored");
                return;
            }
            _ => {}
        }
        if term < self.term {
            return self.answer_stale(from, &body);
        }
        self.hear_last_entry(from, &body);
        if term > self.term {
            if self.is_vote_out_of_turn(&body) {
                mark!("raft: vote request ignored within the lease");
                return;
            }
            match &body {
                Body::PreVote { .. } | Body::PreVoteReply { granted: true } => {}
                Body::Append { .. } | Body::Heartbeat { .. } | Body::Snapshot { .. } => {
                    self.become_follower(term, Some(from));
                }
                _ => self.become_follower(term, None),
            }
        }
        self.dispatch(Message { from, to, term, body });
    }

    fn dispatch(&mut self, message: Message) {
        let Message { from, term, body, .. } = message;
        match body {
            Body::Vote { last_index, last_term, .. } => {
                let last = Position { term: last_term, index: last_index };
                self.answer_vote(from, last);
            }
            Body::PreVote { last_index, last_term } => {
                let last = Position { term: last_term, index: last_index };
                self.answer_pre_vote(from, term, last);
            }
            Body::VoteReply { granted } => self.take_vote(from, granted),
            Body::PreVoteReply { granted } => self.take_pre_vote(from, term, granted),
            Body::Append { prev_index, prev_term, entries, commit } => {
                self.follow(from);
                let prev = Position { term: prev_term, index: prev_index };
                self.take_append(from, prev, entries, commit);
            }
            Body::Heartbeat { commit, context } => {
                self.follow(from);
                self.take_heartbeat(from, commit, context);
            }
            Body::Snapshot { meta, data } => {
                self.follow(from);
                self.take_snapshot(from, meta, data);
            }
            Body::AppendReply { index, reject: None } => self.take_acceptance(from, index),
            Body::AppendReply { index, reject: Some(hint) } => {
                self.take_refusal(from, index, hint);
            }
            Body::HeartbeatReply { context } => self.take_heartbeat_reply(from, &context),
            Body::ReadIndexReply { index, context } => self.take_read_reply(index, context),
            Body::TransferLeader { transferee } => self.take_transfer(transferee),
            Body::TimeoutNow => self.take_timeout_now(),
            Body::ForgetLeader => self.forget_leader(),
            Body::Propose { .. } | Body::ReadIndex { .. } => {
                unreachable!("taken before terms are looked at")
            }
        }
    }

    /// Whether a request for a vote comes while a leader is known to be alive. Disruptive members
    /// ask so: removed ones, and those that hear half of the network (§6).
    fn is_vote_out_of_turn(&self, body: &Body) -> bool {
        let forced = match body {
            Body::Vote { force, .. } => *force,
            Body::PreVote { .. } => false,
            _ => return false,
        };
        let in_lease = match &self.role {
            RoleState::Follower(follower) => {
                let lease_end = follower.heard + self.config.election_timeout;
                follower.leader.is_some() && self.now < lease_end
            }
            RoleState::Candidate(_) => false,
            // Its quorum check keeps the leader's own lease honest.
            RoleState::Leader(_) => true,
        };
        self.config.check_quorum && in_lease && !forced
    }

    /// A message of an older term.
    fn answer_stale(&mut self, from: MemberId, body: &Body) {
        match body {
            Body::Append { .. } | Body::Heartbeat { .. }
                if self.config.check_quorum || self.config.pre_vote || self.suspect.is_some() =>
            {
                mark!("raft: leader of an older term told");
                // One at a time: a stuck disk must not pile these up.
                if !self.outbox.holds_for(from) {
                    let index = base::Index::ZERO;
                    self.hold(from, self.term, Body::AppendReply { index, reject: None });
                }
            }
            Body::PreVote { .. } => {
                // Silence would deadlock a candidate with a short log and a high term.
                self.hold(from, self.term, Body::PreVoteReply { granted: false });
            }
            _ => mark!("raft: stale message ignored"),
        }
    }

    fn hear_last_entry(&mut self, from: MemberId, body: &Body) {
        let Some(suspect) = &mut self.suspect else { return };
        if let Body::Vote { last_index, last_term, .. } | Body::PreVote { last_index, last_term } =
            body
        {
            suspect.hear(from, Position { term: *last_term, index: *last_index });
        }
    }
}
