//! Leases beside what goes through the log.

use prost::Message;
use proto::etcdserverpb as pb;

use super::Stream;
use crate::differential::step::Call;

const KEEP_ALIVE: &str = "/etcdserverpb.Lease/LeaseKeepAlive";
const TIME_TO_LIVE: &str = "/etcdserverpb.Lease/LeaseTimeToLive";
const REVOKE: &str = "/etcdserverpb.Lease/LeaseRevoke";
const GRANT: &str = "/etcdserverpb.Lease/LeaseGrant";

/// Seconds that every lease lives at least: longer than any stream runs.
const TTL_MIN: i64 = 3_000;

/// Makes a lease that is to be granted outlive the stream, unless it is revoked at once: two
/// servers end a lease at different times.
pub(super) fn outlive(call: &mut Call) {
    if call.path != GRANT || call.binds.is_some() {
        return;
    }
    for message in &mut call.messages {
        let Ok(mut grant) = pb::LeaseGrantRequest::decode(message.clone()) else { continue };
        if grant.ttl < TTL_MIN {
            grant.ttl = TTL_MIN + grant.ttl.max(0);
            *message = grant.encode_to_vec().into();
        }
    }
}

impl Stream {
    /// Some renewals on one stream.
    pub(super) fn keep_alive(&mut self) {
        let count = self.prng.between(1, 3);
        let requests = (0..count).map(|_| self.generator.lease_keep_alive());
        let messages = requests.map(|request| request.encode_to_vec().into()).collect();
        self.push(Call { path: KEEP_ALIVE.into(), messages, ..Call::default() });
    }

    pub(super) fn time_to_live(&mut self) {
        let request = self.generator.lease_time_to_live();
        self.push(Call::new(TIME_TO_LIVE, &request));
    }

    pub(super) fn leases(&mut self) {
        self.push(Call::new("/etcdserverpb.Lease/LeaseLeases", &pb::LeaseLeasesRequest {}));
    }

    /// A lease that asks for less than the shortest life, gone before that ends.
    fn short_lease(&mut self) {
        let name = self.name();
        let ttl = self.pick(&[i64::MIN, -1, 0, 1, 2]);
        let mut grant = Call::new(GRANT, &pb::LeaseGrantRequest { ttl, id: 0 });
        grant.binds = Some(name);
        self.push(grant);
        self.push(Call::new(REVOKE, &pb::LeaseRevokeRequest { id: name as i64 }));
    }

    /// The life of a lease whose id the server chooses. No key hangs on it: the hash of the key
    /// space would differ.
    pub(super) fn chosen_lease(&mut self) {
        if self.one_in(3) {
            return self.short_lease();
        }
        let name = self.name();
        let id = name as i64;
        let ttl = self.pick(&[3_000, 100_000, 9_000_000_000, 9_000_000_001]);
        let mut grant = Call::new(GRANT, &pb::LeaseGrantRequest { ttl, id: 0 });
        grant.binds = Some(name);
        self.push(grant);
        let keys = self.one_in(2);
        self.push(Call::new(TIME_TO_LIVE, &pb::LeaseTimeToLiveRequest { id, keys }));
        self.push(Call::new(KEEP_ALIVE, &pb::LeaseKeepAliveRequest { id }));
        self.leases();
        self.push(Call::new(REVOKE, &pb::LeaseRevokeRequest { id }));
        if self.one_in(2) {
            self.push(Call::new(REVOKE, &pb::LeaseRevokeRequest { id }));
            self.push(Call::new(KEEP_ALIVE, &pb::LeaseKeepAliveRequest { id }));
            self.push(Call::new(TIME_TO_LIVE, &pb::LeaseTimeToLiveRequest { id, keys }));
        }
    }
}
