//! The keys of the `key` bucket: a revision, and whether it deleted its key.
//!
//! 8 bytes main revision, `_`, 8 bytes sub-revision, all big-endian, so that the order of keys is
//! the order of revisions; a deletion has a `t` behind that.

/// A revision as the key of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RevisionKey {
    /// The transaction.
    pub main: i64,
    /// The change within it.
    pub sub: i64,
    /// Whether the change deleted its key.
    pub tombstone: bool,
}

const REVISION_BYTES: usize = 17;
const SEPARATOR: u8 = b'_';
const TOMBSTONE: u8 = b't';

impl RevisionKey {
    /// The length of the longest key.
    pub const BYTES_MAX: usize = REVISION_BYTES + 1;

    /// The revision of a change that is not a deletion.
    #[must_use]
    pub const fn new(main: i64, sub: i64) -> RevisionKey {
        RevisionKey { main, sub, tombstone: false }
    }

    /// The 17 or 18 bytes, as an array and how many of it count.
    #[must_use]
    pub fn encode(self) -> ([u8; RevisionKey::BYTES_MAX], usize) {
        assert!(self.main >= 0 && self.sub >= 0, "revision {}.{} is negative", self.main, self.sub);
        let mut bytes = [TOMBSTONE; RevisionKey::BYTES_MAX];
        bytes[..8].copy_from_slice(&self.main.to_be_bytes());
        bytes[8] = SEPARATOR;
        bytes[9..REVISION_BYTES].copy_from_slice(&self.sub.to_be_bytes());
        (bytes, REVISION_BYTES + usize::from(self.tombstone))
    }

    /// Reads a key; `None` when it is none. etcd looks at the length and the last byte only; the
    /// separator and the signs are checked as well.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<RevisionKey> {
        let tombstone = match bytes.len() {
            REVISION_BYTES => false,
            RevisionKey::BYTES_MAX if bytes[REVISION_BYTES] == TOMBSTONE => true,
            _ => return None,
        };
        let main = i64::from_be_bytes(bytes[..8].try_into().ok()?);
        let sub = i64::from_be_bytes(bytes[9..REVISION_BYTES].try_into().ok()?);
        let sound = bytes[8] == SEPARATOR && main >= 0 && sub >= 0;
        sound.then_some(RevisionKey { main, sub, tombstone })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_those_of_etcd() {
        let (bytes, len) = RevisionKey { main: 258, sub: 3, tombstone: true }.encode();
        assert_eq!(&bytes[..len], b"\0\0\0\0\0\0\x01\x02_\0\0\0\0\0\0\0\x03t");
        let (bytes, len) = RevisionKey::new(258, 3).encode();
        assert_eq!(&bytes[..len], b"\0\0\0\0\0\0\x01\x02_\0\0\0\0\0\0\0\x03");
    }

    #[test]
    fn what_is_written_reads_back_and_nothing_else_does() {
        for tombstone in [false, true] {
            let key = RevisionKey { main: i64::MAX, sub: 12, tombstone };
            let (bytes, len) = key.encode();
            assert_eq!(RevisionKey::decode(&bytes[..len]), Some(key));
        }
        for wrong in [&b"\0\0\0\0\0\0\x01\x02-\0\0\0\0\0\0\0\x03"[..], b"", &[0xff; 17], &[0; 18]] {
            assert_eq!(RevisionKey::decode(wrong), None, "{wrong:?}");
        }
    }
}
