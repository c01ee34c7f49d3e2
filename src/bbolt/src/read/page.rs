//! One page of a tree, checked when it is read, so that what uses it cannot go wrong.
//!
//! Invariants of a [`Page`]: every element lies behind the table of elements and within the page;
//! no key is empty; keys ascend strictly. A page that would break one never becomes a `Page`.

use bytes::Bytes;

use super::error::{Flaw, ReadError};
use super::meta::Meta;
use super::source::ReadAt;
use crate::format::{
    BRANCH_ELEMENT, ELEMENT_BUCKET, FLAG_BRANCH, FLAG_FREELIST, FLAG_LEAF, LEAF_ELEMENT,
    PAGE_HEADER, PageHeader, u32_at, u64_at,
};

/// A branch or leaf page.
#[derive(Clone, Debug)]
pub struct Page {
    bytes: Bytes,
    id: u64,
    count: usize,
    leaf: bool,
}

/// Where an element's key and value lie in its page.
struct Placed {
    key_from: usize,
    key_to: usize,
    value_to: usize,
}

impl Page {
    /// Reads page `id` of a tree.
    pub fn read<S: ReadAt>(source: &S, meta: &Meta, id: u64) -> Result<Page, ReadError<S::Error>> {
        let (header, bytes) = read_raw(source, meta, id)?;
        Page::check(header, bytes, id).map_err(|flaw| ReadError::Corrupt { page: id, flaw })
    }

    /// The page of a bucket that is stored within an entry; it must be a leaf.
    pub fn inline(bytes: Bytes) -> Result<Page, Flaw> {
        assert!(bytes.len() >= PAGE_HEADER, "inline page of {} bytes", bytes.len());
        let header = PageHeader::decode(&bytes);
        if header.flags != FLAG_LEAF {
            return Err(Flaw::WrongKind { flags: header.flags });
        }
        Page::check(header, bytes, 0)
    }

    fn check(header: PageHeader, bytes: Bytes, id: u64) -> Result<Page, Flaw> {
        let leaf = match header.flags {
            FLAG_LEAF => true,
            FLAG_BRANCH => false,
            flags => return Err(Flaw::WrongKind { flags }),
        };
        if !leaf && header.count == 0 {
            return Err(Flaw::NoChildren);
        }
        let page = Page { bytes, id, count: usize::from(header.count), leaf };
        let mut before: &[u8] = &[];
        for element in 0..header.count {
            let placed = page.place(element)?;
            let key = &page.bytes[placed.key_from..placed.key_to];
            if key.is_empty() {
                return Err(Flaw::EmptyKey { element });
            }
            if key <= before {
                return Err(Flaw::KeyOrder { element });
            }
            before = key;
        }
        Ok(page)
    }

    /// The page's number; 0 when it is stored within an entry.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Whether it holds keys and values rather than children.
    pub fn is_leaf(&self) -> bool {
        self.leaf
    }

    /// How many elements it has.
    pub fn count(&self) -> usize {
        self.count
    }

    /// How many pages it extends over.
    pub fn span(&self, meta: &Meta) -> u64 {
        (self.bytes.len() as u64).div_ceil(meta.page_bytes as u64)
    }

    /// The key of an element.
    pub fn key(&self, index: usize) -> Bytes {
        let placed = self.placed(index);
        self.bytes.slice(placed.key_from..placed.key_to)
    }

    /// The value of a leaf's element.
    pub fn value(&self, index: usize) -> Bytes {
        assert!(self.leaf, "page {} has children, not values", self.id);
        let placed = self.placed(index);
        self.bytes.slice(placed.key_to..placed.value_to)
    }

    /// Whether a leaf's element is a bucket.
    pub fn is_bucket(&self, index: usize) -> bool {
        assert!(self.leaf, "page {} has children, not buckets", self.id);
        u32_at(&self.bytes, self.element_at(index)) & ELEMENT_BUCKET != 0
    }

    /// The child page of a branch's element.
    pub fn child(&self, index: usize) -> u64 {
        assert!(!self.leaf, "page {} has values, not children", self.id);
        u64_at(&self.bytes, self.element_at(index) + 8)
    }

    /// The first element whose key is not less than `key`, and whether it is `key` itself.
    pub fn search(&self, key: &[u8]) -> (usize, bool) {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            let placed = self.placed(middle);
            match self.bytes[placed.key_from..placed.key_to].cmp(key) {
                core::cmp::Ordering::Less => low = middle + 1,
                core::cmp::Ordering::Equal => return (middle, true),
                core::cmp::Ordering::Greater => high = middle,
            }
        }
        (low, false)
    }

    fn element_at(&self, index: usize) -> usize {
        assert!(index < self.count, "element {index} of {} on page {}", self.count, self.id);
        PAGE_HEADER + index * if self.leaf { LEAF_ELEMENT } else { BRANCH_ELEMENT }
    }

    fn placed(&self, index: usize) -> Placed {
        let element = u16::try_from(index).expect("a page has fewer than 2^16 elements");
        self.place(element).expect("every element was checked when the page was read")
    }

    fn place(&self, element: u16) -> Result<Placed, Flaw> {
        let outside = Flaw::ElementOutside { element };
        let (width, pos_at, value) =
            if self.leaf { (LEAF_ELEMENT, 4, true) } else { (BRANCH_ELEMENT, 0, false) };
        let table_end = PAGE_HEADER + self.count * width;
        if table_end > self.bytes.len() {
            return Err(outside);
        }
        let at = PAGE_HEADER + usize::from(element) * width;
        let word = |offset: usize| u32_at(&self.bytes, at + offset) as usize;
        let key_from = at.saturating_add(word(pos_at));
        let key_to = key_from.saturating_add(word(pos_at + 4));
        let value_to = key_to.saturating_add(if value { word(12) } else { 0 });
        if key_from < table_end || value_to > self.bytes.len() {
            return Err(outside);
        }
        Ok(Placed { key_from, key_to, value_to })
    }
}

/// Reads the page of the free list, header included.
pub fn read_freelist<S: ReadAt>(
    source: &S,
    meta: &Meta,
    id: u64,
) -> Result<(PageHeader, Bytes), ReadError<S::Error>> {
    let (header, bytes) = read_raw(source, meta, id)?;
    if header.flags != FLAG_FREELIST {
        let flaw = Flaw::WrongKind { flags: header.flags };
        return Err(ReadError::Corrupt { page: id, flaw });
    }
    Ok((header, bytes))
}

/// Reads a page with all the pages that it extends over.
fn read_raw<S: ReadAt>(
    source: &S,
    meta: &Meta,
    id: u64,
) -> Result<(PageHeader, Bytes), ReadError<S::Error>> {
    let corrupt = |flaw| ReadError::Corrupt { page: id, flaw };
    if id < 2 || id >= meta.pages {
        return Err(corrupt(Flaw::OutOfRange));
    }
    let offset = id * meta.page_bytes as u64;
    let bytes = source.read_at(offset, meta.page_bytes).map_err(ReadError::Source)?;
    let header = PageHeader::decode(&bytes);
    if header.id != id {
        return Err(corrupt(Flaw::WrongNumber { found: header.id }));
    }
    let span = u64::from(header.overflow) + 1;
    if span > meta.pages - id {
        return Err(corrupt(Flaw::TooLong));
    }
    if span == 1 {
        return Ok((header, bytes));
    }
    let long = span * meta.page_bytes as u64;
    let long = usize::try_from(long).map_err(|_| corrupt(Flaw::TooLong))?;
    let bytes = source.read_at(offset, long).map_err(ReadError::Source)?;
    Ok((header, bytes))
}
