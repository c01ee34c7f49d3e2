//! The file on its way out: pages are numbered by where they stand, padded, and cut into chunks.

use alloc::collections::VecDeque;
use bytes::{BufMut, Bytes, BytesMut};

use super::leaf::OpenLeaf;
use super::plan::Plan;
use super::tree::Child;
use crate::format::{
    BRANCH_ELEMENT, FLAG_BRANCH, FLAG_FREELIST, FLAG_LEAF, FLAG_META, MAGIC, META_BODY,
    META_SUMMED, PAGE_BYTES, PageHeader, VERSION, fnv1a64,
};

/// The pages that have been written and not yet been taken.
#[derive(Debug)]
pub struct Stream {
    open: BytesMut,
    full: VecDeque<Bytes>,
    chunk_bytes: usize,
    next: u64,
}

impl Stream {
    /// A stream at page 0 that cuts chunks of at least `chunk_bytes`.
    pub fn new(chunk_bytes: usize) -> Stream {
        Stream { open: BytesMut::new(), full: VecDeque::new(), chunk_bytes, next: 0 }
    }

    /// The number of the next page, which is how many there are so far.
    pub fn next_page(&self) -> u64 {
        self.next
    }

    /// The oldest finished chunk.
    pub fn take(&mut self) -> Option<Bytes> {
        self.full.pop_front()
    }

    /// Makes a chunk of whatever is left.
    pub fn flush(&mut self) {
        if !self.open.is_empty() {
            self.full.push_back(self.open.split().freeze());
        }
    }

    /// Writes both meta pages and an empty free list: the pages before the trees. The second meta
    /// page is one transaction older, so that whoever opens the file takes the first and writes
    /// its own next transaction over the second.
    pub fn preamble(&mut self, plan: &Plan) {
        const FREELIST_PAGE: u64 = 2;
        for (id, txid) in [(0, 2), (1, 1)] {
            let mut body = BytesMut::with_capacity(META_BODY);
            for word in [MAGIC, VERSION, PAGE_BYTES as u32, 0] {
                body.put_u32_le(word);
            }
            // The root bucket's page and sequence, the free list, the number of pages.
            for word in [plan.root, 0, FREELIST_PAGE, plan.pages, txid] {
                body.put_u64_le(word);
            }
            assert_eq!(body.len(), META_SUMMED, "the checksum covers all that is before it");
            body.put_u64_le(fnv1a64(&body));
            let page = self.page(FLAG_META, 0, 1, |out| out.put_slice(&body));
            assert_eq!(page, id, "meta page out of place");
        }
        let page = self.page(FLAG_FREELIST, 0, 1, |_| {});
        assert_eq!(page, FREELIST_PAGE, "free list out of place");
    }

    /// Writes a leaf and empties it.
    pub fn leaf(&mut self, span: u64, leaf: &mut OpenLeaf) -> u64 {
        self.page(FLAG_LEAF, leaf.count(), span, |out| leaf.drain(out))
    }

    /// Writes a branch page.
    pub fn branch(&mut self, span: u64, children: &[Child<Bytes>]) -> u64 {
        self.page(FLAG_BRANCH, children.len(), span, |out| {
            let mut keys_at = 0;
            for (index, child) in children.iter().enumerate() {
                let pos = (children.len() - index) * BRANCH_ELEMENT + keys_at;
                out.put_u32_le(u32::try_from(pos).expect("a branch page is small"));
                out.put_u32_le(u32::try_from(child.key.len()).expect("keys are bounded"));
                out.put_u64_le(child.page);
                keys_at += child.key.len();
            }
            for child in children {
                out.put_slice(&child.key);
            }
        })
    }

    /// Writes one page that extends over `span` and returns its number.
    fn page(
        &mut self,
        flags: u16,
        count: usize,
        span: u64,
        fill: impl FnOnce(&mut BytesMut),
    ) -> u64 {
        let id = self.next;
        let bytes = usize::try_from(span).expect("a page fits in memory") * PAGE_BYTES;
        let start = self.open.len();
        self.open.reserve(bytes);
        let header = PageHeader {
            id,
            flags,
            count: u16::try_from(count).expect("a page of 4096 bytes has few elements"),
            overflow: u32::try_from(span - 1).expect("a value is bounded by 2 GiB"),
        };
        header.encode(&mut self.open);
        fill(&mut self.open);
        let used = self.open.len() - start;
        assert!(used <= bytes, "page {id} of {used} bytes was planned as {bytes}");
        assert!(used + PAGE_BYTES > bytes, "page {id} of {used} bytes was planned as {bytes}");
        self.open.resize(start + bytes, 0);
        self.next += span;
        if self.open.len() >= self.chunk_bytes {
            self.flush();
        }
        id
    }
}
