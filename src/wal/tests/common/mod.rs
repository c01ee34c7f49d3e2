//! A small disk: what was written, what of it is durable, and what a crash may leave.

#![allow(dead_code, reason = "each test binary uses a part")]

use std::collections::BTreeMap;

use base::{ClusterId, Index, MemberId, Term};
use bytes::Bytes;
use wal::{Entry, EntryRef, HardState, Metadata, Op, Recovered, Recovery, WalError};

pub const METADATA: Metadata = Metadata { member: MemberId(0x1234), cluster: ClusterId(0xabcdef) };
pub const SEGMENT_BYTES: u64 = 1024;
const SECTOR: usize = 512;

pub type Files = BTreeMap<String, Vec<u8>>;

/// Files as the process sees them, and as a crash without any luck leaves them.
#[derive(Clone, Default)]
pub struct Disk {
    pub seen: Files,
    /// Names as the last directory sync made them; contents by the last sync of each file. Keyed by
    /// an identity, so that a rename does not lose what is durable.
    ids: BTreeMap<String, u64>,
    durable_ids: BTreeMap<String, u64>,
    durable: BTreeMap<u64, Vec<u8>>,
    content: BTreeMap<u64, Vec<u8>>,
    next: u64,
}

impl Disk {
    pub fn run_all(&mut self, ops: &[Op]) {
        for op in ops {
            self.run(op);
        }
    }

    fn file(&mut self, name: &str) -> &mut Vec<u8> {
        let id = self.ids.get(name).unwrap_or_else(|| panic!("no file {name}"));
        self.content.get_mut(id).expect("each identity has content")
    }

    pub fn run(&mut self, op: &Op) {
        match op {
            Op::Create { name, allocate } => {
                assert!(!self.ids.contains_key(name), "{name} exists");
                self.ids.insert(name.clone(), self.next);
                self.content.insert(self.next, vec![0; *allocate as usize]);
                self.durable.insert(self.next, Vec::new());
                self.next += 1;
            }
            Op::Write { name, offset, bytes } => {
                let end = *offset as usize + bytes.len();
                let file = self.file(name);
                file.resize(file.len().max(end), 0);
                file[*offset as usize..end].copy_from_slice(bytes);
            }
            Op::Sync { name } => {
                let id = self.ids[name];
                self.durable.insert(id, self.content[&id].clone());
            }
            Op::Rename { from, to } => {
                let id = self.ids.remove(from).unwrap_or_else(|| panic!("no file {from}"));
                self.ids.insert(to.clone(), id);
            }
            Op::SyncDir => self.durable_ids = self.ids.clone(),
            Op::Remove { name } => {
                assert!(self.ids.remove(name).is_some(), "no file {name}");
            }
            Op::Truncate { name, len } => self.file(name).truncate(*len as usize),
            Op::Allocate { name, len } => {
                let file = self.file(name);
                file.resize(file.len().max(*len as usize), 0);
            }
        }
        self.seen = self.ids.iter().map(|(n, id)| (n.clone(), self.content[id].clone())).collect();
    }

    /// Images that a crash now may leave: names durable or seen, and of each file that has unsynced
    /// sectors every subset of them (at most `bits` are varied), lost, kept or filled with `fill`.
    pub fn crash_images(&self, bits: u32, fill: Option<u8>) -> Vec<Files> {
        let mut images = Vec::new();
        for names in [&self.durable_ids, &self.ids] {
            let dirty: Vec<(u64, usize)> =
                names.values().flat_map(|id| self.dirty_sectors(*id)).collect();
            let varied = dirty.len().min(bits as usize);
            for mask in 0..1u32 << varied {
                let kept = |at: usize| at >= varied || mask >> at & 1 == 1;
                images.push(self.image(names, &dirty, kept, fill));
            }
            if names == &self.ids && self.ids == self.durable_ids {
                break;
            }
        }
        images
    }

    fn dirty_sectors(&self, id: u64) -> Vec<(u64, usize)> {
        let (new, old) = (&self.content[&id], &self.durable[&id]);
        let sector = |bytes: &[u8], at: usize| {
            let mut sector = [0; SECTOR];
            let from = bytes.get(at * SECTOR..).unwrap_or_default();
            let len = from.len().min(SECTOR);
            sector[..len].copy_from_slice(&from[..len]);
            sector
        };
        let count = new.len().max(old.len()).div_ceil(SECTOR);
        (0..count).filter(|&at| sector(new, at) != sector(old, at)).map(|at| (id, at)).collect()
    }

    fn image(
        &self,
        names: &BTreeMap<String, u64>,
        dirty: &[(u64, usize)],
        kept: impl Fn(usize) -> bool,
        fill: Option<u8>,
    ) -> Files {
        let mut files = Files::new();
        for (name, id) in names {
            let mut bytes = self.content[id].clone();
            let old = &self.durable[id];
            for (at, _) in dirty.iter().enumerate().filter(|(_, (of, _))| of == id) {
                if kept(at) {
                    continue;
                }
                let begin = dirty[at].1 * SECTOR;
                for position in begin..(begin + SECTOR).min(bytes.len()) {
                    let was = old.get(position).copied().unwrap_or(0);
                    bytes[position] = match fill {
                        // Garbage only where something was being written.
                        Some(byte) if bytes[position] != was => byte,
                        _ => was,
                    };
                }
            }
            files.insert(name.clone(), bytes);
        }
        files
    }
}

impl From<Files> for Disk {
    /// The disk after a restart: all that is there is durable.
    fn from(files: Files) -> Disk {
        let mut disk = Disk::default();
        for (name, bytes) in &files {
            disk.ids.insert(name.clone(), disk.next);
            disk.content.insert(disk.next, bytes.clone());
            disk.durable.insert(disk.next, bytes.clone());
            disk.next += 1;
        }
        disk.durable_ids = disk.ids.clone();
        disk.seen = files;
        disk
    }
}

pub fn recover(files: &Files) -> Result<Recovered, WalError> {
    let names: Vec<String> = files.keys().cloned().collect();
    let mut recovery = Recovery::new(&names)?;
    for name in recovery.names() {
        recovery.segment(&name, Bytes::copy_from_slice(&files[&name]))?;
    }
    recovery.finish(SEGMENT_BYTES)
}

pub fn state(term: u64, vote: u64, commit: u64) -> HardState {
    HardState { term: Term(term), vote: MemberId(vote), commit: Index(commit) }
}

pub fn entry(term: u64, index: u64, len: usize) -> Entry {
    let byte = (term * 31 + index) as u8 | 1;
    Entry { term: Term(term), index: Index(index), kind: 0, data: vec![byte; len].into() }
}

pub fn entry_ref(entry: &Entry) -> EntryRef<'_> {
    EntryRef { term: entry.term, index: entry.index, kind: entry.kind, data: &entry.data }
}
