//! The configuration: who votes, who learns, and how one configuration becomes the next.
//!
//! Invariants: learners are no voters; staged learners (`learners_next`) are outgoing voters and
//! not incoming ones; outside of a joint configuration nothing is staged and `auto_leave` is off.
//! A change that would break one of them, or leave no voter, is an error and changes nothing.

mod change;

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use base::MemberId;
pub use change::{ConfChange, ConfChangeKind, ConfChangeStep, Transition};

use crate::entry::ConfState;
use crate::quorum::Joint;

/// Why a change cannot be carried out on the present configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No voter would remain.
    NoVoters,
    /// Several voters would change at once without a joint configuration.
    NotSingle,
    /// The present configuration is joint.
    Joint,
    /// The present configuration is not joint.
    NotJoint,
}

/// The members and their rights.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Configuration {
    voters: Joint,
    learners: BTreeSet<MemberId>,
    learners_next: BTreeSet<MemberId>,
    auto_leave: bool,
}

impl Configuration {
    /// The configuration that a snapshot or recovery names.
    ///
    /// # Panics
    /// When it breaks an invariant: then what was stored is not a configuration.
    pub fn restore(state: &ConfState) -> Configuration {
        let configuration = Configuration::read(state);
        configuration.check();
        configuration
    }

    /// The configuration that a peer names, if it is one.
    pub fn received(state: &ConfState) -> Option<Configuration> {
        let configuration = Configuration::read(state);
        configuration.flaw().is_none().then_some(configuration)
    }

    fn read(state: &ConfState) -> Configuration {
        Configuration {
            voters: Joint {
                incoming: state.voters.iter().copied().collect(),
                outgoing: state.voters_outgoing.iter().copied().collect(),
            },
            learners: state.learners.iter().copied().collect(),
            learners_next: state.learners_next.iter().copied().collect(),
            auto_leave: state.auto_leave,
        }
    }

    /// The configuration in raftpb's terms.
    pub fn conf_state(&self) -> ConfState {
        let sorted = |ids: &BTreeSet<MemberId>| ids.iter().copied().collect::<Vec<_>>();
        ConfState {
            voters: sorted(self.voters.incoming.members()),
            voters_outgoing: sorted(self.voters.outgoing.members()),
            learners: sorted(&self.learners),
            learners_next: sorted(&self.learners_next),
            auto_leave: self.auto_leave,
        }
    }

    /// The voters.
    pub fn voters(&self) -> &Joint {
        &self.voters
    }

    /// Whether the configuration is joint.
    pub fn is_joint(&self) -> bool {
        self.voters.is_joint()
    }

    /// Whether the leader is to leave this joint configuration by itself.
    pub fn auto_leave(&self) -> bool {
        self.auto_leave
    }

    /// Whether the member learns without a vote.
    pub fn is_learner(&self, id: MemberId) -> bool {
        self.learners.contains(&id)
    }

    /// Whether the member is sent the log.
    pub fn contains(&self, id: MemberId) -> bool {
        self.voters.contains(id) || self.learners.contains(&id)
    }

    /// Everyone who is sent the log, sorted.
    pub fn members(&self) -> BTreeSet<MemberId> {
        let mut members = self.voters.ids();
        members.extend(&self.learners);
        members
    }

    /// The configuration after a change.
    ///
    /// # Errors
    /// When the change cannot be carried out.
    pub fn after(&self, change: &ConfChange) -> Result<Configuration, Refusal> {
        let next = if change.leaves_joint() {
            self.left()?
        } else if let Some(auto_leave) = change.enters_joint() {
            self.entered(auto_leave, &change.steps)?
        } else {
            self.stepped(&change.steps)?
        };
        next.check();
        Ok(next)
    }

    /// Both halves the same, then the steps on the incoming one.
    fn entered(&self, auto_leave: bool, steps: &[ConfChangeStep]) -> Result<Self, Refusal> {
        if self.is_joint() {
            return Err(Refusal::Joint);
        }
        if self.voters.incoming.members().is_empty() {
            return Err(Refusal::NoVoters);
        }
        let mut next = self.clone();
        next.voters.outgoing = next.voters.incoming.clone();
        next.auto_leave = auto_leave;
        next.take(steps)?;
        Ok(next)
    }

    /// The outgoing half is gone, staged learners are learners.
    fn left(&self) -> Result<Self, Refusal> {
        if !self.is_joint() {
            return Err(Refusal::NotJoint);
        }
        let mut next = self.clone();
        next.learners.append(&mut next.learners_next);
        next.voters.outgoing = Default::default();
        next.auto_leave = false;
        Ok(next)
    }

    /// At most one voter comes or goes.
    fn stepped(&self, steps: &[ConfChangeStep]) -> Result<Self, Refusal> {
        if self.is_joint() {
            return Err(Refusal::Joint);
        }
        let mut next = self.clone();
        next.take(steps)?;
        let (before, after) = (self.voters.incoming.members(), next.voters.incoming.members());
        if before.symmetric_difference(after).count() > 1 {
            return Err(Refusal::NotSingle);
        }
        Ok(next)
    }

    fn take(&mut self, steps: &[ConfChangeStep]) -> Result<(), Refusal> {
        for step in steps.iter().filter(|step| !step.member.is_zero()) {
            match step.kind {
                ConfChangeKind::AddVoter => self.make_voter(step.member),
                ConfChangeKind::AddLearner => self.make_learner(step.member),
                ConfChangeKind::RemoveMember => self.remove(step.member),
                ConfChangeKind::UpdateMember => {}
            }
        }
        if self.voters.incoming.members().is_empty() {
            return Err(Refusal::NoVoters);
        }
        Ok(())
    }

    fn make_voter(&mut self, id: MemberId) {
        self.remove(id);
        self.voters.incoming.members_mut().insert(id);
    }

    /// A voter of the outgoing half is only staged: nobody is voter and learner at once.
    fn make_learner(&mut self, id: MemberId) {
        self.remove(id);
        if self.voters.outgoing.members().contains(&id) {
            self.learners_next.insert(id);
        } else {
            self.learners.insert(id);
        }
    }

    fn remove(&mut self, id: MemberId) {
        self.voters.incoming.members_mut().remove(&id);
        self.learners.remove(&id);
        self.learners_next.remove(&id);
    }

    /// Panics when an invariant is broken.
    pub fn check(&self) {
        if let Some(flaw) = self.flaw() {
            panic!("{flaw}: {self:?}");
        }
    }

    /// The invariant that is broken, if one is.
    fn flaw(&self) -> Option<&'static str> {
        let (incoming, outgoing) = (&self.voters.incoming, &self.voters.outgoing);
        let stays = |id: &MemberId| !outgoing.members().contains(id);
        let flaws = [
            (self.contains(MemberId::ZERO), "member zero"),
            (self.learners.iter().any(|&id| self.voters.contains(id)), "a learner that votes"),
            (self.learners_next.iter().any(stays), "a staged learner that is no outgoing voter"),
            (!incoming.members().is_disjoint(&self.learners_next), "a staged learner that stays"),
            (!self.is_joint() && self.auto_leave, "auto_leave without a joint configuration"),
            (self.is_joint() && incoming.members().is_empty(), "joint without incoming voters"),
        ];
        flaws.into_iter().find_map(|(broken, flaw)| broken.then_some(flaw))
    }
}

#[cfg(test)]
mod tests;
