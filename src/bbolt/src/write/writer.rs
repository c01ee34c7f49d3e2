//! The second pass: entries in, the file out, front to back.
//!
//! The bytes that come out depend on the entries alone: two members with the same state write the
//! same file.

use alloc::vec::Vec;
use bytes::{BufMut, Bytes};

use super::error::WriteError;
use super::leaf::{OpenLeaf, Pair};
use super::plan::{FIRST_PAGE, Plan, accept_lengths};
use super::stream::Stream;
use super::tree::{Child, Pages, Tree};
use crate::format::{BUCKET_HEADER, ELEMENT_BUCKET};

/// Chunks are at least this long, but for the last; a longer one is due to one large value.
pub const CHUNK_BYTES: usize = 64 * 1024;

/// Writes the file that a [`Plan`] was made for.
///
/// Give it the same buckets and entries in the same order as the planner, and after each call take
/// what is ready with [`chunk`](Writer::chunk): it holds finished chunks until they are taken.
#[derive(Debug)]
pub struct Writer {
    plan: Plan,
    stream: Stream,
    root: Grower,
    bucket: Option<(Vec<u8>, Grower)>,
    finished: bool,
}

impl Writer {
    /// A writer whose first pages are ready to be taken.
    #[must_use]
    pub fn new(plan: Plan) -> Writer {
        Writer::with_chunk_bytes(plan, CHUNK_BYTES)
    }

    /// As [`new`](Writer::new), with chunks of at least `chunk_bytes`.
    #[must_use]
    pub fn with_chunk_bytes(plan: Plan, chunk_bytes: usize) -> Writer {
        let mut stream = Stream::new(chunk_bytes);
        stream.preamble(&plan);
        assert_eq!(stream.next_page(), FIRST_PAGE, "the trees begin behind the preamble");
        Writer { plan, stream, root: Grower::new(), bucket: None, finished: false }
    }

    /// Begins the next bucket; names must ascend.
    ///
    /// # Errors
    /// When the name is out of order or of a length that bbolt has no room for, or when the file
    /// has outgrown its plan.
    pub fn bucket(&mut self, name: &[u8]) -> Result<(), WriteError> {
        accept_lengths(name.len(), BUCKET_HEADER)?;
        if let Some((before, _)) = &self.bucket
            && before.as_slice() >= name
        {
            return Err(WriteError::OutOfOrder { position: self.root.items + 1 });
        }
        self.close_bucket()?;
        self.bucket = Some((name.to_vec(), Grower::new()));
        Ok(())
    }

    /// Writes the next entry of the bucket; keys must ascend.
    ///
    /// # Errors
    /// When the entry is out of order or of a length that bbolt has no room for, when no bucket
    /// has begun, or when the file has outgrown its plan.
    pub fn entry(&mut self, key: &[u8], value: &[u8]) -> Result<(), WriteError> {
        accept_lengths(key.len(), value.len())?;
        let (_, tree) = self.bucket.as_mut().ok_or(WriteError::NoBucket)?;
        tree.push(&Pair { flags: 0, key, value }, &mut self.stream)?;
        self.within_plan()
    }

    /// Closes the tree. What [`chunk`](Writer::chunk) returns from now on is the rest of the file.
    ///
    /// # Errors
    /// When the entries were not those of the plan.
    pub fn finish(&mut self) -> Result<(), WriteError> {
        assert!(!self.finished, "a file of {} pages was finished twice", self.plan.pages);
        self.close_bucket()?;
        let root = core::mem::replace(&mut self.root, Grower::new()).finish(&mut self.stream);
        let written = self.stream.next_page();
        if root != self.plan.root || written != self.plan.pages {
            return Err(self.not_as_planned());
        }
        self.stream.flush();
        self.finished = true;
        Ok(())
    }

    /// The next chunk of the file, if one is ready.
    pub fn chunk(&mut self) -> Option<Bytes> {
        self.stream.take()
    }

    fn close_bucket(&mut self) -> Result<(), WriteError> {
        let Some((name, tree)) = self.bucket.take() else { return Ok(()) };
        let page = tree.finish(&mut self.stream);
        let mut value = Vec::with_capacity(BUCKET_HEADER);
        value.put_u64_le(page);
        value.put_u64_le(0);
        let pair = Pair { flags: ELEMENT_BUCKET, key: &name, value: &value };
        self.root.push(&pair, &mut self.stream)?;
        self.within_plan()
    }

    fn within_plan(&self) -> Result<(), WriteError> {
        if self.stream.next_page() >= self.plan.pages {
            return Err(self.not_as_planned());
        }
        Ok(())
    }

    fn not_as_planned(&self) -> WriteError {
        WriteError::NotAsPlanned {
            pages_planned: self.plan.pages,
            pages_written: self.stream.next_page(),
        }
    }
}

/// A tree that is being written, and its open leaf.
#[derive(Debug)]
struct Grower {
    tree: Tree<Bytes>,
    leaf: OpenLeaf,
    last: Vec<u8>,
    items: u64,
}

impl Grower {
    fn new() -> Grower {
        Grower { tree: Tree::new(), leaf: OpenLeaf::default(), last: Vec::new(), items: 0 }
    }

    fn push(&mut self, pair: &Pair<'_>, stream: &mut Stream) -> Result<(), WriteError> {
        if self.last.as_slice() >= pair.key {
            return Err(WriteError::OutOfOrder { position: self.items });
        }
        self.last.clear();
        self.last.extend_from_slice(pair.key);
        self.items += 1;
        self.tree.push(pair, &mut Press { stream, leaf: &mut self.leaf });
        Ok(())
    }

    fn finish(mut self, stream: &mut Stream) -> u64 {
        self.tree.finish(&mut Press { stream, leaf: &mut self.leaf })
    }
}

/// Puts the pages of one tree into the stream.
struct Press<'a> {
    stream: &'a mut Stream,
    leaf: &'a mut OpenLeaf,
}

impl<'p> Pages<Pair<'p>> for Press<'_> {
    fn item(&mut self, item: &Pair<'p>) {
        self.leaf.push(item);
    }

    fn leaf(&mut self, span: u64) -> u64 {
        self.stream.leaf(span, self.leaf)
    }

    fn branch(&mut self, span: u64, children: &[Child<Bytes>]) -> u64 {
        self.stream.branch(span, children)
    }
}
