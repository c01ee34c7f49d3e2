//! The tail of the log that is in memory: a contiguous run of entries up to the last.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use base::Index;

use crate::entry::Entry;

/// Entries from `first` on. Invariant: entry `i` of the queue has index `first + i`.
#[derive(Clone, Debug)]
pub struct Cache {
    entries: VecDeque<Entry>,
    first: Index,
    bytes: usize,
}

impl Cache {
    /// Holds nothing; the next entry will be `first`.
    pub fn new(first: Index) -> Cache {
        Cache { entries: VecDeque::new(), first, bytes: 0 }
    }

    /// The first index held, or the next one when nothing is.
    pub fn first(&self) -> Index {
        self.first
    }

    /// The index behind the last one held.
    pub fn end(&self) -> Index {
        self.first.plus(self.entries.len() as u64)
    }

    /// Bytes held.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds the next entry.
    pub fn push(&mut self, entry: Entry) {
        let end = self.end();
        assert!(entry.index == end, "entry {} pushed where {end} is next", entry.index);
        self.bytes += entry.weight();
        self.entries.push_back(entry);
    }

    /// Removes the entry at `first` and all behind it.
    pub fn truncate_from(&mut self, first: Index) {
        assert!(first >= self.first, "truncating from {first}, held from {}", self.first);
        while self.end() > first {
            let entry = self.entries.pop_back().expect("the end is behind the first held");
            self.bytes -= entry.weight();
        }
    }

    /// Drops the oldest entries: all below `floor`, and more while above `bytes_max`, but none at
    /// or behind `keep`.
    pub fn evict(&mut self, floor: Index, keep: Index, bytes_max: usize) {
        while let Some(entry) = self.entries.front() {
            let index = entry.index;
            if index >= keep || (index >= floor && self.bytes <= bytes_max) {
                return;
            }
            self.bytes -= entry.weight();
            self.entries.pop_front();
            self.first = index.next();
        }
    }

    /// The entry at an index, if held.
    pub fn get(&self, index: Index) -> Option<&Entry> {
        if index < self.first {
            return None;
        }
        self.entries.get(index.since(self.first) as usize)
    }

    /// Entries from `from` up to `to`, at most `count_max`, about `bytes_max` bytes but always one
    /// if there is one. `from` must be held.
    pub fn range(&self, from: Index, to: Index, count_max: usize, bytes_max: usize) -> Vec<Entry> {
        assert!(from >= self.first, "entries from {from} are not held, only from {}", self.first);
        let mut bytes = 0;
        let mut taken = Vec::new();
        for entry in self.entries.iter().skip(from.since(self.first) as usize) {
            bytes += entry.weight();
            let over = taken.len() >= count_max || (bytes > bytes_max && !taken.is_empty());
            if entry.index > to || over {
                break;
            }
            taken.push(entry.clone());
        }
        taken
    }

    /// Panics when an invariant is broken.
    pub fn check(&self) {
        for (offset, entry) in self.entries.iter().enumerate() {
            let index = self.first.plus(offset as u64);
            assert!(entry.index == index, "entry {} held at {index}", entry.index);
        }
        let bytes: usize = self.entries.iter().map(Entry::weight).sum();
        assert!(bytes == self.bytes, "{} bytes counted, {bytes} held", self.bytes);
    }
}
