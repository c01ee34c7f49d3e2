//! One set of voters, of which more than half decide.

use alloc::collections::BTreeSet;

use base::MemberId;

use super::Tally;

/// A set of voters. The empty set agrees to everything, so that it can be half of a joint quorum.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Majority {
    members: BTreeSet<MemberId>,
}

impl Majority {
    /// The voters.
    pub fn members(&self) -> &BTreeSet<MemberId> {
        &self.members
    }

    /// The voters, to be changed.
    pub fn members_mut(&mut self) -> &mut BTreeSet<MemberId> {
        &mut self.members
    }

    /// How many voters decide.
    pub fn needed(&self) -> usize {
        self.members.len() / 2 + 1
    }

    /// The highest level that a majority has reached; `u64::MAX` without voters.
    ///
    /// Quadratic in the number of voters and free of allocation: clusters have up to seven.
    pub fn reached(&self, level: impl Fn(MemberId) -> u64) -> u64 {
        if self.members.is_empty() {
            return u64::MAX;
        }
        let at_least = |bar: u64| self.members.iter().filter(|&&id| level(id) >= bar).count();
        let mut best = 0;
        for &id in &self.members {
            let candidate = level(id);
            if candidate > best && at_least(candidate) >= self.needed() {
                best = candidate;
            }
        }
        best
    }

    /// How the vote stands; `None` is a vote not yet cast. Votes of others do not count.
    pub fn tally(&self, vote: impl Fn(MemberId) -> Option<bool>) -> Tally {
        if self.members.is_empty() {
            return Tally::Won;
        }
        let yes = self.members.iter().filter(|&&id| vote(id) == Some(true)).count();
        let no = self.members.iter().filter(|&&id| vote(id) == Some(false)).count();
        assert!(yes + no <= self.members.len(), "{yes} + {no} votes of {:?}", self.members);
        if yes >= self.needed() {
            Tally::Won
        } else if self.members.len() - no < self.needed() {
            Tally::Lost
        } else {
            Tally::Pending
        }
    }
}

impl FromIterator<MemberId> for Majority {
    fn from_iter<I: IntoIterator<Item = MemberId>>(members: I) -> Majority {
        Majority { members: members.into_iter().collect() }
    }
}
