//! The hash of the keys' history, as a member that opened this file would answer `HashKV`.
//!
//! CRC-32C over the name of the bucket `key` and then every entry up to the revision, without the
//! entries that a finished compaction would have removed: those at or below the compacted revision
//! that are no longer the value of their key at the *hashed* revision (unless no key has a value
//! then), and a deletion exactly at the compacted revision.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use base::checksum::crc32c_append;
use core::fmt;

use super::contents::{compaction, hex};
use super::{LayoutError, RevisionKey, bucket, meta_key, user_key};
use crate::{Database, ReadAt};

/// A hash and what it was computed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HashKv {
    /// CRC-32C.
    pub hash: u32,
    /// The revision up to which it goes.
    pub hash_revision: i64,
    /// The compacted revision, -1 when nothing was ever compacted.
    pub compact_revision: i64,
}

/// Why there is no hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashKvError<E> {
    /// The file could not be understood.
    Layout(LayoutError<E>),
    /// The revision lies before the compacted one.
    Compacted,
    /// The revision lies behind the greatest one.
    Future,
}

impl<E> From<LayoutError<E>> for HashKvError<E> {
    fn from(error: LayoutError<E>) -> HashKvError<E> {
        HashKvError::Layout(error)
    }
}

impl<E: fmt::Display> fmt::Display for HashKvError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            HashKvError::Layout(error) => write!(f, "{error}"),
            HashKvError::Compacted => {
                write!(f, "mvcc: required revision has been compacted")
            }
            HashKvError::Future => write!(f, "mvcc: required revision is a future revision"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for HashKvError<E> {}

/// The hash up to `revision`; zero means the greatest one, and below zero there is no entry.
///
/// Memory: the keys that exist at that revision.
///
/// # Errors
/// When the revision is compacted or in the future, or the file cannot be understood.
pub fn hash_kv<S: ReadAt>(
    database: &Database<S>,
    revision: i64,
) -> Result<HashKv, HashKvError<S::Error>> {
    let scheduled = compaction(database, meta_key::SCHEDULED_COMPACTION)?;
    let finished = compaction(database, meta_key::FINISHED_COMPACTION)?;
    let compact_revision = scheduled.max(finished).unwrap_or(-1);
    let latest = super::latest_revision(database)?.main;
    // A store without history is at revision 1, and never behind its compaction.
    let current = latest.max(compact_revision).max(1);
    if revision > 0 && revision < compact_revision {
        return Err(HashKvError::Compacted);
    }
    if revision > current {
        return Err(HashKvError::Future);
    }
    let hash_revision = if revision == 0 { current } else { revision };
    let hasher = Hasher { kept: kept(database, hash_revision)?, hash_revision, compact_revision };
    let hash = hasher.hash(database)?;
    Ok(HashKv { hash, hash_revision, compact_revision })
}

/// The revisions that are the value of their key at `revision`.
fn kept<S: ReadAt>(
    database: &Database<S>,
    revision: i64,
) -> Result<BTreeSet<(i64, i64)>, LayoutError<S::Error>> {
    let mut values: BTreeMap<Box<[u8]>, (i64, i64)> = BTreeMap::new();
    each_until(database, revision, |at, _, value| {
        let key = user_key(value)?;
        if at.tombstone {
            values.remove(key);
        } else if let Some(newest) = values.get_mut(key) {
            *newest = (at.main, at.sub);
        } else {
            values.insert(key.into(), (at.main, at.sub));
        }
        Some(())
    })?;
    Ok(values.into_values().collect())
}

struct Hasher {
    kept: BTreeSet<(i64, i64)>,
    hash_revision: i64,
    compact_revision: i64,
}

impl Hasher {
    fn hash<S: ReadAt>(&self, database: &Database<S>) -> Result<u32, LayoutError<S::Error>> {
        let mut crc = crc32c_append(0, bucket::KEY);
        each_until(database, self.hash_revision, |at, key, value| {
            if self.covers(at) {
                crc = crc32c_append(crc32c_append(crc, key), value);
            }
            Some(())
        })?;
        Ok(crc)
    }

    fn covers(&self, at: RevisionKey) -> bool {
        let compacted = at.main <= self.compact_revision;
        if compacted && !self.kept.is_empty() && !self.kept.contains(&(at.main, at.sub)) {
            return false;
        }
        !(at.main == self.compact_revision && at.tombstone)
    }
}

/// Shows every entry of the bucket `key` up to a revision; a visitor that answers `None` has met
/// a value that is no message.
fn each_until<S: ReadAt>(
    database: &Database<S>,
    revision: i64,
    mut visit: impl FnMut(RevisionKey, &[u8], &[u8]) -> Option<()>,
) -> Result<(), LayoutError<S::Error>> {
    let Some(keys) = database.bucket(bucket::KEY)? else { return Ok(()) };
    for entry in keys.entries() {
        let entry = entry?;
        let at = RevisionKey::decode(&entry.key)
            .ok_or_else(|| LayoutError::NotARevision { key: hex(&entry.key) })?;
        if at.main > revision {
            break;
        }
        visit(at, &entry.key, &entry.value)
            .ok_or_else(|| LayoutError::NotAKeyValue { key: hex(&entry.key) })?;
    }
    Ok(())
}
