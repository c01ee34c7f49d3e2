//! The tree against a `BTreeMap`, and its old images against copies of it.

use alloc::vec::Vec;
use std::collections::BTreeMap;

use proptest::prelude::*;

use super::{Tree, Weight};

impl Weight for u8 {
    fn weight(&self) -> u64 {
        u64::from(*self)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(u16, u8),
    Modify(u16, u8),
    Remove(u16),
    RemoveThrough(u16),
    Keep,
}

fn steps(keys: u16) -> impl Strategy<Value = Vec<Step>> {
    let key = 0..keys;
    proptest::collection::vec(
        prop_oneof![
            12 => (key.clone(), 0..3u8).prop_map(|(k, v)| Step::Insert(k, v)),
            3 => (key.clone(), 0..3u8).prop_map(|(k, v)| Step::Modify(k, v)),
            8 => key.clone().prop_map(Step::Remove),
            1 => (0..keys / 8).prop_map(Step::RemoveThrough),
            1 => Just(Step::Keep),
        ],
        0..600,
    )
}

fn compare(tree: &Tree<u16, u8>, twin: &BTreeMap<u16, u8>, probes: &[u16]) {
    tree.check();
    assert!(tree.iter().eq(twin.iter()), "entries differ");
    assert_eq!(tree.weight(), twin.values().map(Weight::weight).sum::<u64>());
    assert_eq!((tree.first(), tree.last()), (twin.iter().next(), twin.iter().next_back()));
    assert_eq!(tree.is_empty(), twin.is_empty());
    for probe in probes {
        assert_eq!(tree.get(probe), twin.get(probe));
        assert_eq!(tree.floor(probe), twin.range(..=probe).next_back());
        assert!(tree.iter_from(probe).eq(twin.range(probe..)));
        let below: u64 = twin.range(..probe).map(|(_, v)| v.weight()).sum();
        assert_eq!(tree.weight_below(probe), below);
    }
    let units: Vec<(&u16, &u8)> =
        twin.iter().flat_map(|entry| core::iter::repeat_n(entry, usize::from(*entry.1))).collect();
    for n in 0..=units.len() {
        assert_eq!(tree.nth(n as u64), units.get(n).copied(), "unit {n}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn is_a_btree_map_with_sums(
        steps in steps(400),
        probes in proptest::collection::vec(0..410u16, 12),
    ) {
        let mut tree = Tree::default();
        let mut twin = BTreeMap::new();
        let mut kept = Vec::new();
        for step in steps {
            match step {
                Step::Insert(k, v) => assert_eq!(tree.insert(k, v), twin.insert(k, v)),
                Step::Modify(k, v) => {
                    let old = tree.modify(&k, |value| core::mem::replace(value, v));
                    assert_eq!(old, twin.get_mut(&k).map(|value| core::mem::replace(value, v)));
                }
                Step::Remove(k) => assert_eq!(tree.remove(&k), twin.remove(&k)),
                Step::RemoveThrough(k) => {
                    tree.remove_through(&k);
                    twin = twin.split_off(&(k + 1));
                }
                Step::Keep => kept.push((tree.clone(), twin.clone())),
            }
        }
        compare(&tree, &twin, &probes);
        for (tree, twin) in &kept {
            compare(tree, twin, &probes);
        }
    }
}

#[test]
fn ascending_keys_fill_their_nodes() {
    let mut tree = Tree::default();
    for key in 0..4096u16 {
        tree.insert(key, 1);
    }
    tree.check();
    assert_eq!(tree.weight(), 4096);
    assert_eq!(tree.nth(4095), Some((&4095, &1)));
}
