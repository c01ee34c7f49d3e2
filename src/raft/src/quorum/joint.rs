//! Two sets of voters that must both agree; the outgoing one is empty outside of a joint change.

use alloc::collections::BTreeSet;

use base::MemberId;

use super::{Majority, Tally};

/// The voters of a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Joint {
    /// The voters, or the ones to be when joint.
    pub incoming: Majority,
    /// The voters that are being replaced; empty unless joint.
    pub outgoing: Majority,
}

impl Joint {
    /// Whether two majorities are needed.
    pub fn is_joint(&self) -> bool {
        !self.outgoing.members().is_empty()
    }

    /// Whether the member has a vote in either half.
    pub fn contains(&self, id: MemberId) -> bool {
        self.incoming.members().contains(&id) || self.outgoing.members().contains(&id)
    }

    /// All voters, each once, sorted.
    pub fn ids(&self) -> BTreeSet<MemberId> {
        self.incoming.members().union(self.outgoing.members()).copied().collect()
    }

    /// The highest level that a quorum has reached; `u64::MAX` without voters.
    pub fn reached(&self, level: impl Fn(MemberId) -> u64) -> u64 {
        self.incoming.reached(&level).min(self.outgoing.reached(&level))
    }

    /// How the vote stands: lost as soon as one half has lost it, won when both have won it.
    pub fn tally(&self, vote: impl Fn(MemberId) -> Option<bool>) -> Tally {
        match (self.incoming.tally(&vote), self.outgoing.tally(&vote)) {
            (Tally::Lost, _) | (_, Tally::Lost) => Tally::Lost,
            (Tally::Won, Tally::Won) => Tally::Won,
            _ => Tally::Pending,
        }
    }
}
