//! Hashes of the oracle's state: etcd's HashKV, and a hash of everything that must agree.
//!
//! HashKV is computed from the full history by the rule of what a finished compaction leaves; the
//! state hash goes through [`StateHasher`], which a simulator can also feed with the contents of
//! an implementation, in any order.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use base::checksum::{crc32c, crc32c_append};
use bytes::Bytes;
use prost::Message;
use proto::mvccpb::KeyValue;

use super::history::{History, Version, newest};
use crate::Error;

/// How many hashes of compactions etcd remembers and answers from.
const REMEMBERED: usize = 10;

/// The answer to a HashKV request, without its header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvHash {
    /// CRC-32C over bucket name, keys and values.
    pub hash: u32,
    /// The compaction that the hash was taken under; -1 for none.
    pub compact_revision: i64,
    /// The revision up to which it reaches.
    pub hash_revision: i64,
}

/// The hashes that compactions left, by revision.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct KvHashes(Vec<KvHash>);

impl KvHashes {
    /// Remembers the hash of the compaction to `revision`, which is about to happen.
    pub fn compacting(&mut self, history: &History, revision: i64) {
        self.0.push(hash(history, revision, true));
        if self.0.len() > REMEMBERED {
            self.0.remove(0);
        }
    }

    /// HashKV at a revision, 0 for the current.
    ///
    /// # Errors
    /// Below the compaction and above the current revision, unless a compaction left its hash.
    pub fn at(&self, history: &History, revision: i64) -> Result<KvHash, Error> {
        if let Some(known) = self.0.iter().find(|known| known.hash_revision == revision) {
            return Ok(*known);
        }
        if revision > 0 && revision < history.compacted() {
            return Err(Error::Compacted);
        }
        if revision > history.revision() {
            return Err(Error::FutureRevision);
        }
        let at = if revision == 0 { history.revision() } else { revision };
        Ok(hash(history, at, false))
    }
}

/// The hash at `at` under the last compaction. A compaction that is computing its own hash counts
/// the tombstones of its revision as kept, a request does not.
fn hash(history: &History, at: i64, compacting: bool) -> KvHash {
    let compacted = history.compacted();
    let mut kept = BTreeSet::new();
    let mut stored = Vec::new();
    for (key, versions) in history.versions() {
        if let Some(last) = newest(versions, at)
            && (last.kv.is_some() || (compacting && last.main == at))
        {
            kept.insert((last.main, last.sub));
        }
        let left = versions.iter().filter(|version| survives(versions, version, compacted));
        stored.extend(left.map(|version| (version.main, version.sub, key, version)));
    }
    stored.sort_by_key(|(main, sub, _, _)| (*main, *sub));
    let mut crc = crc32c(b"key");
    for (main, sub, key, version) in stored {
        let doomed = main <= compacted && !kept.is_empty() && !kept.contains(&(main, sub));
        if main <= at && !doomed {
            crc = append(crc, key, version);
        }
    }
    KvHash { hash: crc, compact_revision: compacted, hash_revision: at }
}

/// Whether a finished compaction leaves this version, as far as the hash can see: what is newer,
/// and the newest of the rest unless it is a tombstone.
fn survives(versions: &[Version], version: &Version, compacted: i64) -> bool {
    if version.main > compacted {
        return true;
    }
    let newest = newest(versions, compacted).is_some_and(|newest| newest.sub == version.sub);
    let last = versions.iter().all(|v| v.main <= version.main || v.main > compacted);
    newest && last && version.kv.is_some()
}

/// The stored bytes of a version: `main _ sub [t]`, then the pair with every zero field left out.
fn append(crc: u32, key: &Bytes, version: &Version) -> u32 {
    let mut bytes = Vec::new();
    bytes.extend_from_slice(&version.main.to_be_bytes());
    bytes.push(b'_');
    bytes.extend_from_slice(&version.sub.to_be_bytes());
    let stored = match &version.kv {
        Some(kv) => kv.encode_to_vec(),
        None => {
            bytes.push(b't');
            KeyValue { key: key.clone(), ..KeyValue::default() }.encode_to_vec()
        }
    };
    crc32c_append(crc32c_append(crc, &bytes), &stored)
}

/// A hash over a set of facts, whatever their order: the wrapping sum of one hash for each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateHasher(u64);

impl StateHasher {
    /// Adds a fact: the name of its kind, its numbers and its bytes.
    pub fn fact(&mut self, kind: &str, numbers: &[i64], bytes: &[&[u8]]) {
        let mut hash = fnv(0xcbf2_9ce4_8422_2325, kind.as_bytes());
        for number in numbers {
            hash = fnv(hash, &number.to_le_bytes());
        }
        for part in bytes {
            hash = fnv(fnv(hash, &(part.len() as u64).to_le_bytes()), part);
        }
        self.0 = self.0.wrapping_add(mix(hash));
    }

    /// Adds a version of a key that a read at or above the compaction can still see, or whose
    /// event a watch can still ask for.
    pub fn version(&mut self, key: &[u8], main: i64, sub: i64, kv: Option<&KeyValue>) {
        match kv {
            Some(kv) => {
                let numbers = [main, sub, kv.create_revision, kv.version, kv.lease];
                self.fact("put", &numbers, &[key, &kv.value]);
            }
            None => self.fact("delete", &[main, sub], &[key]),
        }
    }

    /// The hash of all facts so far.
    #[must_use]
    pub fn finish(self) -> u64 {
        self.0
    }
}

/// The versions that compaction has left: above it all, below it what a read at it finds.
pub fn visible(history: &History) -> impl Iterator<Item = (&Bytes, &Version)> {
    let compacted = history.compacted();
    history.versions().flat_map(move |(key, versions)| {
        let base = newest(versions, compacted).map(|v| (v.main, v.sub));
        versions.iter().filter_map(move |version| {
            let is_base = base == Some((version.main, version.sub));
            // A tombstone exactly at the compaction stays: a watch may start there.
            let kept = is_base && (version.kv.is_some() || version.main == compacted);
            (version.main > compacted || kept).then_some((key, version))
        })
    })
}

fn fnv(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3))
}

/// Spreads a hash over all bits, so that a sum of them does not cancel.
fn mix(hash: u64) -> u64 {
    let spread = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    (spread ^ (spread >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53) ^ (spread >> 29)
}
