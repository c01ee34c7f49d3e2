//! A file opened for reading, and its buckets.

use bytes::Bytes;

use super::cursor::Cursor;
use super::error::{Flaw, ReadError};
use super::meta::Meta;
use super::page::Page;
use super::source::ReadAt;
use crate::format::{BUCKET_HEADER, PAGE_HEADER, u64_at};

/// A tree deeper than this needs more pages than a file can have, since bbolt splits pages in two.
pub(crate) const DEPTH_MAX: usize = 64;

/// A bbolt file, seen at its newest valid transaction. Reading changes nothing.
#[derive(Debug)]
pub struct Database<S> {
    source: S,
    meta: Meta,
}

/// A bucket of a file: keys in ascending order, each with a value or a bucket.
#[derive(Debug)]
pub struct Bucket<'a, S> {
    database: &'a Database<S>,
    root: Root,
    sequence: u64,
}

/// Where a bucket's tree begins.
#[derive(Clone, Debug)]
pub(crate) enum Root {
    /// On a page of its own.
    At(u64),
    /// Within the entry that names the bucket.
    Inline(Page),
}

impl<S: ReadAt> Database<S> {
    /// Opens the file at its newest valid meta page. Bytes behind its last page (a snapshot's
    /// SHA-256) are left alone.
    ///
    /// # Errors
    /// When there is no valid meta page or the file is shorter than the meta page says.
    pub fn open(source: S) -> Result<Database<S>, ReadError<S::Error>> {
        let meta = Meta::find(&source)?;
        Ok(Database { source, meta })
    }

    /// The meta page that counts.
    #[must_use]
    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// How long the file is without what follows its pages.
    #[must_use]
    pub fn file_bytes(&self) -> u64 {
        self.meta.file_bytes()
    }

    /// The bytes themselves.
    #[must_use]
    pub fn source(&self) -> &S {
        &self.source
    }

    /// The bucket of buckets.
    #[must_use]
    pub fn root(&self) -> Bucket<'_, S> {
        Bucket { database: self, root: Root::At(self.meta.root), sequence: 0 }
    }

    /// The bucket with this name at the top of the file, if there is one.
    ///
    /// # Errors
    /// When a page on the way is corrupt.
    pub fn bucket(&self, name: &[u8]) -> Result<Option<Bucket<'_, S>>, ReadError<S::Error>> {
        self.root().bucket(name)
    }

    pub(crate) fn page(&self, id: u64) -> Result<Page, ReadError<S::Error>> {
        Page::read(&self.source, &self.meta, id)
    }
}

impl<'a, S: ReadAt> Bucket<'a, S> {
    /// The counter that bbolt keeps in each bucket; etcd does not use it.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    /// A cursor before the first entry.
    #[must_use]
    pub fn entries(&self) -> Cursor<'a, S> {
        Cursor::new(self.database, self.root.clone())
    }

    /// The value of a key; `None` when there is none, or when it names a bucket.
    ///
    /// # Errors
    /// When a page on the way is corrupt.
    pub fn get(&self, key: &[u8]) -> Result<Option<Bytes>, ReadError<S::Error>> {
        let found = self.find(key)?;
        Ok(found.filter(|(leaf, at)| !leaf.is_bucket(*at)).map(|(leaf, at)| leaf.value(at)))
    }

    /// The bucket with this name within this one, if there is one.
    ///
    /// # Errors
    /// When a page on the way is corrupt, or the entry is no sound bucket.
    pub fn bucket(&self, name: &[u8]) -> Result<Option<Bucket<'a, S>>, ReadError<S::Error>> {
        match self.find(name)? {
            Some((leaf, at)) if leaf.is_bucket(at) => {
                let (root, sequence) = parse(&leaf, at)
                    .map_err(|flaw| ReadError::Corrupt { page: leaf.id(), flaw })?;
                Ok(Some(Bucket { database: self.database, root, sequence }))
            }
            _ => Ok(None),
        }
    }

    /// The leaf that has the key, and where.
    fn find(&self, key: &[u8]) -> Result<Option<(Page, usize)>, ReadError<S::Error>> {
        let mut page = match &self.root {
            Root::At(id) => self.database.page(*id)?,
            Root::Inline(page) => page.clone(),
        };
        for _ in 0..DEPTH_MAX {
            let (at, exact) = page.search(key);
            if page.is_leaf() {
                return Ok(exact.then_some((page, at)));
            }
            // A separator is the least key below it; what is less than all goes to the first.
            let child = if exact { at } else { at.saturating_sub(1) };
            page = self.database.page(page.child(child))?;
        }
        Err(ReadError::Corrupt { page: page.id(), flaw: Flaw::TooDeep })
    }
}

/// The bucket that a leaf's element holds: its root and its sequence.
pub(crate) fn parse(leaf: &Page, at: usize) -> Result<(Root, u64), Flaw> {
    assert!(leaf.is_bucket(at), "element {at} of page {} is a bucket", leaf.id());
    let value = leaf.value(at);
    let element = u16::try_from(at).expect("a page has fewer than 2^16 elements");
    if value.len() < BUCKET_HEADER {
        return Err(Flaw::ShortBucket { element });
    }
    let (root, sequence) = (u64_at(&value, 0), u64_at(&value, 8));
    if root != 0 {
        return Ok((Root::At(root), sequence));
    }
    let inline = value.slice(BUCKET_HEADER..);
    if inline.len() < PAGE_HEADER {
        return Err(Flaw::ShortBucket { element });
    }
    Ok((Root::Inline(Page::inline(inline)?), sequence))
}
