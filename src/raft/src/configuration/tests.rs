//! Configurations against a naive twin: each member has rights before and after, nothing else.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use base::MemberId;
use proptest::prelude::*;

use super::{ConfChange, ConfChangeKind, ConfChangeStep, Configuration, Transition};
use crate::entry::ConfState;
use crate::quorum::Tally;

/// What a member may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Right {
    Votes,
    Learns,
}

/// Rights now, and while joint the ones before; the latter's voters decide too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Twin {
    now: BTreeMap<u64, Right>,
    before: Option<BTreeMap<u64, Right>>,
    auto_leave: bool,
}

impl Twin {
    fn take(&mut self, steps: &[ConfChangeStep]) {
        for step in steps.iter().filter(|step| step.member.get() != 0) {
            let id = step.member.get();
            match step.kind {
                ConfChangeKind::AddVoter => drop(self.now.insert(id, Right::Votes)),
                ConfChangeKind::AddLearner => drop(self.now.insert(id, Right::Learns)),
                ConfChangeKind::RemoveMember => drop(self.now.remove(&id)),
                ConfChangeKind::UpdateMember => {}
            }
        }
    }

    /// The twin after a change, or none where the change is impossible.
    fn after(&self, change: &ConfChange) -> Option<Twin> {
        let mut next = self.clone();
        if change.leaves_joint() {
            next.before.take()?;
            next.auto_leave = false;
            return Some(next);
        }
        if self.before.is_some() {
            return None;
        }
        next.take(&change.steps);
        if let Some(auto_leave) = change.enters_joint() {
            next.before = Some(self.now.clone());
            next.auto_leave = auto_leave;
            if voters(&self.now).is_empty() {
                return None;
            }
        } else {
            let (old, new) = (voters(&self.now), voters(&next.now));
            let gone = old.iter().filter(|id| !new.contains(id)).count();
            let come = new.iter().filter(|id| !old.contains(id)).count();
            if gone + come > 1 {
                return None;
            }
        }
        (!voters(&next.now).is_empty()).then_some(next)
    }

    fn conf_state(&self) -> ConfState {
        let outgoing = self.before.as_ref().map(voters).unwrap_or_default();
        let learns = |id: &MemberId| self.now.get(&id.get()) == Some(&Right::Learns);
        let learners: Vec<MemberId> =
            self.now.keys().map(|&id| MemberId(id)).filter(learns).collect();
        let (staged, learners) = learners.into_iter().partition(|id| outgoing.contains(id));
        ConfState {
            voters: voters(&self.now),
            voters_outgoing: outgoing,
            learners,
            learners_next: staged,
            auto_leave: self.auto_leave,
        }
    }
}

fn voters(rights: &BTreeMap<u64, Right>) -> Vec<MemberId> {
    let votes = rights.iter().filter(|&(_, &right)| right == Right::Votes);
    votes.map(|(&id, _)| MemberId(id)).collect()
}

fn kind() -> impl Strategy<Value = ConfChangeKind> {
    prop_oneof![
        Just(ConfChangeKind::AddVoter),
        Just(ConfChangeKind::AddLearner),
        Just(ConfChangeKind::RemoveMember),
        Just(ConfChangeKind::UpdateMember),
    ]
}

fn change() -> impl Strategy<Value = ConfChange> {
    let transition = prop_oneof![
        6 => Just(Transition::Auto),
        1 => Just(Transition::JointImplicit),
        1 => Just(Transition::JointExplicit),
    ];
    let step =
        (kind(), 0..6u64).prop_map(|(kind, id)| ConfChangeStep { kind, member: MemberId(id) });
    (transition, prop::collection::vec(step, 0..4))
        .prop_map(|(transition, steps)| ConfChange { transition, steps })
}

fn is_quorum(configuration: &Configuration, members: u64) -> bool {
    let voters = configuration.voters();
    voters.tally(|id| Some(members >> id.get() & 1 == 1)) == Tally::Won
}

proptest! {
    #[test]
    fn changes_do_what_the_twin_says(changes in prop::collection::vec(change(), 1..12)) {
        let mut twin = Twin::default();
        twin.now.insert(1, Right::Votes);
        let mut configuration = Configuration::restore(&twin.conf_state());
        for change in changes {
            let (expected, after) = (twin.after(&change), configuration.after(&change));
            prop_assert_eq!(expected.is_some(), after.is_ok(), "{:?} on {:?}", change, twin);
            if let (Some(next), Ok(after)) = (expected, after) {
                prop_assert_eq!(next.conf_state(), after.conf_state());
                // R14: quorums of successive configurations intersect. Six members have 64 sets,
                // and the largest set without a quorum decides for all of its subsets.
                for members in 0..64u64 {
                    let apart = is_quorum(&configuration, members)
                        && is_quorum(&after, !members & 63);
                    prop_assert!(!apart, "{:b} apart: {:?} {:?}", members, configuration, after);
                }
                (twin, configuration) = (next, after);
            }
        }
    }

    #[test]
    fn a_configuration_survives_its_conf_state(changes in prop::collection::vec(change(), 0..8)) {
        let first = ConfState { voters: alloc::vec![MemberId(1)], ..ConfState::default() };
        let mut configuration = Configuration::restore(&first);
        for change in changes {
            configuration = configuration.after(&change).unwrap_or(configuration);
        }
        prop_assert_eq!(&Configuration::restore(&configuration.conf_state()), &configuration);
    }
}
