//! Quorums against naive twins: the definition by subsets, not by counting.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use base::MemberId;
use proptest::prelude::*;

use super::{Joint, Majority, Tally};

fn majority(ids: &BTreeSet<u64>) -> Majority {
    ids.iter().map(|&id| MemberId(id)).collect()
}

/// The n-th largest level, with missing ones as zero: sorting instead of comparing.
fn reached_by_sorting(ids: &BTreeSet<u64>, levels: &BTreeMap<u64, u64>) -> u64 {
    let mut sorted: Vec<u64> = ids.iter().map(|id| levels.get(id).copied().unwrap_or(0)).collect();
    sorted.sort_unstable();
    match sorted.is_empty() {
        true => u64::MAX,
        false => sorted[(sorted.len() - 1) / 2],
    }
}

/// Every way the open votes may still be cast: won if all of them win, lost if none does.
fn tally_by_trying(ids: &BTreeSet<u64>, votes: &BTreeMap<u64, bool>) -> Tally {
    let open: Vec<u64> = ids.iter().copied().filter(|id| !votes.contains_key(id)).collect();
    let given = ids.iter().filter(|id| votes.get(id) == Some(&true)).count();
    let wins = |choice: u32| (given + choice.count_ones() as usize) * 2 > ids.len();
    let outcomes: BTreeSet<bool> =
        (0..1u32 << open.len()).map(|choice| ids.is_empty() || wins(choice)).collect();
    match (outcomes.contains(&true), outcomes.contains(&false)) {
        (true, false) => Tally::Won,
        (false, true) => Tally::Lost,
        _ => Tally::Pending,
    }
}

fn ids() -> impl Strategy<Value = BTreeSet<u64>> {
    prop::collection::btree_set(1..9u64, 0..7)
}

fn levels() -> impl Strategy<Value = BTreeMap<u64, u64>> {
    prop::collection::btree_map(1..9u64, 0..6u64, 0..9)
}

fn votes() -> impl Strategy<Value = BTreeMap<u64, bool>> {
    prop::collection::btree_map(1..9u64, any::<bool>(), 0..9)
}

proptest! {
    #[test]
    fn majority_has_reached_what_sorting_says(ids in ids(), levels in levels()) {
        let reached = majority(&ids).reached(|id| levels.get(&id.get()).copied().unwrap_or(0));
        prop_assert_eq!(reached, reached_by_sorting(&ids, &levels));
    }

    #[test]
    fn majority_votes_as_trying_every_outcome_says(ids in ids(), votes in votes()) {
        let tally = majority(&ids).tally(|id| votes.get(&id.get()).copied());
        prop_assert_eq!(tally, tally_by_trying(&ids, &votes));
    }

    #[test]
    fn joint_quorum_needs_both_halves(
        incoming in ids(), outgoing in ids(), levels in levels(), votes in votes(),
    ) {
        let joint = Joint { incoming: majority(&incoming), outgoing: majority(&outgoing) };
        let reached = joint.reached(|id| levels.get(&id.get()).copied().unwrap_or(0));
        let halves = [&incoming, &outgoing].map(|half| reached_by_sorting(half, &levels));
        prop_assert_eq!(reached, halves[0].min(halves[1]));
        let tally = joint.tally(|id| votes.get(&id.get()).copied());
        let halves = [&incoming, &outgoing].map(|half| tally_by_trying(half, &votes));
        let expected = if halves.contains(&Tally::Lost) {
            Tally::Lost
        } else if halves == [Tally::Won, Tally::Won] {
            Tally::Won
        } else {
            Tally::Pending
        };
        prop_assert_eq!(tally, expected);
    }

    #[test]
    fn two_quorums_of_one_set_always_intersect(ids in ids(), a in votes(), b in votes()) {
        let set = majority(&ids);
        let won = |votes: &BTreeMap<u64, bool>| {
            set.tally(|id| votes.get(&id.get()).copied()) == Tally::Won
        };
        if won(&a) && won(&b) && !ids.is_empty() {
            let both = |id: &&u64| a.get(id) == Some(&true) && b.get(id) == Some(&true);
            prop_assert!(ids.iter().any(|id| both(&id)), "{:?} {:?} {:?}", ids, a, b);
        }
    }
}
