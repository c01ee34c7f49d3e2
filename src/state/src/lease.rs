//! Leases as the log defines them: which exist, their time to live in seconds, which keys hang on
//! which. Time does not pass here: a lease ends only by a committed revoke; the leader's clock
//! decides when to propose one.
//!
//! Invariants: every attached key names an existing lease and stands in exactly that lease's set.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use base::LeaseId;
use bytes::Bytes;

/// The longest time to live that can be granted, in seconds.
pub const TTL_SECONDS_MAX: i64 = 9_000_000_000;

/// One lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// Granted time to live, in seconds.
    pub ttl_seconds: i64,
    /// What a checkpoint said remains, in seconds; zero without one.
    pub remaining_seconds: i64,
    keys: BTreeSet<Bytes>,
}

impl Lease {
    /// The attached keys in byte order.
    pub fn keys(&self) -> impl Iterator<Item = &Bytes> {
        self.keys.iter()
    }
}

/// Why a lease operation was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeaseError {
    /// No such lease.
    NotFound,
    /// The id is taken.
    Exists,
    /// The time to live exceeds [`TTL_SECONDS_MAX`].
    TtlTooLarge,
}

/// All leases.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Leases {
    leases: BTreeMap<LeaseId, Lease>,
    owners: BTreeMap<Bytes, LeaseId>,
}

impl Leases {
    /// Adds a lease.
    ///
    /// # Errors
    /// `TtlTooLarge`, or `Exists` for an id in use; zero counts as missing (`NotFound`), since the
    /// API replaces it before it proposes.
    pub fn grant(&mut self, id: LeaseId, ttl_seconds: i64) -> Result<(), LeaseError> {
        if id.is_zero() {
            return Err(LeaseError::NotFound);
        }
        if ttl_seconds > TTL_SECONDS_MAX {
            return Err(LeaseError::TtlTooLarge);
        }
        if self.leases.contains_key(&id) {
            return Err(LeaseError::Exists);
        }
        let lease = Lease { ttl_seconds: ttl_seconds.max(1), ..Lease::default() };
        self.leases.insert(id, lease);
        Ok(())
    }

    /// Puts back a lease that was recorded before a restart; its keys are attached as they are
    /// read.
    pub fn restore(&mut self, id: LeaseId, ttl_seconds: i64, remaining_seconds: i64) {
        let lease = Lease { ttl_seconds, remaining_seconds, ..Lease::default() };
        let earlier = self.leases.insert(id, lease);
        assert!(earlier.is_none(), "lease {id} was recorded twice");
    }

    /// Ends a lease and gives its keys in byte order; the caller deletes them in one revision.
    ///
    /// # Errors
    /// `NotFound`.
    pub fn revoke(&mut self, id: LeaseId) -> Result<Vec<Bytes>, LeaseError> {
        let lease = self.leases.remove(&id).ok_or(LeaseError::NotFound)?;
        for key in &lease.keys {
            let owner = self.owners.remove(key);
            assert_eq!(owner, Some(id), "key {key:?} of lease {id} belonged to another");
        }
        Ok(lease.keys.into_iter().collect())
    }

    /// Records what remains of a lease; zero forgets the record. Nothing for an unknown lease.
    pub fn checkpoint(&mut self, id: LeaseId, remaining_seconds: i64) {
        if let Some(lease) = self.leases.get_mut(&id) {
            lease.remaining_seconds = remaining_seconds;
        }
    }

    /// Hangs a key on a lease after taking it off another; lease zero only takes it off.
    ///
    /// # Panics
    /// When the lease does not exist: a put checks that before it changes anything.
    pub fn attach(&mut self, key: &Bytes, id: LeaseId) {
        if self.owners.get(key) == Some(&id) {
            return;
        }
        self.detach(key);
        if id.is_zero() {
            return;
        }
        let lease = self.leases.get_mut(&id);
        let lease = lease.unwrap_or_else(|| panic!("key {key:?} attached to unknown lease {id}"));
        lease.keys.insert(key.clone());
        self.owners.insert(key.clone(), id);
    }

    /// Takes a key off its lease, if it has one.
    pub fn detach(&mut self, key: &Bytes) {
        if let Some(owner) = self.owners.remove(key) {
            let lease = self.leases.get_mut(&owner);
            let lease = lease.unwrap_or_else(|| panic!("key {key:?} of unknown lease {owner}"));
            assert!(lease.keys.remove(key), "lease {owner} misses its key {key:?}");
        }
    }

    /// A lease by id.
    #[must_use]
    pub fn get(&self, id: LeaseId) -> Option<&Lease> {
        self.leases.get(&id)
    }

    /// The lease that a key hangs on.
    #[must_use]
    pub fn owner(&self, key: &[u8]) -> Option<LeaseId> {
        self.owners.get(key).copied()
    }

    /// All leases by id.
    pub fn iter(&self) -> impl Iterator<Item = (LeaseId, &Lease)> {
        self.leases.iter().map(|(id, lease)| (*id, lease))
    }

    /// How many leases exist.
    #[must_use]
    pub fn len(&self) -> usize {
        self.leases.len()
    }

    /// Whether there is no lease.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.leases.is_empty()
    }

    /// Checks the invariants; O(n).
    pub fn check(&self) {
        let attached: usize = self.leases.values().map(|lease| lease.keys.len()).sum();
        assert_eq!(attached, self.owners.len(), "attached keys and their owners differ");
        for (key, owner) in &self.owners {
            let lease = self.leases.get(owner);
            assert!(lease.is_some_and(|l| l.keys.contains(key)), "{key:?} is not on lease {owner}");
        }
    }
}

impl mvcc::LeaseLookup for Leases {
    fn exists(&self, id: i64) -> bool {
        self.leases.contains_key(&LeaseId(id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn a_key_hangs_on_one_lease_and_leaves_with_it() {
        let mut leases = Leases::default();
        leases.grant(LeaseId(1), 10).expect("free id");
        leases.grant(LeaseId(2), 10).expect("free id");
        leases.attach(&key("b"), LeaseId(1));
        leases.attach(&key("a"), LeaseId(1));
        leases.attach(&key("b"), LeaseId(2));
        leases.check();
        assert_eq!(leases.owner(b"b"), Some(LeaseId(2)));
        assert_eq!(leases.revoke(LeaseId(1)), Ok(alloc::vec![key("a")]));
        assert_eq!(leases.revoke(LeaseId(1)), Err(LeaseError::NotFound));
        leases.attach(&key("b"), LeaseId::ZERO);
        assert_eq!(leases.revoke(LeaseId(2)), Ok(Vec::new()));
        leases.check();
    }

    #[test]
    fn grants_are_refused_with_their_reason() {
        let mut leases = Leases::default();
        assert_eq!(leases.grant(LeaseId(7), TTL_SECONDS_MAX + 1), Err(LeaseError::TtlTooLarge));
        assert_eq!(leases.grant(LeaseId(7), TTL_SECONDS_MAX), Ok(()));
        assert_eq!(leases.grant(LeaseId(7), 5), Err(LeaseError::Exists));
    }
}
