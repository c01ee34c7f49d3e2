//! One file: what a reader sees, what every crash preserves, and the unsynced sectors in between.
//!
//! Invariant: a sector that is neither dirty nor in flight is equal in both images. `durable` only
//! changes when a sync completes, at a crash, and by bit rot.

use std::collections::{BTreeMap, BTreeSet};

use base::Prng;

use super::faults::{CrashRule, SyncFailure};
use super::pages::{Pages, SECTOR_BYTES, Sector, touched};

/// The sectors that a sync under way has taken, and the length it saw.
#[derive(Clone, Debug)]
pub struct InFlight {
    sectors: BTreeMap<u64, Sector>,
    len: u64,
}

/// What a crash did to unsynced sectors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CrashCount {
    /// Reached the disk.
    pub kept: u64,
    /// Did not.
    pub dropped: u64,
    /// Left something that was never written.
    pub garbled: u64,
}

/// A file.
#[derive(Clone, Debug, Default)]
pub struct FileImage {
    current: Pages,
    len: u64,
    durable: Pages,
    durable_len: u64,
    dirty: BTreeSet<u64>,
    in_flight: Vec<(u64, InFlight)>,
    syncs: u64,
    /// The lowest offset that became durable since a witness last asked.
    news: Option<u64>,
}

impl FileImage {
    /// Length as a reader sees it.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Whether a reader sees nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Whether something is not durable.
    #[must_use]
    pub fn is_unsynced(&self) -> bool {
        !self.dirty.is_empty() || !self.in_flight.is_empty() || self.len != self.durable_len
    }

    /// Whether content that was written is not durable.
    #[must_use]
    pub fn has_unsynced_content(&self) -> bool {
        !self.dirty.is_empty() || !self.in_flight.is_empty()
    }

    /// Up to `len` bytes from `offset`, fewer at the end of the file.
    #[must_use]
    pub fn read(&self, offset: u64, len: usize) -> Vec<u8> {
        let available = self.len.saturating_sub(offset).min(len as u64) as usize;
        let mut bytes = vec![0; available];
        self.current.read(offset, &mut bytes);
        bytes
    }

    /// Writes, beyond the end if need be.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) {
        self.dirty.extend(self.current.write(offset, bytes));
        self.len = self.len.max(offset + bytes.len() as u64);
    }

    /// Cuts or extends to `len` bytes.
    pub fn truncate(&mut self, len: u64) {
        if len < self.len {
            self.dirty.extend(touched(len, self.len - len).filter(|sector| {
                self.current.sector(*sector) != [0; SECTOR_BYTES]
                    || self.durable.sector(*sector) != [0; SECTOR_BYTES]
            }));
            self.current.cut(len);
        }
        self.len = len;
    }

    /// Takes what is dirty now on its way to the disk; finished by [`FileImage::finish_sync`].
    #[must_use]
    pub fn begin_sync(&mut self) -> u64 {
        let sectors = std::mem::take(&mut self.dirty)
            .into_iter()
            .map(|number| (number, self.current.sector(number)))
            .collect();
        self.syncs += 1;
        self.in_flight.push((self.syncs, InFlight { sectors, len: self.len }));
        self.syncs
    }

    /// Completes a sync: what it took is durable from now on.
    pub fn finish_sync(&mut self, sync: u64) {
        let Some(flight) = self.take_flight(sync) else { return };
        for (number, content) in &flight.sectors {
            // A log is appended to: most of its last sector stays as it was.
            let before = self.durable.sector(*number);
            if let Some(at) = before.iter().zip(content).position(|(old, new)| old != new) {
                self.note(number * SECTOR_BYTES as u64 + at as u64);
                self.durable.set_sector(*number, content);
            }
        }
        if flight.len != self.durable_len {
            self.note(flight.len.min(self.durable_len));
        }
        if flight.len < self.durable_len {
            self.durable.cut(flight.len);
        }
        self.durable_len = flight.len;
    }

    /// Fails a sync the way a file system does (S6): what it took never becomes durable by a later
    /// sync, unless the flavour leaves it dirty.
    pub fn fail_sync(&mut self, sync: u64, failure: SyncFailure) {
        let Some(flight) = self.take_flight(sync) else { return };
        match failure {
            SyncFailure::PagesMarkedClean => {}
            SyncFailure::PagesReverted => {
                for number in flight.sectors.keys() {
                    let durable = self.durable.sector(*number);
                    self.current.set_sector(*number, &durable);
                }
            }
            SyncFailure::PagesLeftDirty => self.dirty.extend(flight.sectors.keys()),
        }
    }

    fn take_flight(&mut self, sync: u64) -> Option<InFlight> {
        let at = self.in_flight.iter().position(|(number, _)| *number == sync)?;
        Some(self.in_flight.remove(at).1)
    }

    /// Loses power: each unsynced sector is kept, dropped or replaced (S2, S3); the length is one
    /// that was current at some time.
    pub fn crash(&mut self, rule: CrashRule, prng: &mut Prng) -> CrashCount {
        let mut count = CrashCount::default();
        for (_, flight) in std::mem::take(&mut self.in_flight) {
            self.dirty.extend(flight.sectors.keys());
        }
        for number in std::mem::take(&mut self.dirty) {
            let offset = number * SECTOR_BYTES as u64;
            if prng.chance(rule.keep) {
                let content = self.current.sector(number);
                self.durable.set_sector(number, &content);
                self.note(offset);
                count.kept += 1;
            } else if prng.chance(rule.garble) {
                let (old, new) = (self.durable.sector(number), self.current.sector(number));
                self.durable.set_sector(number, &garbled(&old, &new, prng));
                self.note(offset);
                count.garbled += 1;
            } else {
                count.dropped += 1;
            }
        }
        if self.len != self.durable_len && prng.chance(rule.keep) {
            self.note(self.len.min(self.durable_len));
            self.durable_len = self.len;
        }
        self.durable.cut(self.durable_len);
        self.current = self.durable.clone();
        self.len = self.durable_len;
        count
    }

    /// Flips a bit of a byte at rest, in both images (S9).
    pub fn rot(&mut self, offset: u64, bit: u32) {
        let sector = offset / SECTOR_BYTES as u64;
        let at = (offset % SECTOR_BYTES as u64) as usize;
        for pages in [&mut self.durable, &mut self.current] {
            let mut content = pages.sector(sector);
            content[at] ^= 1 << bit;
            pages.set_sector(sector, &content);
        }
    }

    /// What every legal crash preserves of `len` bytes from `offset`, fewer at the durable end.
    #[must_use]
    pub fn durable_read(&self, offset: u64, len: usize) -> Vec<u8> {
        let available = self.durable_len.saturating_sub(offset).min(len as u64) as usize;
        let mut bytes = vec![0; available];
        self.durable.read(offset, &mut bytes);
        bytes
    }

    /// The durable length.
    #[must_use]
    pub fn durable_len(&self) -> u64 {
        self.durable_len
    }

    /// The sectors that hold something durable.
    #[must_use]
    pub fn durable_sectors(&self) -> Vec<u64> {
        self.durable.written().collect()
    }

    /// The lowest offset whose durable content changed since the last call.
    pub fn take_news(&mut self) -> Option<u64> {
        self.news.take()
    }

    fn note(&mut self, offset: u64) {
        self.news = Some(self.news.map_or(offset, |news| news.min(offset)));
    }
}

