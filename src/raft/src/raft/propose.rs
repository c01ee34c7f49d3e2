//! Proposals: appended by a leader, forwarded by a follower, refused without either.

use alloc::vec;
use alloc::vec::Vec;

use base::{Index, MemberId, Term, mark};
use bytes::Bytes;

use super::Raft;
use crate::configuration::{ConfChange, Refusal};
use crate::entry::{Entry, EntryKind};
use crate::error::{ProposeError, Proposed};
use crate::message::{Body, Message};
use crate::role::RoleState;

impl Raft {
    /// Proposes commands, in this order, all or none. A follower forwards them in one message,
    /// which may be lost and is never sent again.
    ///
    /// # Errors
    /// When they cannot be taken now; nothing was appended or sent.
    pub fn propose(&mut self, payloads: Vec<Bytes>) -> Result<Proposed, ProposeError> {
        assert!(!payloads.is_empty(), "a proposal without payloads");
        let entries = payloads.into_iter().map(|data| (EntryKind::Normal, data)).collect();
        match &self.role {
            RoleState::Leader(_) => self.append_proposals(entries),
            _ => self.forward(entries),
        }
    }

    /// Proposes a configuration change; one at a time may be unapplied.
    ///
    /// # Errors
    /// When it cannot be taken now, or cannot be carried out on the present configuration.
    pub fn propose_configuration(
        &mut self,
        kind: EntryKind,
        data: Bytes,
        change: &ConfChange,
    ) -> Result<Proposed, ProposeError> {
        assert!(kind.is_configuration(), "{kind:?} changes no configuration");
        if !matches!(self.role, RoleState::Leader(_)) {
            return self.forward(vec![(kind, data)]);
        }
        let leaving = self.validate_change(change)?;
        let proposed = self.append_proposals(vec![(kind, data)])?;
        self.note_leaving(leaving);
        Ok(proposed)
    }

    fn note_leaving(&mut self, leaving: bool) {
        if let Some(leader) = self.role.as_leader_mut() {
            leader.leaving |= leaving;
        }
    }

    fn forward(&mut self, entries: Vec<(EntryKind, Bytes)>) -> Result<Proposed, ProposeError> {
        let leader = self.role.leader(self.id).ok_or(ProposeError::NoLeader)?;
        let body = Body::Propose { entries };
        self.outbox.send(Message { from: self.id, to: leader, term: Term::ZERO, body });
        Ok(Proposed::Forwarded { leader })
    }

    /// Proposals that a follower sent here. Whoever does not lead drops them: sending them on could
    /// go round in circles.
    pub(super) fn take_forwarded(&mut self, mut entries: Vec<(EntryKind, Bytes)>) {
        if entries.is_empty() || self.role.as_leader().is_none() {
            mark!("raft: forwarded proposal dropped");
            return;
        }
        let (mut taken, mut leaving) = (None, false);
        for (place, (kind, data)) in entries.iter_mut().enumerate() {
            if !kind.is_configuration() {
                continue;
            }
            let change = (self.config.decode)(*kind, data);
            match change.map(|change| self.validate_change(&change)) {
                Some(Ok(leaves)) if taken.is_none() => (taken, leaving) = (Some(place), leaves),
                _ => {
                    // An empty entry takes its place, so that the others keep theirs.
                    mark!("raft: forwarded configuration change refused");
                    (*kind, *data) = (EntryKind::Normal, Bytes::new());
                }
            }
        }
        if let (Some(place), true) = (taken, leaving) {
            entries.truncate(place + 1);
        }
        match self.append_proposals(entries) {
            Ok(_) => self.note_leaving(leaving),
            Err(_) => mark!("raft: forwarded proposal dropped"),
        }
    }

    /// Whether a change may be proposed now (V-a), and if so whether it takes this member's vote.
    fn validate_change(&self, change: &ConfChange) -> Result<bool, ProposeError> {
        if self.log.has_unapplied_change() {
            return Err(ProposeError::ChangePending);
        }
        match self.configuration.after(change) {
            Ok(next) => Ok(!next.voters().contains(self.id)),
            Err(Refusal::Joint) => Err(ProposeError::AlreadyJoint),
            Err(Refusal::NotJoint) => Err(ProposeError::NotJoint),
            Err(Refusal::NoVoters | Refusal::NotSingle) => Err(ProposeError::InvalidChange),
        }
    }

    fn append_proposals(
        &mut self,
        entries: Vec<(EntryKind, Bytes)>,
    ) -> Result<Proposed, ProposeError> {
        let uncommitted_max = self.config.uncommitted_bytes_max;
        let Some(leader) = self.role.as_leader_mut() else { return Err(ProposeError::NoLeader) };
        if leader.farewell.is_some() || leader.leaving {
            return Err(ProposeError::NotMember);
        }
        if leader.transfer.is_some() {
            return Err(ProposeError::Transferring);
        }
        // An empty backlog takes a proposal of any size, or a large one could never be made.
        let bytes: usize = entries.iter().map(|(_, data)| data.len()).sum();
        let held = leader.uncommitted_bytes;
        if held > 0 && bytes > 0 && held + bytes > uncommitted_max {
            mark!("raft: uncommitted backlog full");
            return Err(ProposeError::UncommittedFull);
        }
        leader.uncommitted_bytes += bytes;
        let first = self.log.last().index.next();
        for (kind, data) in entries {
            self.append(kind, data);
        }
        Ok(Proposed::Appended { term: self.term, first, last: self.log.last().index })
    }

    fn append(&mut self, kind: EntryKind, data: Bytes) -> Index {
        let index = self.log.last().index.next();
        self.log.push(Entry { term: self.term, index, kind, data });
        index
    }

    /// A leader leaves a joint configuration by itself where the change asked for that. The empty
    /// payload is how raftpb encodes the change.
    pub(super) fn leave_joint_if_due(&mut self) {
        let due = self.configuration.auto_leave() && !self.log.has_unapplied_change();
        let Some(leader) = self.role.as_leader() else { return };
        if due && leader.transfer.is_none() && leader.farewell.is_none() {
            mark!("raft: joint configuration left by itself");
            let leaving = self.validate_change(&ConfChange::leave()).unwrap_or(false);
            self.append(EntryKind::ConfChangeV2, Bytes::new());
            self.note_leaving(leaving);
        }
    }

    /// Whether a member has a vote, in either half when joint.
    pub(super) fn is_voter(&self, id: MemberId) -> bool {
        self.configuration.voters().contains(id)
    }
}
