//! The two meta pages, and which of them counts.
//!
//! bbolt writes them in turn, so that a crash spoils at most one: the one with the greater
//! transaction that has a valid checksum is the state of the file. Its page size stands in the
//! page itself, hence the search for the second one at every size that bbolt knows.

use bytes::Bytes;

use super::error::ReadError;
use super::source::ReadAt;
use crate::format::{
    FLAG_META, MAGIC, META_BODY, META_SUMMED, NO_FREELIST, PAGE_BYTES_MAX, PAGE_BYTES_MIN,
    PAGE_HEADER, PageHeader, VERSION, fnv1a64, u32_at, u64_at,
};

/// What a meta page says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The length of every page, a power of two.
    pub page_bytes: usize,
    /// The root page of the bucket of buckets.
    pub root: u64,
    /// The page of the free list; `None` when the file keeps none.
    pub freelist: Option<u64>,
    /// How many pages the file has.
    pub pages: u64,
    /// The transaction that wrote this page.
    pub txid: u64,
}

/// What stands where a meta page may be.
enum Found {
    Valid(Meta),
    Newer(u32),
    Nothing,
}

impl Meta {
    /// How long the file must be, without what may follow its pages.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.pages.saturating_mul(self.page_bytes as u64)
    }

    /// Finds the meta page that counts.
    pub(crate) fn find<S: ReadAt>(source: &S) -> Result<Meta, ReadError<S::Error>> {
        let first = Found::at(source, 0)?;
        let second = match &first {
            Found::Valid(meta) => Found::at(source, meta.page_bytes as u64)?,
            _ => Found::second_of_any_size(source)?,
        };
        let meta = match (first, second) {
            (Found::Valid(a), Found::Valid(b)) if b.txid > a.txid => b,
            (Found::Valid(a), _) => a,
            (_, Found::Valid(b)) => b,
            (Found::Newer(found), _) | (_, Found::Newer(found)) => {
                return Err(ReadError::Version { found });
            }
            (Found::Nothing, Found::Nothing) => return Err(ReadError::NotADatabase),
        };
        let (bytes_wanted, bytes_found) = (meta.file_bytes(), source.len());
        if bytes_wanted > bytes_found {
            return Err(ReadError::CutShort { bytes_wanted, bytes_found });
        }
        Ok(meta)
    }

    fn decode(bytes: &[u8]) -> Found {
        assert_eq!(bytes.len(), PAGE_HEADER + META_BODY, "a meta page is read whole");
        let header = PageHeader::decode(bytes);
        let body = &bytes[PAGE_HEADER..];
        if u32_at(body, 0) != MAGIC || header.flags != FLAG_META {
            return Found::Nothing;
        }
        if u64_at(body, META_SUMMED) != fnv1a64(&body[..META_SUMMED]) {
            return Found::Nothing;
        }
        match u32_at(body, 4) {
            VERSION => {}
            version if version > VERSION => return Found::Newer(version),
            _ => return Found::Nothing,
        }
        let page_bytes = u32_at(body, 8) as usize;
        if !page_bytes.is_power_of_two() || !(PAGE_BYTES_MIN..=PAGE_BYTES_MAX).contains(&page_bytes)
        {
            return Found::Nothing;
        }
        let (freelist, pages) = (u64_at(body, 32), u64_at(body, 40));
        // Two meta pages and a root are the least that bbolt ever writes.
        if pages < 3 {
            return Found::Nothing;
        }
        Found::Valid(Meta {
            page_bytes,
            root: u64_at(body, 16),
            freelist: (freelist != NO_FREELIST).then_some(freelist),
            pages,
            txid: u64_at(body, 48),
        })
    }
}

impl Found {
    fn at<S: ReadAt>(source: &S, offset: u64) -> Result<Found, ReadError<S::Error>> {
        let bytes = PAGE_HEADER + META_BODY;
        if offset.saturating_add(bytes as u64) > source.len() {
            return Ok(Found::Nothing);
        }
        let read: Bytes = source.read_at(offset, bytes).map_err(ReadError::Source)?;
        Ok(Meta::decode(&read))
    }

    fn second_of_any_size<S: ReadAt>(source: &S) -> Result<Found, ReadError<S::Error>> {
        let mut page_bytes = PAGE_BYTES_MIN;
        while page_bytes <= PAGE_BYTES_MAX {
            match Found::at(source, page_bytes as u64)? {
                Found::Nothing => page_bytes *= 2,
                found => return Ok(found),
            }
        }
        Ok(Found::Nothing)
    }
}
