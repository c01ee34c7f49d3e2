//! What a member counts about itself, as plain atomics; the shell gives them names.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Buckets of the duration histograms: upper bounds of 1 ms times powers of two, as etcd has them,
/// and one for the rest.
pub const BUCKETS: usize = 15;

/// A histogram of durations.
#[derive(Debug, Default)]
pub struct Durations {
    buckets: [AtomicU64; BUCKETS],
    nanos: AtomicU64,
}

impl Durations {
    /// Counts one duration.
    pub fn record(&self, duration: Duration) {
        let millis = duration.as_secs_f64() * 1000.0;
        let mut bucket = 0;
        let mut bound = 1.0;
        while bucket < BUCKETS - 1 && millis > bound {
            bucket += 1;
            bound *= 2.0;
        }
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
    }

    /// Counts per bucket (not cumulative) and the sum in seconds.
    #[must_use]
    pub fn read(&self) -> ([u64; BUCKETS], f64) {
        let counts = core::array::from_fn(|i| self.buckets[i].load(Ordering::Relaxed));
        (counts, self.nanos.load(Ordering::Relaxed) as f64 / 1e9)
    }
}

/// A number that only rises, or that is set.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds.
    pub fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    /// Sets.
    pub fn set(&self, value: u64) {
        self.0.store(value, Ordering::Relaxed);
    }

    /// Reads.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// All counters of a member.
#[derive(Debug, Default)]
pub struct Metrics {
    /// Time of one sync of the log.
    pub wal_fsync: Durations,
    /// Rewritings of segments that gave space back.
    pub cleanings: Count,
    /// Bytes of dead revisions that they gave back.
    pub cleaned_bytes: Count,
    /// Time of one recorded flush to the backend.
    pub backend_commit: Durations,
    /// 1 while a received snapshot takes the place of the state.
    pub installing: Count,
    /// Proposals that failed.
    pub proposals_failed: Count,
    /// Puts applied.
    pub puts: Count,
    /// Deletions applied.
    pub deletes: Count,
    /// Ranges served.
    pub ranges: Count,
    /// Transactions applied.
    pub txns: Count,
    /// Read confirmations that were slow.
    pub slow_read_indexes: Count,
    /// Leases granted, revoked, renewed and expired.
    pub leases: [Count; 4],
}
