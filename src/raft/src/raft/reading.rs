//! Read barriers (§6.4 of the dissertation): asked of the leader, answered with a commit index that
//! a quorum has confirmed to be the leader's after the read arrived.

use base::{Index, MemberId, Term, mark};
use bytes::Bytes;

use super::Raft;
use crate::error::ReadError;
use crate::message::{Body, Message};
use crate::output::ReadState;
use crate::read::{READS_MAX, Read};
use crate::role::RoleState;

impl Raft {
    /// Asks for a read barrier. The answer comes as a [`ReadState`] with the same context, or the
    /// context is dropped, or, when a message is lost, nothing comes: try again with another one.
    /// Contexts must be unique per member, boot and try (P-d).
    ///
    /// # Errors
    /// When no leader is known, or too many reads wait.
    pub fn read_index(&mut self, context: Bytes) -> Result<(), ReadError> {
        let (own, commit) = (self.id, self.log.commit());
        match &mut self.role {
            RoleState::Candidate(_) => Err(ReadError::NoLeader),
            RoleState::Leader(leader) => {
                if leader.reads.len() >= READS_MAX {
                    return Err(ReadError::TooMany);
                }
                leader.reads.add(Read { from: own, context }, commit);
                self.confirm_reads();
                Ok(())
            }
            RoleState::Follower(follower) => {
                let to = follower.leader.ok_or(ReadError::NoLeader)?;
                if follower.reads.len() >= READS_MAX {
                    // Nobody knows which of them will still be answered; the oldest least of all.
                    self.pending.reads_dropped.extend(follower.reads.pop_front());
                }
                follower.reads.push_back(context.clone());
                let body = Body::ReadIndex { context };
                self.outbox.send(Message { from: own, to, term: Term::ZERO, body });
                Ok(())
            }
        }
    }

    pub(super) fn take_forwarded_read(&mut self, from: MemberId, context: Bytes) {
        let commit = self.log.commit();
        let Some(leader) = self.role.as_leader_mut() else {
            mark!("raft: forwarded read dropped");
            return;
        };
        if leader.reads.len() >= READS_MAX {
            mark!("raft: forwarded read dropped");
            return;
        }
        leader.reads.add(Read { from, context }, commit);
        self.confirm_reads();
    }

    /// The leader's answer. It was confirmed in the present term, so it holds whoever asked; a
    /// context that is not waited for belongs to an earlier leader.
    pub(super) fn take_read_reply(&mut self, index: Index, context: Bytes) {
        let RoleState::Follower(follower) = &mut self.role else { return };
        let Some(at) = follower.reads.iter().position(|waiting| *waiting == context) else {
            mark!("raft: answer to an unknown read ignored");
            return;
        };
        follower.reads.remove(at);
        self.pending.reads.push(ReadState { index, context });
    }

    /// Answers every read that a quorum has confirmed.
    pub(super) fn confirm_reads(&mut self) {
        let own = self.id;
        let Some(leader) = self.role.as_leader_mut() else { return };
        for confirmed in leader.reads.confirmed(self.configuration.voters(), own) {
            let (index, read) = (confirmed.index, confirmed.read);
            if read.from == own {
                self.pending.reads.push(ReadState { index, context: read.context });
            } else {
                let body = Body::ReadIndexReply { index, context: read.context };
                self.send(read.from, body);
            }
        }
    }

    /// Leadership changes: this member's own reads will not be answered any more.
    pub(super) fn drop_reads(&mut self) {
        let own = self.id;
        let dropped = &mut self.pending.reads_dropped;
        match &mut self.role {
            RoleState::Follower(follower) => dropped.extend(follower.reads.drain(..)),
            RoleState::Candidate(_) => {}
            RoleState::Leader(leader) => {
                let reads = core::mem::take(&mut leader.reads).into_dropped();
                dropped.extend(reads.filter(|read| read.from == own).map(|read| read.context));
            }
        }
    }
}
