//! HashKV: a checksum over the history up to a revision, equal to that of an etcd member which
//! applied the same log.
//!
//! It covers the name of etcd's bucket, then key and value of each entry in order of revisions. Of
//! the entries up to the last compaction only those count that the read revision still sees, and
//! never a tombstone exactly at the compaction; if it sees no key at all, those count that the
//! compaction left. Whether the cleaner has taken the dead ones away does not show.

use base::checksum::{crc32c, crc32c_append};

use super::View;
use crate::backend::{BackendError, BackendSnapshot};
use crate::error::{KvError, ReadError};
use crate::index::Index;
use crate::interval::Interval;
use crate::keyvalue;
use crate::recent::Stored;
use crate::revision::Revision;

/// The bucket that etcd keeps revisions in; its name goes into the hash.
const BUCKET: &[u8] = b"key";

/// A hash and what it covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KvHash {
    /// CRC-32C.
    pub hash: u32,
    /// The last compaction when it was taken; -1 before the first.
    pub compact_revision: i64,
    /// Up to this revision.
    pub hash_revision: i64,
}

/// Which entries count.
struct Filter<'a> {
    index: &'a Index,
    /// Up to this main revision only what is seen counts.
    compacted: i64,
    /// What a reader at this revision sees.
    seen_at: i64,
    revision: i64,
}

impl Filter<'_> {
    fn counts(&self, revision: Revision, stored: &Stored) -> Result<bool, BackendError> {
        if revision.main > self.compacted {
            return Ok(true);
        }
        if stored.tombstone {
            return Ok(false);
        }
        let pair = keyvalue::decode(&stored.bytes)?;
        let seen = self.index.get(&pair.key, self.seen_at);
        Ok(seen.is_some_and(|mark| mark.revision() == revision))
    }
}

impl<S: BackendSnapshot> View<S> {
    /// The hash up to a revision; zero means the newest. Reads the whole history.
    ///
    /// # Errors
    /// `Compacted`, `FutureRevision`, or the backend failed.
    pub fn hash_kv(&self, revision: i64) -> Result<KvHash, ReadError> {
        let at = self.hashed_revision(revision)?;
        let sees_any = self.image.index.alive(Interval::From(b""), at).next().is_some();
        // With nothing in sight etcd does not filter, and hashes what its compaction left.
        let seen_at = if sees_any { at } else { self.image.compacted };
        self.hash(at, seen_at)
    }

    /// The hash that etcd takes while it compacts: up to the new compaction revision, before that
    /// is in force. To be called on a view from right before the compaction, within its revision.
    ///
    /// # Errors
    /// As [`View::hash_kv`].
    pub fn compaction_hash(&self, revision: i64) -> Result<KvHash, ReadError> {
        // A first compaction may go to zero, which is no name for the newest here.
        let at = if revision == 0 { 0 } else { self.hashed_revision(revision)? };
        // A tombstone at the very revision is kept by the compaction, and that is enough for etcd
        // to filter.
        let keeps_any = self.image.index.alive(Interval::From(b""), at).next().is_some()
            || self.image.index.marks().any(|(_, mark)| mark.main == at && mark.is_tombstone());
        let seen_at = if keeps_any { at } else { self.image.compacted };
        self.hash(at, seen_at)
    }

    fn hashed_revision(&self, revision: i64) -> Result<i64, KvError> {
        // Unlike a range, a negative revision hashes nothing but the bucket's name.
        if revision < 0 { Ok(revision) } else { self.image.visible(revision, self.image.revision) }
    }

    fn hash(&self, revision: i64, seen_at: i64) -> Result<KvHash, ReadError> {
        let compacted = self.image.compacted;
        let filter = Filter { index: &self.image.index, compacted, seen_at, revision };
        let mut hash = crc32c(BUCKET);
        let mut add = |revision: Revision, stored: &Stored| -> Result<(), BackendError> {
            if filter.counts(revision, stored)? {
                hash = crc32c_append(hash, &revision.encode(stored.tombstone));
                hash = crc32c_append(hash, &stored.bytes);
            }
            Ok(())
        };
        let after = self.image.recents.after();
        for entry in self.image.shelf.scan(0, filter.revision.min(after)) {
            let (revision, stored) = entry?;
            add(revision, &stored)?;
        }
        for (revision, stored) in self.image.recents.from(after + 1) {
            if revision.main > filter.revision {
                break;
            }
            add(revision, stored)?;
        }
        Ok(KvHash { hash, compact_revision: compacted, hash_revision: revision })
    }
}
