//! What a disk does wrong, as plain numbers that the fault list sets and clears.

use std::time::Duration;

use base::Instant;

/// What a crash does to what was not synced; probabilities.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct CrashRule {
    /// An unsynced sector reached the disk.
    pub keep: f64,
    /// An unsynced sector that did not was replaced by garbage.
    pub garble: f64,
    /// An unsynced change of a name reached the disk.
    pub keep_name: f64,
}

/// How a file system treats pages whose writing failed (the three kinds that differ for a reader).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum SyncFailure {
    /// They read as written, and are forgotten.
    PagesMarkedClean,
    /// They read as before.
    PagesReverted,
    /// They are tried again at the next sync.
    PagesLeftDirty,
}

/// The condition of one disk.
#[derive(Clone, Debug)]
pub struct DiskFaults {
    /// Shortest and mean additional time of a sync.
    pub sync_min: Duration,
    /// Mean of the exponential part of a sync.
    pub sync_mean: Duration,
    /// Nothing is served before this moment (S1).
    pub stalled_until: Instant,
    /// All times are multiplied by this (S15).
    pub slowness: u32,
    /// The next sync fails like this (S6).
    pub fail_sync: Option<SyncFailure>,
    /// Writes that will fail with an I/O error (S7).
    pub fail_writes: u32,
    /// Others fill the disk: it takes only so many bytes more (S7). `None` is a disk without end.
    pub left: Option<u64>,
    /// What a crash does.
    pub crash: CrashRule,
}

impl Default for DiskFaults {
    fn default() -> DiskFaults {
        DiskFaults {
            sync_min: Duration::from_micros(200),
            sync_mean: Duration::from_micros(500),
            stalled_until: Instant::ORIGIN,
            slowness: 1,
            fail_sync: None,
            fail_writes: 0,
            left: None,
            crash: CrashRule { keep: 0.5, garble: 0.1, keep_name: 0.5 },
        }
    }
}
