//! What a follower does with a leader's messages (AppendEntries, §5.3).

use alloc::vec::Vec;

use base::{Index, MemberId, mark};
use bytes::Bytes;

use super::Raft;
use crate::entry::{Entry, Position};
use crate::log::is_contiguous;
use crate::message::{Body, RejectHint};
use crate::role::RoleState;

impl Raft {
    /// The sender leads this term. Only here does hearing someone postpone an election (M11).
    pub(super) fn follow(&mut self, leader: MemberId) {
        let term = self.term;
        match &mut self.role {
            RoleState::Leader(_) => panic!("{leader} and {} both lead term {term}", self.id),
            RoleState::Follower(follower) if follower.leader == Some(leader) => {
                follower.heard = self.now;
                self.postpone_election();
            }
            RoleState::Follower(follower) => {
                let known = follower.leader;
                assert!(known.is_none(), "{leader} and {known:?} both lead term {term}");
                self.become_follower(term, Some(leader));
            }
            RoleState::Candidate(_) => self.become_follower(term, Some(leader)),
        }
        if self.suspect.is_some() && self.vote.is_zero() {
            // The lost vote may have been for this leader, and must not be given to another.
            self.vote = leader;
        }
    }

    pub(super) fn take_append(
        &mut self,
        from: MemberId,
        prev: Position,
        entries: Vec<Entry>,
        commit: Index,
    ) {
        if self.installing.is_some() {
            mark!("raft: append ignored while a snapshot is installed");
            return;
        }
        if !is_contiguous(prev, &entries, self.term) {
            mark!("raft: malformed append ignored");
            return;
        }
        if prev.index < self.log.commit() {
            mark!("raft: stale append ignored");
            let index = self.log.commit();
            return self.hold(from, self.term, Body::AppendReply { index, reject: None });
        }
        if !self.log.matches(prev) {
            let hint = self.hint(prev);
            let reply = Body::AppendReply { index: prev.index, reject: Some(hint) };
            return self.hold(from, self.term, reply);
        }
        let verified = prev.index.plus(entries.len() as u64);
        self.log.accept(entries);
        // What lies behind `verified` may conflict with the leader's log (M06).
        self.learn_commit(commit.min(verified));
        self.hold(from, self.term, Body::AppendReply { index: verified, reject: None });
    }

    /// The highest entry up to the refused one that may be in the leader's log: terms only rise in
    /// a log, so none of a term above the refused one is.
    fn hint(&self, refused: Position) -> RejectHint {
        let end = refused.index.min(self.log.last().index);
        let guess = self.log.highest_at_most(end, refused.term);
        RejectHint { hint_index: guess.index, hint_term: guess.term }
    }

    pub(super) fn take_heartbeat(&mut self, from: MemberId, commit: Index, context: Bytes) {
        if commit <= self.log.last().index {
            // The leader has seen this member's acknowledgement up to `commit`.
            self.learn_commit(commit);
        } else {
            // This member lost what it once acknowledged; a leader of a later term finds out.
            mark!("raft: heartbeat behind the log's end ignored");
        }
        self.send(from, Body::HeartbeatReply { context });
    }

    pub(super) fn learn_commit(&mut self, index: Index) {
        if self.log.commit_to(index).is_some() {
            self.pending.counted = false;
        }
        self.clear_suspicion();
    }

    /// Ends the suspicion once a leader has given back whatever was lost.
    pub(super) fn clear_suspicion(&mut self) {
        let Some(suspect) = &self.suspect else { return };
        let RoleState::Follower(follower) = &self.role else { return };
        let index = self.log.commit();
        let Some(term) = self.log.term_at(index) else { return };
        let committed = Position { term, index };
        if follower.leader.is_some()
            && suspect.is_caught_up(self.term, committed, self.log.stable())
        {
            mark!("raft: suspect member caught up");
            self.suspect = None;
        }
    }
}
