//! The pages that bbolt may reuse.

use super::error::{Flaw, ReadError};
use super::meta::Meta;
use super::page::read_freelist;
use super::source::ReadAt;
use crate::format::{FREELIST_COUNT_ESCAPE, PAGE_HEADER, u64_at};
use alloc::vec::Vec;

/// The free list of a file that keeps one.
#[derive(Debug)]
pub struct Freelist {
    /// The page it stands on.
    pub page: u64,
    /// How many pages it extends over.
    pub span: u64,
    /// The pages it names, as it names them.
    pub free: Vec<u64>,
}

impl Freelist {
    /// Reads the list; its length is bounded by the pages that it stands on.
    pub fn read<S: ReadAt>(
        source: &S,
        meta: &Meta,
        page: u64,
    ) -> Result<Freelist, ReadError<S::Error>> {
        let (header, bytes) = read_freelist(source, meta, page)?;
        let span = u64::from(header.overflow) + 1;
        let corrupt = |element| {
            let flaw = Flaw::ElementOutside { element };
            ReadError::Corrupt { page, flaw }
        };
        let places = (bytes.len() - PAGE_HEADER) / 8;
        let (first, count) = match header.count {
            FREELIST_COUNT_ESCAPE => (1, u64_at(&bytes, PAGE_HEADER)),
            count => (0, u64::from(count)),
        };
        let count = usize::try_from(count).map_err(|_| corrupt(0))?;
        if count > places - first {
            return Err(corrupt(header.count));
        }
        let free =
            (first..first + count).map(|place| u64_at(&bytes, PAGE_HEADER + place * 8)).collect();
        Ok(Freelist { page, span, free })
    }
}
