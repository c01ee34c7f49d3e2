//! The first pass: how many pages the file will have and which of them is its root, from the
//! lengths of keys and values alone.
//!
//! Memory: one list of separator *lengths* a level, whatever the number of entries. The root and
//! the number of pages stand in the meta pages, the first bytes of the file; nothing else in the
//! file depends on what comes later.

use super::error::WriteError;
use super::tree::{Child, Item, Key, Pages, Tree};
use crate::format::{BUCKET_HEADER, KEY_BYTES_MAX, PAGE_BYTES, VALUE_BYTES_MAX};

/// The first page behind the two meta pages and the free list.
pub(crate) const FIRST_PAGE: u64 = 3;

/// What the second pass must know before its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    pub(crate) pages: u64,
    pub(crate) root: u64,
}

impl Plan {
    /// How many pages the file has.
    #[must_use]
    pub fn pages(&self) -> u64 {
        self.pages
    }

    /// How long the file is, a multiple of [`PAGE_BYTES`].
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.pages * PAGE_BYTES as u64
    }
}

/// Counts pages. Give it every bucket in ascending order of names and, after each bucket, the
/// lengths of its entries in ascending order of keys.
#[derive(Debug)]
pub struct Planner {
    counter: Counter,
    root: Tree<usize>,
    bucket: Option<(usize, Tree<usize>)>,
}

impl Default for Planner {
    fn default() -> Planner {
        Planner::new()
    }
}

impl Planner {
    /// A file without buckets.
    #[must_use]
    pub fn new() -> Planner {
        Planner { counter: Counter { next: FIRST_PAGE }, root: Tree::new(), bucket: None }
    }

    /// Begins the next bucket, whose name has this length.
    ///
    /// # Errors
    /// When bbolt has no room for such a name.
    pub fn bucket(&mut self, name_bytes: usize) -> Result<(), WriteError> {
        accept_lengths(name_bytes, BUCKET_HEADER)?;
        self.close_bucket();
        self.bucket = Some((name_bytes, Tree::new()));
        Ok(())
    }

    /// Counts the next entry of the bucket.
    ///
    /// # Errors
    /// When bbolt has no room for it, or no bucket has begun.
    pub fn entry(&mut self, key_bytes: usize, value_bytes: usize) -> Result<(), WriteError> {
        accept_lengths(key_bytes, value_bytes)?;
        let (_, tree) = self.bucket.as_mut().ok_or(WriteError::NoBucket)?;
        tree.push(&Lengths { key_bytes, value_bytes }, &mut self.counter);
        Ok(())
    }

    /// The plan for everything that was counted.
    #[must_use]
    pub fn finish(mut self) -> Plan {
        self.close_bucket();
        let root = self.root.finish(&mut self.counter);
        let pages = self.counter.next;
        assert!(root >= FIRST_PAGE && root < pages, "root {root} of {pages} pages");
        Plan { pages, root }
    }

    fn close_bucket(&mut self) {
        if let Some((name_bytes, tree)) = self.bucket.take() {
            tree.finish(&mut self.counter);
            let entry = Lengths { key_bytes: name_bytes, value_bytes: BUCKET_HEADER };
            self.root.push(&entry, &mut self.counter);
        }
    }
}

/// Whether bbolt would store such an entry.
pub(crate) fn accept_lengths(key_bytes: usize, value_bytes: usize) -> Result<(), WriteError> {
    if key_bytes == 0 {
        return Err(WriteError::EmptyKey);
    }
    if key_bytes > KEY_BYTES_MAX {
        return Err(WriteError::KeyTooLong { bytes: key_bytes });
    }
    if value_bytes > VALUE_BYTES_MAX {
        return Err(WriteError::ValueTooLong { bytes: value_bytes });
    }
    Ok(())
}

struct Lengths {
    key_bytes: usize,
    value_bytes: usize,
}

impl Key for usize {
    fn key_bytes(&self) -> usize {
        *self
    }
}

impl Item for Lengths {
    type Key = usize;

    fn key_bytes(&self) -> usize {
        self.key_bytes
    }

    fn value_bytes(&self) -> usize {
        self.value_bytes
    }

    fn key(&self) -> usize {
        self.key_bytes
    }
}

#[derive(Debug)]
struct Counter {
    next: u64,
}

impl Counter {
    fn take(&mut self, span: u64) -> u64 {
        let page = self.next;
        self.next = page.checked_add(span).expect("a file has fewer than 2^64 pages");
        page
    }
}

impl Pages<Lengths> for Counter {
    fn item(&mut self, _item: &Lengths) {}

    fn leaf(&mut self, span: u64) -> u64 {
        self.take(span)
    }

    fn branch(&mut self, span: u64, _children: &[Child<usize>]) -> u64 {
        self.take(span)
    }
}
