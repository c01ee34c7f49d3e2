//! Leases as the log sees them: granted, checkpointed, revoked. No time passes here.
//!
//! Which keys hang on a lease is read off the live pairs, so there is no second book to disagree.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use bytes::Bytes;
use proto::etcdserverpb::{LeaseCheckpoint, LeaseGrantRequest, PutRequest};

use super::history::History;
use crate::Error;

/// The longest time to live that can be asked for, in seconds.
pub const TTL_MAX: i64 = 9_000_000_000;

/// One lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The granted time to live in seconds, after the minimum was enforced.
    pub ttl: i64,
    /// What the last checkpoint recorded, in seconds; 0 when there was none.
    pub remaining_ttl: i64,
}

/// All leases of the state.
#[derive(Clone, Debug, PartialEq)]
pub struct Leases {
    ttl_min: i64,
    granted: BTreeMap<i64, Lease>,
}

impl Leases {
    /// No leases, and the shortest time to live that is granted, in seconds.
    #[must_use]
    pub fn new(ttl_min: i64) -> Leases {
        assert!((1..=TTL_MAX).contains(&ttl_min), "minimum time to live {ttl_min}");
        Leases { ttl_min, granted: BTreeMap::new() }
    }

    /// The leases by id.
    pub fn iter(&self) -> impl Iterator<Item = (i64, Lease)> {
        self.granted.iter().map(|(id, lease)| (*id, *lease))
    }

    /// The lease with this id.
    #[must_use]
    pub fn get(&self, id: i64) -> Option<Lease> {
        self.granted.get(&id).copied()
    }

    /// Grants a lease; gives the time to live that it got.
    ///
    /// # Errors
    /// Id zero, a time to live above the limit, an id in use; in this order.
    pub fn grant(&mut self, request: &LeaseGrantRequest) -> Result<i64, Error> {
        if request.id == 0 {
            return Err(Error::LeaseNotFound);
        }
        if request.ttl > TTL_MAX {
            return Err(Error::LeaseTtlTooLarge);
        }
        if self.granted.contains_key(&request.id) {
            return Err(Error::LeaseExist);
        }
        let ttl = request.ttl.max(self.ttl_min);
        self.granted.insert(request.id, Lease { ttl, remaining_ttl: 0 });
        Ok(ttl)
    }

    /// Forgets a lease; its keys are the caller's to delete.
    ///
    /// # Errors
    /// There is no such lease.
    pub fn revoke(&mut self, id: i64) -> Result<(), Error> {
        self.granted.remove(&id).map(|_| ()).ok_or(Error::LeaseNotFound)
    }

    /// Records the remaining time of a lease; an unknown lease is passed over.
    pub fn checkpoint(&mut self, checkpoint: &LeaseCheckpoint) {
        if let Some(lease) = self.granted.get_mut(&checkpoint.id) {
            lease.remaining_ttl = checkpoint.remaining_ttl;
        }
    }

    /// Refuses a put that names a missing lease, or keeps a part of a pair that is absent.
    ///
    /// # Errors
    /// [`Error::LeaseNotFound`] before [`Error::KeyNotFound`].
    pub fn check_put(&self, history: &History, put: &PutRequest) -> Result<(), Error> {
        if put.lease != 0 && !self.granted.contains_key(&put.lease) {
            return Err(Error::LeaseNotFound);
        }
        let absent = history.live(&put.key, history.revision()).is_none();
        if (put.ignore_value || put.ignore_lease) && absent {
            return Err(Error::KeyNotFound);
        }
        Ok(())
    }
}

/// The keys that hang on a lease, in byte order.
#[must_use]
pub fn attached(history: &History, id: i64) -> Vec<Bytes> {
    let live = history.scan(&[], &[0], history.revision());
    live.into_iter().filter(|kv| kv.lease == id).map(|kv| kv.key).collect()
}
