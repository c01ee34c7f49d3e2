//! Which keys a request means: one key, a range, or everything from a key on.

use alloc::sync::Arc;

/// A set of keys, as `key` and `range_end` of a request name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval<'a> {
    /// The key alone.
    Key(&'a [u8]),
    /// From the first up to but not including the second; empty when they do not ascend.
    Range(&'a [u8], &'a [u8]),
    /// From the key on.
    From(&'a [u8]),
}

impl<'a> Interval<'a> {
    /// Reads the two fields: an empty end means the key alone, an end of one zero byte everything
    /// from the key on.
    #[must_use]
    pub fn new(key: &'a [u8], range_end: &'a [u8]) -> Interval<'a> {
        match range_end {
            [] => Interval::Key(key),
            [0] => Interval::From(key),
            _ => Interval::Range(key, range_end),
        }
    }

    /// The first key that may be in it.
    #[must_use]
    pub fn start(&self) -> &'a [u8] {
        match *self {
            Interval::Key(key) | Interval::Range(key, _) | Interval::From(key) => key,
        }
    }

    /// Whether a key that is not below the start lies beyond the end.
    #[must_use]
    pub fn is_behind(&self, key: &[u8]) -> bool {
        match *self {
            Interval::Key(only) => key != only,
            Interval::Range(_, end) => key >= end,
            Interval::From(_) => false,
        }
    }

    /// Whether a key is in it.
    #[must_use]
    pub fn contains(&self, key: &[u8]) -> bool {
        key >= self.start() && !self.is_behind(key)
    }
}

/// An interval that owns its bounds, for what outlives its request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedInterval {
    /// The first key.
    pub start: Arc<[u8]>,
    /// The `range_end` of the request.
    pub range_end: Arc<[u8]>,
}

impl OwnedInterval {
    /// Copies the two fields of a request.
    #[must_use]
    pub fn new(key: &[u8], range_end: &[u8]) -> OwnedInterval {
        OwnedInterval { start: key.into(), range_end: range_end.into() }
    }

    /// The interval.
    #[must_use]
    pub fn get(&self) -> Interval<'_> {
        Interval::new(&self.start, &self.range_end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_decides_what_is_meant() {
        type Keys = &'static [&'static [u8]];
        type Case = (&'static [u8], &'static [u8], Keys, Keys);
        let cases: [Case; 5] = [
            (b"b", b"", &[b"b"], &[b"a", b"ba", b"c"]),
            (b"b", b"d", &[b"b", b"ba", b"c"], &[b"a", b"d"]),
            (b"b", b"\0", &[b"b", b"ba", b"\xff"], &[b"a", b""]),
            (b"d", b"b", &[], &[b"a", b"b", b"c", b"d", b"e"]),
            (b"\0", b"\0", &[b"\0", b"a", b"\xff\xff"], &[b""]),
        ];
        for (key, end, inside, outside) in cases {
            let interval = Interval::new(key, end);
            assert!(inside.iter().all(|k| interval.contains(k)), "{interval:?}");
            assert!(!outside.iter().any(|k| interval.contains(k)), "{interval:?}");
            assert_eq!(OwnedInterval::new(key, end).get(), interval);
        }
    }
}
