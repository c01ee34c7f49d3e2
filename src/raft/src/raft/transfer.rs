//! Handing leadership over (§3.10 of the dissertation): bring the transferee up to date, take no
//! proposals meanwhile, tell it to campaign at once.

use base::{MemberId, mark};

use super::Raft;
use crate::error::TransferError;
use crate::message::Body;
use crate::role::{RoleState, Transfer};

impl Raft {
    /// Hands leadership to a voter, or asks the leader to. It either succeeds within an election
    /// timeout or is given up; the driver sees which by the role.
    ///
    /// # Errors
    /// When no leader is known, or the transferee leads or has no vote.
    pub fn transfer_leadership(&mut self, to: MemberId) -> Result<(), TransferError> {
        let leader = self.role.leader(self.id).ok_or(TransferError::NoLeader)?;
        if leader == to {
            return Err(TransferError::AlreadyLeader);
        }
        if !self.is_voter(to) {
            return Err(TransferError::NotVoter);
        }
        if leader == self.id {
            self.take_transfer(to);
        } else {
            self.send(leader, Body::TransferLeader { transferee: to });
        }
        Ok(())
    }

    /// On a leader, starts handing over. The same transferee again changes nothing, another one
    /// replaces it.
    pub(super) fn take_transfer(&mut self, to: MemberId) {
        let deadline = self.now + self.config.election_timeout;
        if to == self.id || !self.is_voter(to) {
            mark!("raft: transfer to no other voter ignored");
            return;
        }
        let RoleState::Leader(leader) = &mut self.role else {
            mark!("raft: transfer asked of a follower ignored");
            return;
        };
        if leader.farewell.is_some() || leader.transfer.is_some_and(|now| now.to == to) {
            return;
        }
        leader.transfer = Some(Transfer { to, deadline, told: false });
        self.hand_over_if_caught_up(to);
    }

    /// Tells the transferee to campaign once it holds the whole log: only then it can win.
    pub(super) fn hand_over_if_caught_up(&mut self, from: MemberId) {
        let last = self.log.last().index;
        let Some(leader) = self.role.as_leader_mut() else { return };
        let Some(progress) = leader.progress.get_mut(&from) else { return };
        let Some(transfer) = leader.transfer.as_mut().filter(|transfer| transfer.to == from) else {
            return;
        };
        if progress.matched < last {
            progress.due = true;
        } else if !transfer.told {
            transfer.told = true;
            mark!("raft: leader transfer completes");
            self.send(from, Body::TimeoutNow);
        }
    }
}
