//! Keys, ends, values and revisions: what the fields of requests are drawn from.

use alloc::format;

use bytes::Bytes;

use super::{Generator, Horizon};

/// The key space. Small, so that requests meet; with prefixes, neighbours and both ends of byte
/// order, so that range rules show. Not above 12 keys: up to there etcd's sort keeps equals in key
/// order, beyond it promises nothing.
pub const KEYS: [&[u8]; 10] =
    [b"a", b"b", b"c", b"ab", b"b\0", b"k/1", b"k/2", b"k/10", b"\0", b"\xff\xff"];

/// Leases that requests name; ids are signed, and all but zero are legal.
const LEASES: [i64; 6] = [1, 2, 3, 7, -5, i64::MAX];

impl Generator {
    /// A key of the key space.
    pub fn key_of_space(&mut self) -> Bytes {
        Bytes::from_static(self.prng.pick::<&[u8]>(&KEYS))
    }

    /// The end of a range that begins at a key, of any kind.
    pub fn end_of(&mut self, key: &[u8]) -> Bytes {
        self.range_end(key)
    }

    /// A key of the key space, rarely one outside it or none.
    pub(super) fn key(&mut self) -> Bytes {
        match self.prng.below(60) {
            0 => Bytes::new(),
            1 => Bytes::from_static(b"zz"),
            _ => Bytes::from_static(self.prng.pick::<&[u8]>(&KEYS)),
        }
    }

    /// The end of a range that begins at a key: none, open, its prefix, near, or upside down.
    pub(super) fn range_end(&mut self, key: &[u8]) -> Bytes {
        match self.prng.below(8) {
            0..=3 => Bytes::new(),
            4 => Bytes::from_static(b"\0"),
            5 => prefix_end(key),
            6 => Bytes::copy_from_slice(key),
            _ => Bytes::from_static(self.prng.pick::<&[u8]>(&KEYS)),
        }
    }

    /// A value that no other write has, rarely the empty one or a long one.
    pub(super) fn value(&mut self) -> Bytes {
        self.values += 1;
        let unique = self.values;
        match self.prng.below(12) {
            0 => Bytes::new(),
            1 => Bytes::from(format!("{unique:0>200}")),
            _ => Bytes::from(format!("v{unique}")),
        }
    }

    /// A lease to hang a key on: mostly none.
    pub(super) fn lease_or_none(&mut self) -> i64 {
        if self.prng.chance(0.7) { 0 } else { self.lease_id() }
    }

    /// A lease id out of the few in use.
    pub(super) fn lease_id(&mut self) -> i64 {
        *self.prng.pick(&LEASES)
    }

    /// A revision: mostly the current by name, else around the current and the compaction.
    pub(super) fn revision_or_latest(&mut self) -> i64 {
        if self.prng.chance(0.6) { 0 } else { self.revision() }
    }

    /// A revision around what matters, the ends of the type included.
    pub(super) fn revision(&mut self) -> i64 {
        let Horizon { revision, compacted } = self.horizon;
        match self.prng.below(12) {
            0 => -1,
            1 => *self.prng.pick(&[-2, i64::MIN]),
            2 => 1,
            3 => *self.prng.pick(&[revision + 1, i64::MAX]),
            4 => revision,
            5 => compacted,
            6 => compacted - 1,
            7 => compacted + 1,
            _ => {
                let low = compacted.max(1) as u64;
                self.prng.between(low, (revision as u64).max(low)) as i64
            }
        }
    }

    /// True once in `times`.
    pub(super) fn one_in(&mut self, times: u64) -> bool {
        self.prng.below(times) == 0
    }
}

/// The first key that does not begin with `prefix`; the open end when there is none.
#[must_use]
pub(super) fn prefix_end(prefix: &[u8]) -> Bytes {
    let Some(at) = prefix.iter().rposition(|byte| *byte < 0xff) else {
        return Bytes::from_static(b"\0");
    };
    let mut end = prefix[..=at].to_vec();
    end[at] += 1;
    Bytes::from(end)
}
