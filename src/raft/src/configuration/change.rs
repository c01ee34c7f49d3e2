//! Changes of the configuration as they are proposed, in raftpb's terms.

use alloc::vec::Vec;

use base::MemberId;

/// What one step does to one member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfChangeKind {
    /// Adds a voter, or makes a learner one.
    AddVoter,
    /// Removes a voter or learner.
    RemoveMember,
    /// Changes nothing here; the driver keeps addresses.
    UpdateMember,
    /// Adds a learner, or makes a voter one.
    AddLearner,
}

/// One step of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConfChangeStep {
    /// What it does.
    pub kind: ConfChangeKind,
    /// To whom. Zero turns the step into none, as etcd does with changes it refuses at apply.
    pub member: MemberId,
}

/// How a change of several members is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Transition {
    /// Directly when one step suffices, else jointly, leaving the joint configuration by itself.
    #[default]
    Auto,
    /// Jointly; the leader leaves the joint configuration by itself.
    JointImplicit,
    /// Jointly; a further change without steps leaves the joint configuration.
    JointExplicit,
}

/// A configuration change. Without steps it leaves a joint configuration.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ConfChange {
    /// How it is carried out.
    pub transition: Transition,
    /// What it does, in order.
    pub steps: Vec<ConfChangeStep>,
}

impl ConfChange {
    /// A change of one member.
    #[must_use]
    pub fn single(kind: ConfChangeKind, member: MemberId) -> ConfChange {
        let steps = alloc::vec![ConfChangeStep { kind, member }];
        ConfChange { transition: Transition::Auto, steps }
    }

    /// The change that leaves a joint configuration.
    #[must_use]
    pub fn leave() -> ConfChange {
        ConfChange::default()
    }

    /// Whether this is the change that leaves a joint configuration.
    #[must_use]
    pub fn leaves_joint(&self) -> bool {
        self.transition == Transition::Auto && self.steps.is_empty()
    }

    /// Whether the change goes through a joint configuration, and if so whether the leader leaves
    /// it by itself.
    #[must_use]
    pub fn enters_joint(&self) -> Option<bool> {
        match self.transition {
            Transition::Auto if self.steps.len() > 1 => Some(true),
            Transition::Auto => None,
            Transition::JointImplicit => Some(true),
            Transition::JointExplicit => Some(false),
        }
    }
}
