//! Leases: granted, renewed, asked about, checkpointed, revoked.

use proto::etcdserverpb::{
    LeaseCheckpoint, LeaseCheckpointRequest, LeaseGrantRequest, LeaseKeepAliveRequest,
    LeaseRevokeRequest, LeaseTimeToLiveRequest,
};

use super::Generator;
use crate::oracle::TTL_MAX;

impl Generator {
    /// Rarely with id 0, for which the server picks one: that answer is known to nobody before.
    pub(super) fn lease_grant(&mut self) -> LeaseGrantRequest {
        let ttls = [0, -1, 1, 2, 60, 600, TTL_MAX, TTL_MAX + 1, i64::MIN, i64::MAX];
        let ttl = *self.prng.pick(&ttls);
        LeaseGrantRequest { ttl, id: if self.one_in(12) { 0 } else { self.lease_id() } }
    }

    pub(super) fn lease_revoke(&mut self) -> LeaseRevokeRequest {
        LeaseRevokeRequest { id: self.known_or_zero() }
    }

    pub(super) fn lease_checkpoint(&mut self) -> LeaseCheckpointRequest {
        let count = self.prng.below(4);
        let checkpoints = (0..count).map(|_| LeaseCheckpoint {
            id: self.known_or_zero(),
            remaining_ttl: *self.prng.pick(&[0, 1, 30, TTL_MAX]),
        });
        LeaseCheckpointRequest { checkpoints: checkpoints.collect() }
    }

    /// A renewal, of a lease that may not exist.
    pub fn lease_keep_alive(&mut self) -> LeaseKeepAliveRequest {
        LeaseKeepAliveRequest { id: self.known_or_zero() }
    }

    /// A question for the remaining time, with or without keys.
    pub fn lease_time_to_live(&mut self) -> LeaseTimeToLiveRequest {
        LeaseTimeToLiveRequest { id: self.known_or_zero(), keys: self.one_in(2) }
    }

    fn known_or_zero(&mut self) -> i64 {
        if self.one_in(10) { 0 } else { self.lease_id() }
    }
}
