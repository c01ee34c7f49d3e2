//! The CRC-32C over everything a file holds, in the order it holds it.

use base::checksum::crc32c_append;

use super::{bucket, meta_key};

/// A running hash over buckets and entries.
///
/// Two kinds: that of `snapshot status` covers all entries; that of the `Hash` call leaves out
/// those entries of the bucket `meta` that differ between members with the same state.
#[derive(Clone, Copy, Debug)]
pub struct ContentHash {
    crc: u32,
    all: bool,
    in_meta: bool,
}

impl ContentHash {
    /// The hash of a snapshot file, as `snapshot status` shows it.
    #[must_use]
    pub fn of_file() -> ContentHash {
        ContentHash { crc: 0, all: true, in_meta: false }
    }

    /// The hash of a member's state, as the `Hash` call answers it.
    #[must_use]
    pub fn of_state() -> ContentHash {
        ContentHash { crc: 0, all: false, in_meta: false }
    }

    /// Begins a bucket.
    pub fn bucket(&mut self, name: &[u8]) {
        self.in_meta = name == bucket::META;
        self.crc = crc32c_append(self.crc, name);
    }

    /// Adds an entry of the bucket.
    pub fn entry(&mut self, key: &[u8], value: &[u8]) {
        let skipped =
            [meta_key::TERM, meta_key::CONSISTENT_INDEX, meta_key::STORAGE_VERSION].contains(&key);
        if !self.all && self.in_meta && skipped {
            return;
        }
        self.crc = crc32c_append(crc32c_append(self.crc, key), value);
    }

    /// The hash of what was added.
    #[must_use]
    pub fn finish(self) -> u32 {
        self.crc
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_hash_of_the_state_leaves_out_what_differs_between_members() {
        let both = [ContentHash::of_file(), ContentHash::of_state()].map(|mut hash| {
            hash.bucket(b"key");
            hash.entry(b"term", b"1");
            hash.bucket(bucket::META);
            hash.entry(meta_key::TERM, b"2");
            hash.entry(b"confState", b"3");
            hash.finish()
        });
        assert_eq!(both[0], base::checksum::crc32c(b"keyterm1metaterm2confState3"));
        assert_eq!(both[1], base::checksum::crc32c(b"keyterm1metaconfState3"));
    }
}
