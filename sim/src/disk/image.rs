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

/// Where a bit flipped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rot {
    /// The file.
    pub name: String,
    /// The byte.
    pub offset: u64,
    /// Whether the log goes on behind it with a batch that is durable: then nobody may take the
    /// damage for a torn tail.
    pub is_middle: bool,
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

    /// The segments of the log: the first index and the bytes of each, in order.
    pub fn segments(&mut self) -> Vec<(u64, u64)> {
        let files: Vec<(u64, u64)> = self
            .names
            .list(LOG_DIR)
            .filter_map(|(name, node)| match node {
                Node::File(number) => {
                    let (_, first) = name.strip_suffix(".wal")?.split_once('-')?;
                    Some((u64::from_str_radix(first, 16).ok()?, number))
                }
                Node::Dir => None,
            })
            .collect();
        files.into_iter().map(|(first, number)| (first, self.file(number).len())).collect()
    }

    /// The witness of the log.
    #[must_use]
    pub fn witness(&self) -> &LogWitness {
        &self.witness
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

    /// Flips a bit of a file of the log at rest (S9), chosen by the disk's own randomness: mostly
    /// in a batch behind which another one is durable, else in the last one or anywhere.
    pub fn rot_log(&mut self) -> Option<Rot> {
        let mut segments: Vec<(String, u64)> = self
            .names
            .durable_list(LOG_DIR)
            .filter_map(|(name, node)| match node {
                Node::File(number) if name.ends_with(".wal") => Some((name.to_string(), number)),
                _ => None,
            })
            .collect();
        segments.sort_unstable();
        let numbers: Vec<u64> = segments.iter().map(|(_, number)| *number).collect();
        let place = match self.prng.below(10) {
            0..=6 => self.witness.before_last_batch(&numbers),
            7..=8 => self.witness.last_batch(&numbers).map(|place| vec![place]),
            _ => None,
        };
        let (number, offset) = match place {
            Some(places) => {
                let (number, bytes) = self.prng.pick(&places).clone();
                (number, self.prng.between(bytes.start, bytes.end - 1))
            }
            None => self.rot_anywhere(&numbers)?,
        };
        let name = segments.into_iter().find(|(_, known)| *known == number)?.0;
        let bit = self.prng.below(8) as u32;
        self.files.get_mut(&number)?.rot(offset, bit);
        let places = self.witness.before_last_batch(&numbers).unwrap_or_default();
        let is_middle =
            places.iter().any(|(file, bytes)| *file == number && bytes.contains(&offset));
        Some(Rot { name, offset, is_middle })
    }

    fn rot_anywhere(&mut self, segments: &[u64]) -> Option<(u64, u64)> {
        if segments.is_empty() {
            return None;
        }
        let number = *self.prng.pick(segments);
        let sectors = self.files.get(&number)?.durable_sectors();
        if sectors.is_empty() {
            return None;
        }
        let sector = *self.prng.pick(&sectors);
        Some((number, sector * SECTOR_BYTES as u64 + self.prng.below(SECTOR_BYTES as u64)))
    }

    /// Whether the log says that its end may be lost, and no leader has removed the doubt (L-a).
    #[must_use]
    pub fn is_log_suspect(&self) -> bool {
        self.names.durable_list(LOG_DIR).any(|(name, _)| name.ends_with(".suspect"))
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
