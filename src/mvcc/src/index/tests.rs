//! The index against a list of all changes.

use alloc::vec::Vec;
use core::num::NonZeroU32;

use proptest::prelude::*;

use super::{Index, Key, Mark};
use crate::interval::Interval;

/// All changes in order; what is alive is found by looking at every one.
#[derive(Clone, Default)]
struct Twin {
    changes: Vec<(Vec<u8>, Mark)>,
}

impl Twin {
    fn get(&self, key: &[u8], at: i64) -> Option<Mark> {
        let of_key = self.changes.iter().filter(|(k, mark)| k == key && mark.main <= at);
        of_key.map(|(_, mark)| *mark).next_back().filter(|mark| !mark.is_tombstone())
    }

    fn alive(&self, interval: Interval<'_>, at: i64) -> Vec<(Vec<u8>, Mark)> {
        let mut keys: Vec<Vec<u8>> = self.changes.iter().map(|(key, _)| key.clone()).collect();
        keys.sort();
        keys.dedup();
        keys.retain(|key| interval.contains(key));
        keys.into_iter().filter_map(|key| Some((key.clone(), self.get(&key, at)?))).collect()
    }

    /// Dead by the definition: from before the revision and superseded up to it, or a deletion.
    fn compact(&mut self, compacted: i64) {
        let all = self.changes.clone();
        self.changes.retain(|(key, mark)| {
            let superseded = all.iter().any(|(k, later)| {
                k == key && later.revision() > mark.revision() && later.main <= compacted
            });
            mark.main >= compacted || (!superseded && !mark.is_tombstone())
        });
    }
}

fn collect<'a>(found: impl Iterator<Item = (&'a Key, Mark)>) -> Vec<(Vec<u8>, Mark)> {
    found.map(|(key, mark)| (key.to_vec(), mark)).collect()
}

/// Adds a put or, for a living key, a deletion.
fn change(index: &mut Index, twin: &mut Twin, key: u8, delete: bool, main: i64, sub: u32) {
    let key = [b'k', key];
    let last = index.get(&key, i64::MAX);
    assert_eq!(last, twin.get(&key, i64::MAX));
    let bytes = NonZeroU32::MIN;
    let mark = match (last, delete) {
        (None, true) => return,
        (Some(_), true) => Mark { main, created: 0, version: 0, sub, bytes },
        (None, false) => Mark { main, created: main, version: 1, sub, bytes },
        (Some(last), false) => {
            Mark { main, created: last.created, version: last.version + 1, sub, bytes }
        }
    };
    index.insert(&key, mark);
    twin.changes.push((key.to_vec(), mark));
}

fn compare(index: &Index, twin: &Twin, from: i64, to: i64) {
    index.check();
    let intervals = [
        Interval::From(b"\0"),
        Interval::Range(b"k\x03", b"k\x09"),
        Interval::Range(b"k\x09", b"k\x03"),
        Interval::Key(b"k\x05"),
    ];
    for interval in intervals {
        for at in from..=to {
            let alive = twin.alive(interval, at);
            assert_eq!(collect(index.alive(interval, at)), alive, "{interval:?} at {at}");
            assert_eq!(index.count_at(interval, at), alive.len() as u64);
        }
        assert_eq!(index.count(interval), twin.alive(interval, to).len() as u64);
    }
    for (n, (key, _)) in twin.alive(Interval::From(b"\0"), to).iter().enumerate() {
        assert_eq!(index.nth(n as u64).map(|k| &k[..]), Some(&key[..]));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]
    #[test]
    fn reads_and_compaction_agree_with_the_list_of_changes(
        steps in proptest::collection::vec((0..12u8, any::<bool>(), any::<bool>()), 1..80),
        compactions in proptest::collection::vec(0..100usize, 0..4),
        slice in 1..5usize,
    ) {
        let (mut index, mut twin) = (Index::default(), Twin::default());
        let (mut main, mut sub) = (1, 0);
        let mut images = Vec::new();
        for (key, delete, same_request) in steps {
            (main, sub) = if same_request && main > 1 { (main, sub + 1) } else { (main + 1, 0) };
            change(&mut index, &mut twin, key, delete, main, sub);
            images.push((index.clone(), twin.clone(), main));
        }
        let mut compactions: Vec<i64> =
            compactions.iter().map(|at| 1 + (*at as i64) * (main - 1) / 99).collect();
        compactions.sort_unstable();
        for compacted in compactions {
            let before = twin.clone();
            twin.compact(compacted);
            for (key, mark) in &before.changes {
                let dead = !twin.changes.contains(&(key.clone(), *mark));
                let told = index.is_dead(key, mark.main, i64::from(mark.sub), compacted);
                prop_assert_eq!(told, dead, "{:?} under {}", mark, compacted);
            }
            let mut dead = 0;
            let mut from: Key = Key::from(&b""[..]);
            loop {
                let done = index.compact(compacted, &from, slice);
                dead += done.dead.len();
                match done.next {
                    Some(next) => from = next,
                    None => break,
                }
            }
            prop_assert_eq!(dead, before.changes.len() - twin.changes.len());
            prop_assert_eq!(index.marks().count(), twin.changes.len());
            compare(&index, &twin, compacted, main);
        }
        let (image, twin, main) = &images[images.len() / 2];
        compare(image, twin, 1, *main);
    }
}
