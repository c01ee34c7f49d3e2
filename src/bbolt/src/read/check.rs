//! The check of a whole file: what bbolt's `Check` finds, and what its reader would trip over.
//!
//! Every page must be used exactly once or be free, unless the file keeps no free list, when what
//! is not used is free. Every key must lie in the range that the parent page gives its page.
//!
//! Memory: two bits a page of the file and the pages still to be visited. Nothing is recursive, so
//! that no file can exhaust the stack.

use alloc::vec;
use alloc::vec::Vec;
use bytes::Bytes;
use core::fmt;

use super::database::{DEPTH_MAX, Database, Root, parse};
use super::error::{Flaw, ReadError};
use super::freelist::Freelist;
use super::page::Page;
use super::source::ReadAt;

/// Failures beyond this many are not collected: one bad page can be the cause of thousands.
const FAILURES_MAX: usize = 1000;

/// One thing that is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckFailure {
    /// The page; 0 for a bucket that is stored within an entry.
    pub page: u64,
    /// What is wrong with it.
    pub flaw: Flaw,
}

impl fmt::Display for CheckFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "page {}: {}", self.page, self.flaw)
    }
}

/// Checks every page of the file; the answer is empty when all is well, and ends after a thousand
/// failures.
///
/// # Errors
/// Only when the source fails: what is wrong with the file is the answer.
pub fn check<S: ReadAt>(database: &Database<S>) -> Result<Vec<CheckFailure>, S::Error> {
    let pages = database.meta().pages;
    let mut check = Check {
        database,
        used: Bits::new(pages),
        freed: Bits::new(pages),
        ahead: Vec::new(),
        failures: Vec::new(),
    };
    check.used.set(0);
    check.used.set(1);
    check.freelist()?;
    check.ahead.push(Step {
        root: Root::At(database.meta().root),
        at_least: None,
        less_than: None,
        depth: 0,
    });
    while let Some(step) = check.ahead.pop() {
        if check.failures.len() >= FAILURES_MAX {
            return Ok(check.failures);
        }
        check.visit(step)?;
    }
    check.every_page_is_used_or_free();
    Ok(check.failures)
}

struct Check<'a, S> {
    database: &'a Database<S>,
    used: Bits,
    freed: Bits,
    ahead: Vec<Step>,
    failures: Vec<CheckFailure>,
}

/// A page to be visited, the range its keys must lie in, and its depth below its bucket's root.
struct Step {
    root: Root,
    at_least: Option<Bytes>,
    less_than: Option<Bytes>,
    depth: usize,
}

