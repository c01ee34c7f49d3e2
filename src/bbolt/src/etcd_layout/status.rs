//! What `snapshot status` tells of a file.

use alloc::boxed::Box;
use alloc::collections::BTreeSet;
use alloc::string::String;

use super::contents::hex;
use super::{ContentHash, LayoutError, RevisionKey, bucket, storage_version, user_key};
use crate::{Bucket, Database, ReadAt};

/// The figures of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// CRC-32C over all buckets and entries.
    pub hash: u32,
    /// The greatest revision.
    pub revision: i64,
    /// How many keys exist at that revision.
    pub total_keys: u64,
    /// The length of the file without what follows its pages.
    pub total_bytes: u64,
    /// The version of the layout, `X.Y.0` or empty.
    pub version: String,
}

/// Computes the figures in one walk, which calls `progress` with the bytes of each entry.
///
/// It does not [`check`](crate::check) the file; a caller that wants to trust it does so before.
/// Memory: the keys that exist.
///
/// # Errors
/// When the file is corrupt or is not laid out as etcd's.
pub fn status<S: ReadAt>(
    database: &Database<S>,
    mut progress: impl FnMut(u64),
) -> Result<Status, LayoutError<S::Error>> {
    let mut walk = Walk { hash: ContentHash::of_file(), revision: 0, keys: BTreeSet::new() };
    let root = database.root();
    for named in root.entries() {
        let name = named?.key;
        let found = root.bucket(&name)?;
        let found = found.ok_or_else(|| LayoutError::NotABucket { key: hex(&name) })?;
        walk.hash.bucket(&name);
        walk.bucket(&found, name == bucket::KEY, &mut progress)?;
    }
    Ok(Status {
        hash: walk.hash.finish(),
        revision: walk.revision,
        total_keys: walk.keys.len() as u64,
        total_bytes: database.file_bytes(),
        version: storage_version(database)?,
    })
}

struct Walk {
    hash: ContentHash,
    revision: i64,
    keys: BTreeSet<Box<[u8]>>,
}

impl Walk {
    fn bucket<S: ReadAt>(
        &mut self,
        found: &Bucket<'_, S>,
        revisions: bool,
        progress: &mut impl FnMut(u64),
    ) -> Result<(), LayoutError<S::Error>> {
        for entry in found.entries() {
            let entry = entry?;
            // bbolt shows a nested bucket as a key without a value.
            let value = if entry.is_bucket { &[] } else { &entry.value[..] };
            self.hash.entry(&entry.key, value);
            if revisions {
                self.revision(&entry.key, value)?;
            }
            progress((entry.key.len() + value.len()) as u64);
        }
        Ok(())
    }

    fn revision<E>(&mut self, key: &[u8], value: &[u8]) -> Result<(), LayoutError<E>> {
        let revision =
            RevisionKey::decode(key).ok_or_else(|| LayoutError::NotARevision { key: hex(key) })?;
        self.revision = revision.main;
        let user_key =
            user_key(value).ok_or_else(|| LayoutError::NotAKeyValue { key: hex(key) })?;
        if revision.tombstone {
            self.keys.remove(user_key);
        } else if !self.keys.contains(user_key) {
            self.keys.insert(user_key.into());
        }
        Ok(())
    }
}
