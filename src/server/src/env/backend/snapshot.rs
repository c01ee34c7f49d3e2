//! A consistent image of the backend: fjall's snapshot with the keyspaces of its moment.

use bytes::Bytes;
use fjall::{Readable, Snapshot};
use mvcc::{BackendError, BackendSnapshot, Scan};

use super::{Keyspaces, failure};

/// An image; holding it keeps deleted keyspaces on disk.
#[derive(Clone)]
pub struct FjallSnapshot {
    /// First, so that it closes before the keyspaces that it reads.
    snapshot: Snapshot,
    keyspaces: Keyspaces,
}

impl FjallSnapshot {
    pub(super) fn new(snapshot: Snapshot, keyspaces: Keyspaces) -> FjallSnapshot {
        FjallSnapshot { snapshot, keyspaces }
    }
}

impl BackendSnapshot for FjallSnapshot {
    fn get(&self, keyspace: &str, key: &[u8]) -> Result<Option<Bytes>, BackendError> {
        let Some(handle) = self.keyspaces.get(keyspace) else { return Ok(None) };
        let value = self.snapshot.get(handle, key);
        let value = value.map_err(|error| failure("read", keyspace, &error))?;
        Ok(value.map(Bytes::from))
    }

    fn scan<'a>(&'a self, keyspace: &str, from: &[u8], to: Option<&[u8]>) -> Scan<'a> {
        let Some(handle) = self.keyspaces.get(keyspace) else {
            return Box::new(std::iter::empty());
        };
        let found = match to {
            Some(to) if to <= from => return Box::new(std::iter::empty()),
            Some(to) => self.snapshot.range(handle, from..to),
            None => self.snapshot.range(handle, from..),
        };
        let keyspace = keyspace.to_owned();
        let mut failed = false;
        Box::new(found.map_while(move |entry| {
            if failed {
                return None;
            }
            let entry = entry.into_inner();
            failed = entry.is_err();
            let entry = entry.map_err(|error| failure("scan", &keyspace, &error));
            Some(entry.map(|(key, value)| (Bytes::from(key), Bytes::from(value))))
        }))
    }
}
