//! Locks and elections, as far as nobody has to wait.

use bytes::Bytes;
use proto::etcdserverpb::{LeaseGrantRequest, LeaseRevokeRequest};
use proto::v3electionpb as election;
use proto::v3lockpb as lock;

use super::Stream;
use crate::differential::step::Call;

const LOCK: &str = "/v3lockpb.Lock/Lock";
const UNLOCK: &str = "/v3lockpb.Lock/Unlock";
const CAMPAIGN: &str = "/v3electionpb.Election/Campaign";
const PROCLAIM: &str = "/v3electionpb.Election/Proclaim";
const LEADER: &str = "/v3electionpb.Election/Leader";
const OBSERVE: &str = "/v3electionpb.Election/Observe";
const RESIGN: &str = "/v3electionpb.Election/Resign";

/// The lease that holds; none of those that the key space's requests name.
const LEASE: i64 = 0xabc;

impl Stream {
    pub(super) fn concurrency(&mut self) {
        if !self.features.concurrency {
            return;
        }
        match self.prng.below(4) {
            0 => self.locks_refused(),
            1 => self.elections_refused(),
            2 => {
                self.grant();
                self.locked();
                self.revoke();
            }
            _ => {
                self.grant();
                self.elected();
                self.revoke();
            }
        }
    }

    fn grant(&mut self) {
        let grant = LeaseGrantRequest { ttl: 1_000, id: LEASE };
        self.push(Call::new("/etcdserverpb.Lease/LeaseGrant", &grant));
    }

    /// What is still held ends with its lease.
    fn revoke(&mut self) {
        let revoke = LeaseRevokeRequest { id: LEASE };
        self.push(Call::new("/etcdserverpb.Lease/LeaseRevoke", &revoke));
    }

    fn locked(&mut self) {
        let name = Bytes::from_static(self.pick(&[b"l".as_slice(), b"", b"l/l", b"\xff"]));
        let request = lock::LockRequest { name: name.clone(), lease: LEASE };
        self.push(Call::new(LOCK, &request));
        if self.one_in(2) {
            self.push(Call::new(LOCK, &request));
        }
        if self.one_in(3) {
            return;
        }
        let key = [&name[..], b"/abc"].concat().into();
        self.push(Call::new(UNLOCK, &lock::UnlockRequest { key }));
    }

    fn locks_refused(&mut self) {
        let name = Bytes::from_static(b"l");
        let lease = self.pick(&[LEASE, -9]);
        self.push(Call::new(LOCK, &lock::LockRequest { name, lease }));
        let key = Bytes::from_static(self.pick(&[b"".as_slice(), b"none"]));
        self.push(Call::new(UNLOCK, &lock::UnlockRequest { key }));
    }

    fn elected(&mut self) {
        let name = Bytes::from_static(self.pick(&[b"e".as_slice(), b"", b"e/e"]));
        let value = |text: &'static str| Bytes::from_static(text.as_bytes());
        let campaign =
            |value| election::CampaignRequest { name: name.clone(), lease: LEASE, value };
        self.push(Call::new(LEADER, &election::LeaderRequest { name: name.clone() }));
        self.push(Call::new(CAMPAIGN, &campaign(value("one"))));
        // The revision that the campaign gets: the next one.
        let key = [&name[..], b"/abc"].concat().into();
        let rev = self.revision + 1;
        let leader = election::LeaderKey { name: name.clone(), key, rev, lease: LEASE };
        self.push(Call::new(LEADER, &election::LeaderRequest { name: name.clone() }));
        if self.one_in(2) {
            let text = self.pick(&["one", "two"]);
            self.push(Call::new(CAMPAIGN, &campaign(value(text))));
        }
        let proclaim = |leader, text| election::ProclaimRequest { leader, value: value(text) };
        self.push(Call::new(PROCLAIM, &proclaim(Some(leader.clone()), "three")));
        let mut observe = Call::new(OBSERVE, &election::LeaderRequest { name: name.clone() });
        observe.takes = Some(1);
        self.push(observe);
        let wrong = election::LeaderKey { rev: rev + 7, ..leader.clone() };
        self.push(Call::new(PROCLAIM, &proclaim(Some(wrong.clone()), "four")));
        self.push(Call::new(RESIGN, &election::ResignRequest { leader: Some(wrong) }));
        self.push(Call::new(RESIGN, &election::ResignRequest { leader: Some(leader.clone()) }));
        self.push(Call::new(PROCLAIM, &proclaim(Some(leader), "five")));
        self.push(Call::new(LEADER, &election::LeaderRequest { name }));
    }

    fn elections_refused(&mut self) {
        let (name, lease) = (Bytes::from_static(b"e"), self.pick(&[LEASE, -9]));
        let campaign = election::CampaignRequest { name: name.clone(), lease, value: Bytes::new() };
        self.push(Call::new(CAMPAIGN, &campaign));
        self.push(Call::new(LEADER, &election::LeaderRequest { name }));
        let proclaim = election::ProclaimRequest { leader: None, value: Bytes::new() };
        self.push(Call::new(PROCLAIM, &proclaim));
        self.push(Call::new(RESIGN, &election::ResignRequest { leader: None }));
        // Without a lease the server grants one, which stays: its id is in later lists of leases.
        let leader = Some(election::LeaderKey { lease: LEASE, ..Default::default() });
        self.push(Call::new(RESIGN, &election::ResignRequest { leader }));
    }
}
