//! From a key to the watchers whose range holds it.
//!
//! Single keys are a map. Ranges cut the key space at their ends into pieces, each of which knows
//! its watchers, so a lookup is one search in a sorted map. Adding a range touches the pieces it
//! spans.
//!
//! Invariant: a piece `[start, next start)` lists exactly the ranges that cover it whole; two
//! neighbours may list the same, until the last range that cut them is removed.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use core::ops::Bound;

use bytes::Bytes;

use crate::watcher::KeyRange;

/// An interval index over values `T`.
#[derive(Clone, Debug)]
pub(crate) struct Intervals<T> {
    single: BTreeMap<Bytes, BTreeSet<T>>,
    /// Start of a piece to the values of all ranges that cover it, and how many ranges cut here.
    pieces: BTreeMap<Bytes, Piece<T>>,
}

#[derive(Clone, Debug)]
struct Piece<T> {
    values: BTreeSet<T>,
    cuts: usize,
}

impl<T: Copy + Ord> Intervals<T> {
    pub(crate) fn new() -> Intervals<T> {
        Intervals { single: BTreeMap::new(), pieces: BTreeMap::new() }
    }

    /// Adds a value for a range that is not empty.
    pub(crate) fn insert(&mut self, range: &KeyRange, value: T) {
        assert!(!range.is_empty(), "an empty range watches nothing");
        if range.range_end.is_empty() {
            self.single.entry(range.key.clone()).or_default().insert(value);
            return;
        }
        self.cut(&range.key);
        if let Some(end) = end(range) {
            self.cut(end);
        }
        for piece in self.spanned(range) {
            let fresh = piece.values.insert(value);
            assert!(fresh, "a value has one range");
        }
    }

    /// Takes a value away again; the range is the one it was added with.
    pub(crate) fn remove(&mut self, range: &KeyRange, value: T) {
        if range.range_end.is_empty() {
            if let Some(values) = self.single.get_mut(&range.key) {
                values.remove(&value);
                if values.is_empty() {
                    self.single.remove(&range.key);
                }
            }
            return;
        }
        for piece in self.spanned(range) {
            assert!(piece.values.remove(&value), "the value was added with this range");
        }
        self.join(&range.key);
        if let Some(end) = end(range) {
            self.join(end);
        }
    }

    /// The values of all ranges that hold `key`.
    pub(crate) fn at<'a>(&'a self, key: &[u8]) -> impl Iterator<Item = T> + 'a {
        let single = self.single.get(key).into_iter().flatten();
        let below = (Bound::Unbounded, Bound::Included(key));
        let piece = self.pieces.range::<[u8], _>(below).next_back();
        single.chain(piece.into_iter().flat_map(|(_, piece)| &piece.values)).copied()
    }

    /// Makes `at` the start of a piece.
    fn cut(&mut self, at: &Bytes) {
        if let Some(piece) = self.pieces.get_mut(at) {
            piece.cuts += 1;
            return;
        }
        let below = self.pieces.range::<Bytes, _>(..at).next_back();
        let values = below.map(|(_, piece)| piece.values.clone()).unwrap_or_default();
        self.pieces.insert(at.clone(), Piece { values, cuts: 1 });
    }

    /// Undoes one cut; the last one joins the piece to the one before it, which lists the same.
    fn join(&mut self, at: &Bytes) {
        let piece = self.pieces.get_mut(at).expect("a range cut here");
        piece.cuts -= 1;
        if piece.cuts == 0 {
            self.pieces.remove(at);
        }
    }

    fn spanned(&mut self, range: &KeyRange) -> Vec<&mut Piece<T>> {
        let from = Bound::Included(&range.key);
        let to = end(range).map_or(Bound::Unbounded, Bound::Excluded);
        self.pieces.range_mut::<Bytes, _>((from, to)).map(|(_, piece)| piece).collect()
    }
}

fn end(range: &KeyRange) -> Option<&Bytes> {
    (&range.range_end[..] != b"\0").then_some(&range.range_end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    fn ranges() -> impl Strategy<Value = KeyRange> {
        let key = "[a-d]{1,2}";
        prop_oneof![
            key.prop_map(|k| KeyRange::new(bytes(&k), Bytes::new())),
            key.prop_map(|k| KeyRange::new(bytes(&k), bytes("\0"))),
            (key, key).prop_map(|(k, e)| KeyRange::new(bytes(&k), bytes(&e))),
        ]
    }

    proptest! {
        #[test]
        fn the_index_finds_what_a_scan_finds(
            ranges in prop::collection::vec((ranges(), any::<bool>()), 1..20),
            keys in prop::collection::vec("[a-e]{1,3}", 1..20),
        ) {
            let mut index = Intervals::new();
            let mut kept: Vec<(usize, KeyRange)> = Vec::new();
            for (value, (range, removed)) in ranges.into_iter().enumerate() {
                if range.is_empty() {
                    continue;
                }
                index.insert(&range, value);
                kept.push((value, range));
                if removed {
                    let (value, range) = kept.remove(kept.len() / 2);
                    index.remove(&range, value);
                }
            }
            for key in keys {
                let mut found: Vec<usize> = index.at(key.as_bytes()).collect();
                found.sort_unstable();
                let holds = |(_, range): &&(usize, KeyRange)| range.contains(key.as_bytes());
                let expected: Vec<usize> = kept.iter().filter(holds).map(|(v, _)| *v).collect();
                prop_assert_eq!(found, expected);
            }
            for (value, range) in kept {
                index.remove(&range, value);
            }
            prop_assert!(index.pieces.is_empty() && index.single.is_empty());
        }
    }
}
