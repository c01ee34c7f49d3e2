//! What the restored database holds: the snapshot's entries, with those replaced that belonged to
//! the old cluster.
//!
//! Replaced are the members, the removed members, the applied index, its term and the voters. With
//! a bump, one revision without a key is added behind the last, and everything up to it is marked
//! for compaction, so that no client sees a revision twice with different contents.

use bbolt::etcd_layout::{ConfState, LayoutError, RevisionKey, bucket, latest_revision, meta_key};
use bbolt::{Database, ReadError, WriteError};
use bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use super::super::cluster::Cluster;
use super::super::file::FileSource;
use super::log::FirstRecords;

/// The snapshot cannot be restored.
#[derive(Debug, thiserror::Error)]
pub enum ContentsError {
    /// It is corrupt, or not laid out as etcd's.
    #[error(transparent)]
    Snapshot(#[from] LayoutError<io::Error>),
    /// A bucket within a bucket, which etcd does not have.
    #[error("bucket within the bucket {0:?}: not a snapshot of etcd")]
    NestedBucket(String),
    /// The revision would leave the range of 63 bits.
    #[error("revision {latest} cannot be moved by {by}")]
    Revision {
        /// The revision of the snapshot.
        latest: i64,
        /// How far it was to move.
        by: u64,
    },
    /// An entry that the snapshot had, but that the format has no room for.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The new file could not be written.
    #[error(transparent)]
    File(#[from] super::super::file::FileError),
}

impl From<ReadError<io::Error>> for ContentsError {
    fn from(error: ReadError<io::Error>) -> ContentsError {
        ContentsError::Snapshot(LayoutError::Read(error))
    }
}

/// A part of the file, in the order of the file.
pub enum Part<'a> {
    /// The next bucket.
    Bucket(&'a [u8]),
    /// The next entry of the bucket.
    Entry(&'a [u8], &'a [u8]),
}

/// Who sees the parts.
type Visit<'a> = dyn FnMut(Part<'_>) -> Result<(), ContentsError> + 'a;

/// The contents, which can be walked as often as needed with the same outcome.
pub struct Contents<'a> {
    snapshot: &'a Database<FileSource>,
    replaced: BTreeMap<&'static [u8], BTreeMap<Vec<u8>, Vec<u8>>>,
    meta: BTreeMap<&'static [u8], Vec<u8>>,
    bump: Option<RevisionKey>,
}

impl<'a> Contents<'a> {
    /// The contents for one member of the new cluster.
    pub fn of(
        snapshot: &'a Database<FileSource>,
        cluster: &Cluster,
        records: &FirstRecords,
        bump_revision: u64,
    ) -> Result<Contents<'a>, ContentsError> {
        let members = cluster
            .members
            .iter()
            .map(|member| (member.id.to_string().into_bytes(), member.json().into_bytes()));
        let replaced = BTreeMap::from([
            (bucket::MEMBERS, members.collect()),
            (bucket::MEMBERS_REMOVED, BTreeMap::new()),
        ]);
        let voters = records.conf_state.voters.clone();
        let conf_state = ConfState { voters, ..ConfState::default() };
        let mut meta = BTreeMap::from([
            (meta_key::CONSISTENT_INDEX, records.commit().to_be_bytes().to_vec()),
            (meta_key::TERM, FirstRecords::TERM.to_be_bytes().to_vec()),
            (meta_key::CONF_STATE, conf_state.encode().into_bytes()),
        ]);
        let bump = match bump_revision {
            0 => None,
            by => Some(bumped(latest_revision(snapshot)?.main, by)?),
        };
        if let Some(bump) = bump {
            let (key, len) = bump.encode();
            meta.insert(meta_key::SCHEDULED_COMPACTION, key[..len].to_vec());
        }
        Ok(Contents { snapshot, replaced, meta, bump })
    }

    /// About how long a walk is.
    pub fn bytes(&self) -> u64 {
        self.snapshot.file_bytes()
    }

    /// Shows every bucket and entry in the order of the file.
    pub fn visit(&self, visit: &mut Visit<'_>) -> Result<(), ContentsError> {
        let mut names: BTreeSet<Bytes> = self.replaced.keys().copied().map(Bytes::from).collect();
        names.extend([bucket::CLUSTER, bucket::KEY, bucket::META].map(Bytes::from_static));
        for named in self.snapshot.root().entries() {
            names.insert(named?.key);
        }
        for name in names {
            visit(Part::Bucket(&name))?;
            match (self.replaced.get(&name[..]), &name[..] == bucket::META) {
                (Some(entries), _) => {
                    entries.iter().try_for_each(|(key, value)| visit(Part::Entry(key, value)))?;
                }
                (None, true) => self.visit_meta(visit)?,
                (None, false) => self.visit_copied(&name, visit)?,
            }
        }
        Ok(())
    }

    fn visit_copied(&self, name: &[u8], visit: &mut Visit<'_>) -> Result<(), ContentsError> {
        self.each(name, |key, value| visit(Part::Entry(key, value)))?;
        match self.bump {
            Some(bump) if name == bucket::KEY => {
                let (key, len) = bump.encode();
                visit(Part::Entry(&key[..len], b""))
            }
            _ => Ok(()),
        }
    }

    fn visit_meta(&self, visit: &mut Visit<'_>) -> Result<(), ContentsError> {
        let mut merged: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        self.each(bucket::META, |key, value| {
            merged.insert(key.to_vec(), value.to_vec());
            Ok(())
        })?;
        merged.extend(self.meta.iter().map(|(key, value)| (key.to_vec(), value.clone())));
        merged.iter().try_for_each(|(key, value)| visit(Part::Entry(key, value)))
    }

    /// Shows the snapshot's own entries of a bucket.
    fn each(
        &self,
        name: &[u8],
        mut show: impl FnMut(&[u8], &[u8]) -> Result<(), ContentsError>,
    ) -> Result<(), ContentsError> {
        let Some(found) = self.snapshot.bucket(name)? else { return Ok(()) };
        for entry in found.entries() {
            let entry = entry?;
            if entry.is_bucket {
                let name = String::from_utf8_lossy(name).into_owned();
                return Err(ContentsError::NestedBucket(name));
            }
            show(&entry.key, &entry.value)?;
        }
        Ok(())
    }
}

fn bumped(latest: i64, by: u64) -> Result<RevisionKey, ContentsError> {
    let main = latest.checked_add_unsigned(by).ok_or(ContentsError::Revision { latest, by })?;
    Ok(RevisionKey::new(main, 0))
}