/// A sector whose rewriting was torn: bytes that the write would have changed are anything. Bytes
/// that it repeats were durable before and stay what they are, as every crash must preserve them.
fn garbled(old: &Sector, new: &Sector, prng: &mut Prng) -> Sector {
    let mut sector = *old;
    for at in 0..SECTOR_BYTES {
        if old[at] != new[at] {
            sector[at] = prng.next_u64() as u8;
        }
    }
    sector
}

#[cfg(test)]
mod tests {
    use super::*;

    const DROP: CrashRule = CrashRule { keep: 0.0, garble: 0.0, keep_name: 0.0 };
    const KEEP: CrashRule = CrashRule { keep: 1.0, garble: 0.0, keep_name: 1.0 };

    fn synced(bytes: &[u8]) -> FileImage {
        let mut file = FileImage::default();
        file.write(0, bytes);
        let sync = file.begin_sync();
        file.finish_sync(sync);
        file
    }

    #[test]
    fn a_crash_preserves_what_was_synced_and_may_drop_the_rest() {
        let mut file = synced(b"synced");
        file.write(6, b" and not");
        assert!(file.is_unsynced());
        let mut kept = file.clone();
        file.crash(DROP, &mut Prng::new(1));
        assert_eq!(file.read(0, 100), b"synced");
        kept.crash(KEEP, &mut Prng::new(1));
        assert_eq!(kept.read(0, 100), b"synced and not");
    }

    #[test]
    fn a_garbled_sector_keeps_what_was_durable_in_it() {
        let rule = CrashRule { keep: 0.0, garble: 1.0, keep_name: 0.0 };
        let mut file = synced(b"synced");
        file.write(0, b"synced and not");
        let count = file.crash(rule, &mut Prng::new(1));
        assert_eq!((count.garbled, file.read(0, 6)), (1, b"synced".to_vec()));
    }

    #[test]
    fn a_write_during_a_sync_is_not_part_of_it() {
        let mut file = FileImage::default();
        file.write(0, b"old");
        let sync = file.begin_sync();
        file.write(0, b"new");
        file.finish_sync(sync);
        file.crash(DROP, &mut Prng::new(1));
        assert_eq!(file.read(0, 100), b"old");
    }

    #[test]
    fn a_failed_sync_loses_the_pages_although_they_read_well() {
        let mut file = synced(b"one");
        file.write(0, b"two");
        let sync = file.begin_sync();
        file.fail_sync(sync, SyncFailure::PagesMarkedClean);
        assert_eq!(file.read(0, 3), b"two");
        let again = file.begin_sync();
        file.finish_sync(again);
        file.crash(DROP, &mut Prng::new(1));
        assert_eq!(file.read(0, 3), b"one");
    }

    #[test]
    fn rot_changes_one_bit_of_what_is_durable() {
        let mut file = synced(&[0x55; 512]);
        file.rot(77, 3);
        let differing: u32 =
            file.durable_read(0, 512).iter().map(|byte| (byte ^ 0x55).count_ones()).sum();
        assert_eq!(differing, 1);
    }
}
