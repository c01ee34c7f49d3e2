//! Revisions: when a change happened, and how that is written as a key of the backend.
//!
//! A main revision numbers the requests that changed something; a sub revision numbers the changes
//! within one. Encoded: main (8 bytes, big endian), `_`, sub (8 bytes, big endian), and `t` behind
//! it for a tombstone; so keys sort as revisions do. This is etcd's form, byte for byte.

use core::fmt;

use bytes::{BufMut, Bytes, BytesMut};

/// Length of an encoded revision that is not a tombstone.
pub const ENCODED_LEN: usize = 17;
/// Length of an encoded tombstone.
pub const ENCODED_TOMBSTONE_LEN: usize = 18;

const SEPARATOR: u8 = b'_';
const TOMBSTONE: u8 = b't';

/// One change of one key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Revision {
    /// The request, counted over all that changed something; the first write has 2.
    pub main: i64,
    /// The change within the request, from 0 in order of execution.
    pub sub: i64,
}

impl Revision {
    /// The revision of a change.
    #[must_use]
    pub const fn new(main: i64, sub: i64) -> Revision {
        Revision { main, sub }
    }

    /// The key under which the backend has this change.
    ///
    /// # Panics
    /// On a negative part, which would not sort.
    #[must_use]
    pub fn encode(self, tombstone: bool) -> Bytes {
        assert!(self.main >= 0 && self.sub >= 0, "negative revision {self} encoded");
        let mut key = BytesMut::with_capacity(ENCODED_TOMBSTONE_LEN);
        key.put_i64(self.main);
        key.put_u8(SEPARATOR);
        key.put_i64(self.sub);
        if tombstone {
            key.put_u8(TOMBSTONE);
        }
        key.freeze()
    }

    /// The smallest backend key of a main revision, tombstones included.
    #[must_use]
    pub fn encode_first(main: i64) -> Bytes {
        Revision::new(main, 0).encode(false)
    }

    /// Reads a backend key: the revision and whether it is a tombstone. `None` for anything else.
    #[must_use]
    pub fn decode(key: &[u8]) -> Option<(Revision, bool)> {
        let tombstone = match key.len() {
            ENCODED_LEN => false,
            ENCODED_TOMBSTONE_LEN if key[ENCODED_LEN] == TOMBSTONE => true,
            _ => return None,
        };
        if key[8] != SEPARATOR {
            return None;
        }
        let part = |at: usize| key[at..at + 8].try_into().ok().map(i64::from_be_bytes);
        let revision = Revision { main: part(0)?, sub: part(9)? };
        (revision.main >= 0 && revision.sub >= 0).then_some((revision, tombstone))
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.main, self.sub)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bytes_are_those_of_etcd() {
        let put = Revision::new(0x0102, 3).encode(false);
        assert_eq!(&put[..], b"\0\0\0\0\0\0\x01\x02_\0\0\0\0\0\0\0\x03");
        assert_eq!(&Revision::new(0x0102, 3).encode(true)[..17], &put[..]);
        assert_eq!(Revision::new(1, 0).encode(true)[17], b't');
    }

    #[test]
    fn other_bytes_are_not_a_revision() {
        let good = Revision::new(5, 6).encode(true);
        assert_eq!(Revision::decode(&good[..16]), None);
        assert_eq!(Revision::decode(b""), None);
        let mut bad = good.to_vec();
        bad[17] = b'x';
        assert_eq!(Revision::decode(&bad), None);
        bad[17] = b't';
        bad[8] = b'-';
        assert_eq!(Revision::decode(&bad), None);
        bad[8] = b'_';
        bad[0] = 0x80;
        assert_eq!(Revision::decode(&bad), None, "a negative main revision");
    }

    type Parts = (u32, u16, bool);

    proptest! {
        #[test]
        fn encoding_is_read_back_and_sorts(a in any::<Parts>(), b in any::<Parts>()) {
            let revision = |(main, sub, _): Parts| Revision::new(main.into(), sub.into());
            let encoded = |parts: Parts| revision(parts).encode(parts.2);
            prop_assert_eq!(Revision::decode(&encoded(a)), Some((revision(a), a.2)));
            if revision(a) != revision(b) {
                prop_assert_eq!(encoded(a) < encoded(b), revision(a) < revision(b));
            }
        }
    }
}
