//! Seeded request streams over a small key space, with every field varied.
//!
//! The stream depends on the seed, the weights and what [`Generator::observe`] was told, on nothing
//! else. Values are drawn near what matters: absent, boundaries, the current revision and the
//! compaction, keys and leases that exist. What was drawn is audited by [`crate::audit`], against
//! the schema, so that a field that is never varied is noticed.

mod kv;
mod lease;
mod txn;
mod values;
mod watch;

use base::Prng;
use proto::etcdserverpb::alarm_request::AlarmAction;
use proto::etcdserverpb::{AlarmRequest, AlarmType, CompactionRequest, InternalRaftRequest};

pub use values::KEYS;

/// How often each kind of request is drawn, relative to the others.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is named after its request")]
pub struct Weights {
    pub range: u32,
    pub put: u32,
    pub delete_range: u32,
    pub txn: u32,
    pub compaction: u32,
    pub lease_grant: u32,
    pub lease_revoke: u32,
    pub lease_checkpoint: u32,
    pub alarm: u32,
}

impl Default for Weights {
    fn default() -> Weights {
        Weights {
            range: 25,
            put: 30,
            delete_range: 8,
            txn: 25,
            compaction: 3,
            lease_grant: 5,
            lease_revoke: 2,
            lease_checkpoint: 1,
            alarm: 1,
        }
    }
}

/// What the next requests may refer to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Horizon {
    /// The current revision, as far as the client knows.
    pub revision: i64,
    /// The last compaction, as far as the client knows.
    pub compacted: i64,
}

/// A stream of requests.
#[derive(Clone, Debug)]
pub struct Generator {
    prng: Prng,
    weights: Weights,
    horizon: Horizon,
    /// Every value is different from the others, so that a read tells which write it saw.
    values: u64,
}

impl Generator {
    /// The stream of a seed.
    ///
    /// # Panics
    /// When all weights are zero.
    #[must_use]
    pub fn new(seed: u64, weights: Weights) -> Generator {
        assert!(total(&weights) > 0, "nothing to draw: {weights:?}");
        let horizon = Horizon { revision: 1, compacted: -1 };
        Generator { prng: Prng::new(seed), weights, horizon, values: 0 }
    }

    /// Tells where the store stands, so that revisions are drawn around it.
    pub fn observe(&mut self, revision: i64, compacted: i64) {
        assert!(compacted <= revision, "compacted {compacted} of {revision}");
        self.horizon = Horizon { revision, compacted };
    }

    /// Draws the next requests from another seed, so that one request can be changed without those
    /// behind it; values stay different from all before.
    pub fn reseed(&mut self, seed: u64) {
        self.prng = Prng::new(seed);
    }

    /// The next request that goes through the log or is a read of the key space.
    pub fn request(&mut self) -> InternalRaftRequest {
        let mut request = InternalRaftRequest::default();
        let w = self.weights.clone();
        let mut at = self.prng.below(u64::from(total(&w))) as u32;
        let mut drawn = |weight: u32| {
            let hit = at < weight;
            at = if hit { u32::MAX } else { at - weight };
            hit
        };
        if drawn(w.range) {
            request.range = Some(self.range());
        } else if drawn(w.put) {
            request.put = Some(self.put());
        } else if drawn(w.delete_range) {
            request.delete_range = Some(self.delete_range());
        } else if drawn(w.txn) {
            request.txn = Some(self.txn());
        } else if drawn(w.compaction) {
            request.compaction = Some(self.compaction());
        } else if drawn(w.lease_grant) {
            request.lease_grant = Some(self.lease_grant());
        } else if drawn(w.lease_revoke) {
            request.lease_revoke = Some(self.lease_revoke());
        } else if drawn(w.lease_checkpoint) {
            request.lease_checkpoint = Some(self.lease_checkpoint());
        } else {
            request.alarm = Some(self.alarm());
        }
        request
    }

    fn compaction(&mut self) -> CompactionRequest {
        let Horizon { revision, compacted } = self.horizon;
        let near = (compacted + 3).clamp(0, revision);
        let revision = match self.prng.below(10) {
            0 => self.revision(),
            1 => revision,
            2 => 0,
            _ => near,
        };
        CompactionRequest { revision, physical: self.prng.chance(0.5) }
    }

    /// Alarms are lowered more often than raised, or the stream would stop at the first.
    fn alarm(&mut self) -> AlarmRequest {
        let action = match self.prng.below(9) {
            0 | 1 => AlarmAction::Get,
            2 | 3 => AlarmAction::Activate,
            _ => AlarmAction::Deactivate,
        };
        let kinds = [AlarmType::None, AlarmType::Nospace, AlarmType::Nospace, AlarmType::Corrupt];
        let alarm = *self.prng.pick(&kinds) as i32;
        let member_id = *self.prng.pick(&[0, 1, 1, 1, 2, u64::MAX]);
        AlarmRequest { action: action as i32, member_id, alarm }
    }
}

fn total(w: &Weights) -> u32 {
    let kv = w.range + w.put + w.delete_range + w.txn + w.compaction;
    kv + w.lease_grant + w.lease_revoke + w.lease_checkpoint + w.alarm
}
