//! The whole disk of a member, across its restarts.

use std::collections::BTreeMap;
use std::time::Duration;

use base::{Instant, Prng};

use super::faults::DiskFaults;
use super::file::{CrashCount, FileImage};
use super::log::{LOG_DIR, LogWitness};
use super::names::{Names, Node};
use super::pages::SECTOR_BYTES;

/// What a disk that nobody fills has left.
const ENDLESS_BYTES: u64 = 1 << 36;

/// A disk.
pub struct DiskImage {
    /// The directory tree.
    pub names: Names,
    /// Its condition.
    pub faults: DiskFaults,
    files: BTreeMap<u64, FileImage>,
    created: u64,
    busy_until: Instant,
    prng: Prng,
    witness: LogWitness,
}

/// What a crash did to a disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskCrash {
    /// To sectors.
    pub sectors: CrashCount,
    /// Changes of names that survived.
    pub names_kept: u64,
    /// Changes of names that did not.
    pub names_lost: u64,
}

impl DiskImage {
    /// An empty disk whose random choices follow `prng`.
    #[must_use]
    pub fn new(prng: Prng) -> DiskImage {
        DiskImage {
            names: Names::default(),
            faults: DiskFaults::default(),
            files: BTreeMap::new(),
            created: 0,
            busy_until: Instant::ORIGIN,
            prng,
            witness: LogWitness::default(),
        }
    }

    /// Creates a file under a free name.
    pub fn create(&mut self, path: &str) -> u64 {
        self.created += 1;
        self.files.insert(self.created, FileImage::default());
        self.names.set(path, Node::File(self.created));
        self.created
    }

    /// The file with a number.
    ///
    /// # Panics
    /// When there is none: a number comes from a name or from an open file.
    pub fn file(&mut self, number: u64) -> &mut FileImage {
        self.files.entry(number).or_default()
    }

    /// When an operation that takes `time` and is asked for now will be done.
    pub fn reserve(&mut self, now: Instant, time: Duration) -> Instant {
        let start = now.max(self.faults.stalled_until).max(self.busy_until);
        self.busy_until = start + time * self.faults.slowness;
        self.busy_until
    }

    /// How long the next sync takes.
    pub fn sync_time(&mut self) -> Duration {
        let exponential = -(1.0 - self.prng.unit()).ln();
        self.faults.sync_min + self.faults.sync_mean.mul_f64(exponential)
    }

    /// Bytes that can still be written.
    #[must_use]
    pub fn available_bytes(&self) -> u64 {
        self.faults.left.unwrap_or(ENDLESS_BYTES)
    }

    /// Takes room for `bytes`; false, and takes none, where there is too little.
    pub fn take_room(&mut self, bytes: u64) -> bool {
        let Some(left) = &mut self.faults.left else { return true };
        let rest = left.checked_sub(bytes);
        *left = rest.unwrap_or(*left);
        rest.is_some()
    }

    /// Gives room for `bytes` back.
    pub fn give_room(&mut self, bytes: u64) {
        if let Some(left) = &mut self.faults.left {
            *left += bytes;
        }
    }

    /// The witness of the log.
    #[must_use]
    pub fn witness(&self) -> &LogWitness {
        &self.witness
    }

    /// The witness of the log, to correct it.
    pub fn witness_mut(&mut self) -> &mut LogWitness {
        &mut self.witness
    }

    /// After a sync of a file: the witness reads on if it is a segment of the log, by whatever name
    /// it was opened.
    pub fn witness_file(&mut self, number: u64) {
        let is_segment = self
            .names
            .durable_list(LOG_DIR)
            .any(|(name, node)| node == Node::File(number) && name.ends_with(".wal"));
        if is_segment && let Some(file) = self.files.get_mut(&number) {
            self.witness.advance_file(number, file);
        }
    }

    /// After a change of durable names: the witness reads all segments.
    pub fn witness_names(&mut self) {
        self.witness.advance(&self.names, &mut self.files);
    }

    /// Loses power.
    pub fn crash(&mut self) -> DiskCrash {
        let rule = self.faults.crash;
        let mut crash = DiskCrash::default();
        (crash.names_kept, crash.names_lost) = self.names.crash(rule.keep_name, &mut self.prng);
        let reachable = self.names.files();
        self.files.retain(|number, _| reachable.binary_search(number).is_ok());
        for file in self.files.values_mut() {
            let count = file.crash(rule, &mut self.prng);
            crash.sectors.kept += count.kept;
            crash.sectors.dropped += count.dropped;
            crash.sectors.garbled += count.garbled;
        }
        self.busy_until = Instant::ORIGIN;
        self.witness_names();
        crash
    }

    /// Flips a bit in a durable sector of a file of the log (S9), chosen by the disk's own
    /// randomness; gives the file's name and the sector.
    pub fn rot_log(&mut self) -> Option<(String, u64)> {
        let segments: Vec<(String, u64)> = self
            .names
            .durable_list(LOG_DIR)
            .filter_map(|(name, node)| match node {
                Node::File(number) if name.ends_with(".wal") => Some((name.to_string(), number)),
                _ => None,
            })
            .collect();
        if segments.is_empty() {
            return None;
        }
        let (name, number) = self.prng.pick(&segments).clone();
        let file = self.files.get_mut(&number)?;
        let sectors = file.durable_sectors();
        if sectors.is_empty() {
            return None;
        }
        let sector = *self.prng.pick(&sectors);
        file.rot(sector, &mut self.prng);
        Some((name, sector * SECTOR_BYTES as u64))
    }

    /// Whether anything would be at stake in a crash now.
    #[must_use]
    pub fn is_unsynced(&self) -> bool {
        self.names.is_unsynced() || self.files.values().any(FileImage::is_unsynced)
    }

    /// Whether content that was written is not durable.
    #[must_use]
    pub fn has_unsynced_content(&self) -> bool {
        self.files.values().any(FileImage::has_unsynced_content)
    }
}