impl<S: ReadAt> Check<'_, S> {
    fn freelist(&mut self) -> Result<(), S::Error> {
        let meta = *self.database.meta();
        let Some(page) = meta.freelist else { return Ok(()) };
        let list = match Freelist::read(self.database.source(), &meta, page) {
            Ok(list) => list,
            Err(error) => return self.note(page, error),
        };
        for offset in 0..list.span {
            self.used.set(list.page + offset);
        }
        for id in list.free {
            if id < 2 || id >= meta.pages {
                self.fail(id, Flaw::OutOfRange);
            } else if !self.freed.set(id) {
                self.fail(id, Flaw::FreedTwice);
            }
        }
        Ok(())
    }

    fn visit(&mut self, step: Step) -> Result<(), S::Error> {
        let page = match step.root {
            Root::Inline(page) => page,
            Root::At(id) => match self.database.page(id) {
                Ok(page) => page,
                Err(error) => return self.note(id, error),
            },
        };
        if page.id() != 0 && !self.claim(&page) {
            return Ok(());
        }
        if step.depth == DEPTH_MAX {
            self.fail(page.id(), Flaw::TooDeep);
            return Ok(());
        }
        self.key_range(&page, step.at_least.as_ref(), step.less_than.as_ref());
        if page.is_leaf() {
            self.buckets_of(&page);
        } else {
            self.children_of(&page, step.less_than.as_ref(), step.depth + 1);
        }
        Ok(())
    }

    /// Marks the page as used; false when it already was, in which case it is not walked again.
    fn claim(&mut self, page: &Page) -> bool {
        let mut first_use = true;
        for id in page.id()..page.id() + page.span(self.database.meta()) {
            if !self.used.set(id) {
                self.fail(id, Flaw::UsedTwice);
                first_use = false;
            }
            if self.freed.get(id) {
                self.fail(id, Flaw::UsedAndFree);
            }
        }
        first_use
    }

    /// The order within the page was checked when it was read; its ends are left.
    fn key_range(&mut self, page: &Page, at_least: Option<&Bytes>, less_than: Option<&Bytes>) {
        let Some(last) = page.count().checked_sub(1) else { return };
        if at_least.is_some_and(|bound| page.key(0) < *bound) {
            self.fail(page.id(), Flaw::KeyRange { element: 0 });
        }
        if less_than.is_some_and(|bound| page.key(last) >= *bound) {
            let element = u16::try_from(last).expect("a page has fewer than 2^16 elements");
            self.fail(page.id(), Flaw::KeyRange { element });
        }
    }

    fn children_of(&mut self, page: &Page, less_than: Option<&Bytes>, depth: usize) {
        for index in (0..page.count()).rev() {
            let last = index + 1 == page.count();
            self.ahead.push(Step {
                root: Root::At(page.child(index)),
                at_least: Some(page.key(index)),
                less_than: if last { less_than.cloned() } else { Some(page.key(index + 1)) },
                depth,
            });
        }
    }

    fn buckets_of(&mut self, page: &Page) {
        for index in (0..page.count()).rev().filter(|index| page.is_bucket(*index)) {
            match parse(page, index) {
                Ok((root, _)) => {
                    self.ahead.push(Step { root, at_least: None, less_than: None, depth: 0 });
                }
                Err(flaw) => self.fail(page.id(), flaw),
            }
        }
    }

    fn every_page_is_used_or_free(&mut self) {
        let meta = *self.database.meta();
        if meta.freelist.is_none() {
            return;
        }
        for id in 0..meta.pages {
            if !self.used.get(id) && !self.freed.get(id) {
                self.fail(id, Flaw::Lost);
            }
        }
    }

    /// An error of the file is a failure of the check; an error of the source ends it.
    fn note(&mut self, asked: u64, error: ReadError<S::Error>) -> Result<(), S::Error> {
        match error {
            ReadError::Source(error) => return Err(error),
            ReadError::Corrupt { page, flaw } => self.fail(page, flaw),
            ReadError::NotADatabase | ReadError::Version { .. } | ReadError::CutShort { .. } => {
                self.fail(asked, Flaw::OutOfRange);
            }
        }
        Ok(())
    }

    fn fail(&mut self, page: u64, flaw: Flaw) {
        if self.failures.len() < FAILURES_MAX {
            self.failures.push(CheckFailure { page, flaw });
        }
    }
}

/// One bit a page.
struct Bits(Vec<u64>);

impl Bits {
    fn new(pages: u64) -> Bits {
        // The file is at least `pages * PAGE_BYTES_MIN` long, so that this is 1/8192 of it.
        let words = usize::try_from(pages.div_ceil(64)).expect("the pages of a file fit in memory");
        Bits(vec![0; words])
    }

    /// Sets a bit; whether it was clear before.
    fn set(&mut self, page: u64) -> bool {
        let (word, bit) = Bits::place(page);
        assert!(word < self.0.len(), "page {page} lies beyond the file");
        let clear = self.0[word] & bit == 0;
        self.0[word] |= bit;
        clear
    }

    fn get(&self, page: u64) -> bool {
        let (word, bit) = Bits::place(page);
        self.0.get(word).is_some_and(|bits| bits & bit != 0)
    }

    fn place(page: u64) -> (usize, u64) {
        (usize::try_from(page / 64).unwrap_or(usize::MAX), 1 << (page % 64))
    }
}
