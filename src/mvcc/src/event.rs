//! What a change of a key tells watchers and the leases.

use bytes::Bytes;
use proto::mvccpb::KeyValue;

use crate::backend::BackendError;
use crate::keyvalue;
use crate::recent::Stored;
use crate::revision::Revision;

/// A change of one key. Events of one request share their main revision and ascend in sub.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    key: Bytes,
    kv: Bytes,
    revision: Revision,
    created: i64,
    lease: Option<i64>,
}

impl Event {
    /// The event of a put that was just encoded.
    pub(crate) fn put(pair: &KeyValue, stored: Bytes, revision: Revision) -> Event {
        // A lease keeps its keys as long as it lives, so they must not hold on to the values.
        let key = match pair.lease {
            0 => pair.key.clone(),
            _ => Bytes::copy_from_slice(&pair.key),
        };
        let (created, lease) = (pair.create_revision, Some(pair.lease));
        Event { key, kv: stored, revision, created, lease }
    }

    /// The event of a deletion.
    pub(crate) fn delete(key: Bytes, revision: Revision) -> Event {
        let pair = KeyValue { key, mod_revision: revision.main, ..KeyValue::default() };
        let kv = keyvalue::encode(&pair);
        Event { key: pair.key, kv, revision, created: 0, lease: None }
    }

    /// The event that a stored change was.
    ///
    /// # Errors
    /// The bytes are damaged.
    pub(crate) fn of(revision: Revision, stored: &Stored) -> Result<Event, BackendError> {
        let pair = keyvalue::decode(&stored.bytes)?;
        Ok(match stored.tombstone {
            true => Event::delete(pair.key, revision),
            false => Event::put(&pair, stored.bytes.clone(), revision),
        })
    }

    /// The key.
    #[must_use]
    pub fn key(&self) -> &Bytes {
        &self.key
    }

    /// The encoded `KeyValue` of the event; of a deletion it has key and `mod_revision` alone.
    #[must_use]
    pub fn kv(&self) -> &Bytes {
        &self.kv
    }

    /// When it happened.
    #[must_use]
    pub fn revision(&self) -> Revision {
        self.revision
    }

    /// Whether it is a deletion.
    #[must_use]
    pub fn is_delete(&self) -> bool {
        self.lease.is_none()
    }

    /// Whether it is a put that began a life of the key.
    #[must_use]
    pub fn is_create(&self) -> bool {
        self.created == self.revision.main
    }

    /// The lease that the key hangs on afterwards, zero for none; `None` for a deletion.
    #[must_use]
    pub fn lease(&self) -> Option<i64> {
        self.lease
    }
}
