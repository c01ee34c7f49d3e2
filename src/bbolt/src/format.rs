//! The numbers of bbolt's file format, version 2, and its two smallest codecs: the page header and
//! the checksum of a meta page.
//!
//! All integers are little-endian: bbolt writes its structures as the machine lays them out, and
//! every machine that matters is little-endian. Offsets inside an element count from the start of
//! that element's own header, not from the page.

use bytes::BufMut;

/// The first word of a meta page.
pub const MAGIC: u32 = 0xED0C_DAED;
/// The only version of the format that bbolt has written in a decade.
pub const VERSION: u32 = 2;

/// The page size that is written. A file may come with another one, taken from its machine.
pub const PAGE_BYTES: usize = 4096;
/// The smallest page size that bbolt looks for.
pub const PAGE_BYTES_MIN: usize = 1024;
/// The largest page size that bbolt looks for.
pub const PAGE_BYTES_MAX: usize = 16 << 20;

/// The longest key that bbolt accepts.
pub const KEY_BYTES_MAX: usize = 32_768;
/// The longest value that bbolt accepts.
pub const VALUE_BYTES_MAX: usize = (1 << 31) - 2;

/// id u64, flags u16, count u16, overflow u32.
pub const PAGE_HEADER: usize = 16;
/// pos u32, key length u32, page u64.
pub const BRANCH_ELEMENT: usize = 16;
/// flags u32, pos u32, key length u32, value length u32.
pub const LEAF_ELEMENT: usize = 16;
/// root page u64, sequence u64: the value of a bucket's entry.
pub const BUCKET_HEADER: usize = 16;
/// What a meta page holds behind its page header, checksum included.
pub const META_BODY: usize = 64;
/// What the checksum of a meta page covers.
pub const META_SUMMED: usize = 56;

/// A page of separators and child pages.
pub const FLAG_BRANCH: u16 = 0x01;
/// A page of keys and values.
pub const FLAG_LEAF: u16 = 0x02;
/// Page 0 or 1.
pub const FLAG_META: u16 = 0x04;
/// The list of pages that may be reused.
pub const FLAG_FREELIST: u16 = 0x10;

/// The leaf element's value is a bucket.
pub const ELEMENT_BUCKET: u32 = 0x01;

/// A meta page names this page when the file keeps no list of its free pages (etcd's choice).
pub const NO_FREELIST: u64 = u64::MAX;
/// A free list whose count does not fit in 16 bits stores it as its first element instead.
pub const FREELIST_COUNT_ESCAPE: u16 = 0xFFFF;

/// The header of every page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PageHeader {
    /// The page's own number.
    pub id: u64,
    /// Exactly one of the `FLAG_` constants.
    pub flags: u16,
    /// How many elements the page has.
    pub count: u16,
    /// How many further pages this one extends over.
    pub overflow: u32,
}

impl PageHeader {
    /// Appends the 16 bytes of this header.
    pub fn encode(&self, out: &mut impl BufMut) {
        out.put_u64_le(self.id);
        out.put_u16_le(self.flags);
        out.put_u16_le(self.count);
        out.put_u32_le(self.overflow);
    }

    /// Reads a header from the first 16 bytes of `bytes`.
    ///
    /// # Panics
    /// When there are fewer, which callers rule out.
    pub fn decode(bytes: &[u8]) -> PageHeader {
        assert!(bytes.len() >= PAGE_HEADER, "page header of {} bytes", bytes.len());
        PageHeader {
            id: u64_at(bytes, 0),
            flags: u16_at(bytes, 8),
            count: u16_at(bytes, 10),
            overflow: u32_at(bytes, 12),
        }
    }
}

/// The little-endian integer at `at`; the caller has checked that it lies inside.
pub fn u16_at(bytes: &[u8], at: usize) -> u16 {
    let mut word = [0; 2];
    word.copy_from_slice(&bytes[at..at + 2]);
    u16::from_le_bytes(word)
}

/// The little-endian integer at `at`; the caller has checked that it lies inside.
pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

/// The little-endian integer at `at`; the caller has checked that it lies inside.
pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// FNV-1a with 64 bits, the checksum of meta pages.
pub fn fnv1a64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn checksum_agrees_with_the_published_vectors() {
        assert_eq!(fnv1a64(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a64(b"a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a64(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn a_page_header_reads_back_as_written() {
        let header = PageHeader { id: 77, flags: FLAG_LEAF, count: 300, overflow: 70_000 };
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        assert_eq!(bytes.len(), PAGE_HEADER);
        assert_eq!(PageHeader::decode(&bytes), header);
    }
}
