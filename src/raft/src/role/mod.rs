//! Roles are types: what only a leader knows cannot be read on a follower. A transition replaces
//! the whole value, so nothing of an old role survives by accident.

mod candidate;
mod follower;
mod leader;

use base::MemberId;
pub use candidate::Candidate;
pub use follower::Follower;
pub use leader::{Farewell, Leader, Transfer};

use crate::status::Role;

/// The present role with its state.
#[derive(Clone, Debug)]
pub enum RoleState {
    /// Follower or learner.
    Follower(Follower),
    /// Candidate or pre-candidate.
    Candidate(Candidate),
    /// Leader; by far the largest.
    Leader(alloc::boxed::Box<Leader>),
}

impl RoleState {
    /// The role's name.
    pub fn name(&self) -> Role {
        match self {
            RoleState::Follower(_) => Role::Follower,
            RoleState::Candidate(candidate) if candidate.pre => Role::PreCandidate,
            RoleState::Candidate(_) => Role::Candidate,
            RoleState::Leader(_) => Role::Leader,
        }
    }

    /// The leader of the term as far as `own` knows.
    pub fn leader(&self, own: MemberId) -> Option<MemberId> {
        match self {
            RoleState::Follower(follower) => follower.leader,
            RoleState::Candidate(_) => None,
            RoleState::Leader(_) => Some(own),
        }
    }
}
