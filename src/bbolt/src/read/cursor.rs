//! A walk over a bucket in key order, with one page a level in memory.
//!
//! It ends on every file: keys must ascend strictly over the whole walk, the depth is bounded, and
//! no walk may meet more pages than the file has.

use alloc::vec::Vec;
use bytes::Bytes;

use super::database::{DEPTH_MAX, Database, Root};
use super::error::{Flaw, ReadError};
use super::page::Page;
use super::source::ReadAt;

/// An entry of a bucket. Its bytes share the page that they were read from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Bytes,
    /// The value; for a bucket, bbolt's record of where it is.
    pub value: Bytes,
    /// Whether the entry names a bucket.
    pub is_bucket: bool,
}

/// The entries of a bucket, an iterator that ends after the first error.
#[derive(Debug)]
pub struct Cursor<'a, S> {
    database: &'a Database<S>,
    next_page: Option<Root>,
    stack: Vec<Frame>,
    last: Option<Bytes>,
    pages_left: u64,
}

/// A page on the way down, and the first of its elements that was not visited.
#[derive(Debug)]
struct Frame {
    page: Page,
    next: usize,
}

impl<'a, S: ReadAt> Cursor<'a, S> {
    pub(crate) fn new(database: &'a Database<S>, root: Root) -> Cursor<'a, S> {
        let pages_left = database.meta().pages;
        Cursor { database, next_page: Some(root), stack: Vec::new(), last: None, pages_left }
    }

    /// Goes on with the first entry whose key is not less than `key`, wherever the walk was.
    ///
    /// # Errors
    /// When a page on the way is corrupt.
    pub fn seek(&mut self, key: &[u8]) -> Result<(), ReadError<S::Error>> {
        let root = match (self.stack.first(), self.next_page.take()) {
            (_, Some(root)) => root,
            (Some(frame), None) if frame.page.id() == 0 => Root::Inline(frame.page.clone()),
            (Some(frame), None) => Root::At(frame.page.id()),
            (None, None) => return Ok(()),
        };
        self.stack.clear();
        self.last = None;
        self.pages_left = self.database.meta().pages;
        let mut down = Some(root);
        while let Some(root) = down.take() {
            self.descend(root)?;
            let frame = self.stack.last_mut().expect("a page was just pushed");
            let (at, exact) = frame.page.search(key);
            if frame.page.is_leaf() {
                frame.next = at;
            } else {
                let child = if exact { at } else { at.saturating_sub(1) };
                frame.next = child + 1;
                down = Some(Root::At(frame.page.child(child)));
            }
        }
        Ok(())
    }

    /// One step: the next entry, or the end.
    fn advance(&mut self) -> Result<Option<Entry>, ReadError<S::Error>> {
        if let Some(root) = self.next_page.take() {
            self.descend(root)?;
        }
        while let Some(frame) = self.stack.last_mut() {
            let at = frame.next;
            if at == frame.page.count() {
                // The root stays, so that the cursor still knows where to seek from.
                if self.stack.len() == 1 {
                    return Ok(None);
                }
                self.stack.pop();
                continue;
            }
            frame.next += 1;
            if frame.page.is_leaf() {
                let page = frame.page.clone();
                return self.entry(&page, at).map(Some);
            }
            let child = frame.page.child(at);
            self.descend(Root::At(child))?;
        }
        Ok(None)
    }

    fn entry(&mut self, page: &Page, at: usize) -> Result<Entry, ReadError<S::Error>> {
        let key = page.key(at);
        if self.last.as_ref().is_some_and(|last| *last >= key) {
            let element = u16::try_from(at).expect("a page has fewer than 2^16 elements");
            let flaw = Flaw::KeyOrder { element };
            return Err(ReadError::Corrupt { page: page.id(), flaw });
        }
        self.last = Some(key.clone());
        Ok(Entry { key, value: page.value(at), is_bucket: page.is_bucket(at) })
    }

    fn descend(&mut self, root: Root) -> Result<(), ReadError<S::Error>> {
        let page = match root {
            Root::Inline(page) => page,
            Root::At(id) => {
                let corrupt = |flaw| ReadError::Corrupt { page: id, flaw };
                if self.stack.len() == DEPTH_MAX {
                    return Err(corrupt(Flaw::TooDeep));
                }
                self.pages_left =
                    self.pages_left.checked_sub(1).ok_or_else(|| corrupt(Flaw::Circle))?;
                self.database.page(id)?
            }
        };
        self.stack.push(Frame { page, next: 0 });
        Ok(())
    }
}

impl<S: ReadAt> Iterator for Cursor<'_, S> {
    type Item = Result<Entry, ReadError<S::Error>>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.advance() {
            Ok(entry) => entry.map(Ok),
            Err(error) => {
                self.stack.clear();
                self.next_page = None;
                Some(Err(error))
            }
        }
    }
}
