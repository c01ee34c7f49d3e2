//! Sets of keys that a user may read or write.
//!
//! Granted ranges are merged where they touch or overlap, so that a request over two adjacent
//! grants is permitted, and so that one search decides.
//!
//! Invariant: merged ranges ascend, and between two of them there is a key that is in neither.

use alloc::vec::Vec;

use bytes::{BufMut, Bytes, BytesMut};

/// The key behind the last one of an open range: none.
type End = Option<Bytes>;

/// A range of keys; `None` as end is beyond every key.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Range {
    start: Bytes,
    end: End,
}

/// A set of keys as ranges.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    merged: Vec<Range>,
}

/// Whether an end as the API writes it means "to the last key".
fn is_open(end: &[u8]) -> bool {
    end == [0]
}

fn is_before(key: &[u8], end: &End) -> bool {
    end.as_ref().is_none_or(|end| key < &end[..])
}

fn is_within(end: &End, outer: &End) -> bool {
    match (end, outer) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(end), Some(outer)) => end <= outer,
    }
}

impl Ranges {
    /// Collects grants: key and range end as the API has them.
    pub(crate) fn of<'a>(grants: impl Iterator<Item = (&'a Bytes, &'a Bytes)>) -> Ranges {
        let mut granted: Vec<Range> = grants.filter_map(|(key, end)| range(key, end)).collect();
        granted.sort_by(|a, b| a.start.cmp(&b.start));
        let mut merged: Vec<Range> = Vec::new();
        for next in granted {
            match merged.last_mut() {
                Some(last) if last.end.as_ref().is_none_or(|end| next.start <= *end) => {
                    if !is_within(&next.end, &last.end) {
                        last.end = next.end;
                    }
                }
                _ => merged.push(next),
            }
        }
        let ranges = Ranges { merged };
        ranges.check();
        ranges
    }

    /// Whether all keys of a request are in the set; an empty `end` stands for the key alone.
    #[must_use]
    pub fn contains(&self, key: &[u8], end: &[u8]) -> bool {
        if end.is_empty() {
            return self.around(key).is_some();
        }
        if is_open(end) {
            return self.around(key).is_some_and(|range| range.end.is_none());
        }
        if key < end {
            let outer = self.around(key);
            return outer.is_some_and(|r| r.end.as_ref().is_none_or(|outer| end <= &outer[..]));
        }
        // A range without keys is in the set, as in etcd, when its first bound is. There a grant
        // between the bounds may hide the one around the first; nobody gains by that.
        self.around(key).is_some()
    }

    /// The merged range with a key in it.
    fn around(&self, key: &[u8]) -> Option<&Range> {
        let behind = self.merged.partition_point(|range| &range.start[..] <= key);
        let range = self.merged.get(behind.checked_sub(1)?)?;
        is_before(key, &range.end).then_some(range)
    }

    fn check(&self) {
        let apart = |pair: &[Range]| pair[0].end.as_ref().is_some_and(|end| *end < pair[1].start);
        assert!(self.merged.windows(2).all(apart), "ranges touch: {:?}", self.merged);
    }
}

/// A grant as a range; `None` for one without keys, which only a file of an old etcd can hold.
fn range(key: &Bytes, end: &Bytes) -> Option<Range> {
    let end = match &end[..] {
        [] => Some(successor(key)),
        [0] => None,
        _ => Some(end.clone()),
    };
    let has_keys = !key.is_empty() && is_before(key, &end);
    has_keys.then(|| Range { start: key.clone(), end })
}

fn successor(key: &Bytes) -> Bytes {
    let mut next = BytesMut::with_capacity(key.len() + 1);
    next.put_slice(key);
    next.put_u8(0);
    next.freeze()
}

/// Whether a permission's range has keys: the rule for granting one.
#[must_use]
pub(crate) fn is_grantable(key: &[u8], end: &[u8]) -> bool {
    !key.is_empty() && (end.is_empty() || key < end || is_open(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ranges(grants: &[(&'static str, &'static str)]) -> Ranges {
        let grants: Vec<(Bytes, Bytes)> =
            grants.iter().map(|&(key, end)| (Bytes::from(key), Bytes::from(end))).collect();
        Ranges::of(grants.iter().map(|(key, end)| (key, end)))
    }

    #[test]
    fn a_request_over_adjacent_grants_is_permitted_and_one_over_a_gap_is_not() {
        let set = ranges(&[("c", "e"), ("a", "c"), ("f", "g"), ("x", "\0"), ("b", "")]);
        for (key, end) in [("a", "e"), ("b", "d"), ("a", ""), ("d", ""), ("y", "\0"), ("x", "z")] {
            assert!(set.contains(key.as_bytes(), end.as_bytes()), "{key:?} {end:?}");
        }
        for (key, end) in [("a", "g"), ("e", ""), ("w", "\0"), ("A", "b"), ("a", "\0"), ("g", "")] {
            assert!(!set.contains(key.as_bytes(), end.as_bytes()), "{key:?} {end:?}");
        }
    }

    #[test]
    fn one_key_is_not_its_successors() {
        let set = ranges(&[("k", "")]);
        assert!(set.contains(b"k", b"") && set.contains(b"k", b"k\0"));
        assert!(!set.contains(b"k\0", b"") && !set.contains(b"k", b"k\0\0"));
        assert!(!set.contains(b"k", b"\0"), "from a key onwards is more than the key");
    }

    #[test]
    fn a_range_without_keys_needs_a_grant_around_its_first_bound() {
        let set = ranges(&[("a", "c"), ("k/2", "")]);
        assert!(set.contains(b"k/2", b"b\0") && set.contains(b"b", b"b"));
        assert!(!set.contains(b"k", b"b") && !set.contains(b"z", b"a"));
    }

    #[test]
    fn merging_changes_no_answer_about_single_keys() {
        let grants = [("a", "c"), ("b", "f"), ("f", "g"), ("k", ""), ("k\0", "m"), ("q", "\0")];
        let set = ranges(&grants);
        for key in ["a", "b", "c", "e", "f", "g", "k", "k\0", "l", "m", "p", "q", "zz"] {
            let naive = grants.iter().any(|&(start, end)| match end {
                "" => key == start,
                "\0" => key >= start,
                _ => key >= start && key < end,
            });
            assert_eq!(set.contains(key.as_bytes(), b""), naive, "{key:?}");
        }
    }

    #[test]
    fn grants_without_keys_count_for_nothing() {
        let set = ranges(&[("", "z"), ("z", "a")]);
        assert!(!set.contains(b"b", b"") && !set.contains(b"z", b""));
        assert!(is_grantable(b"a", b"") && is_grantable(b"a", b"\0") && is_grantable(b"a", b"b"));
        assert!(!is_grantable(b"", b"b") && !is_grantable(b"b", b"b") && !is_grantable(b"b", b"a"));
    }
}
