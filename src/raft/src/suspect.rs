//! A member whose log end was damaged, so that it may have acknowledged more than it holds.
//!
//! It must not help to elect a leader that lacks what it lost. So it votes, for others or itself,
//! only when it knows the last entry of every other voter and the candidate's is the greatest:
//! whatever was committed with this member's lost acknowledgement is then in one of those logs, and
//! in the candidate's. Members without a leader tell their last entries by asking for pre-votes, so
//! a cluster whose members are all suspect elects again. Or a leader catches it up first.

use alloc::collections::BTreeMap;

use base::{Index, MemberId, Term};

use crate::entry::Position;
use crate::quorum::Joint;

/// What keeps a member from voting.
#[derive(Clone, Debug)]
pub struct Suspect {
    /// Entries up to here may have been durable.
    reach: Index,
    /// The term at boot; a later leader was elected without what this member lost.
    term: Term,
    /// The last entries of the others, as told since boot.
    known: BTreeMap<MemberId, Position>,
}

impl Suspect {
    /// Nothing is known of the others yet.
    pub fn new(reach: Index, term: Term) -> Suspect {
        Suspect { reach, term, known: BTreeMap::new() }
    }

    /// A candidate told its last entry.
    pub fn hear(&mut self, from: MemberId, last: Position) {
        self.known.insert(from, last);
    }

    /// Whether `candidate` with this last entry may have the vote of `own`.
    pub fn may_elect(
        &self,
        candidate: (MemberId, Position),
        own: MemberId,
        voters: &Joint,
    ) -> bool {
        let (id, last) = candidate;
        let others = voters.ids().into_iter().filter(|&other| other != own && other != id);
        others.into_iter().all(|other| self.known.get(&other).is_some_and(|&known| known <= last))
    }

    /// Whether a leader of `term` has caught this member up, all of it durable: it holds what a
    /// later leader committed in its own term, or all that it can have lost.
    pub fn is_caught_up(&self, term: Term, committed: Position, stable: Index) -> bool {
        let by_later_leader = committed.term == term && term > self.term;
        stable >= committed.index && (by_later_leader || committed.index >= self.reach)
    }
}
