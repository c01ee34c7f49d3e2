//! The shape of a bucket's tree, decided from lengths alone, so that the plan and the writer
//! cannot disagree: both run this code, one over lengths, the other over bytes.
//!
//! Pages leave in *post-order*: a leaf when it is full, a branch page when its last child has
//! left. A page therefore only ever refers to pages before it, needs no number that is not known
//! yet, and one page a level is all that is held.
//!
//! Invariants: a page is closed before the item that would overflow it (only a single large item
//! makes a page longer than [`PAGE_BYTES`]); every branch page has at least two children, because
//! a full one keeps its last child back for the next.

use alloc::vec::Vec;

use crate::format::{BRANCH_ELEMENT, LEAF_ELEMENT, PAGE_BYTES, PAGE_HEADER};

/// A tree of this depth would hold more pages than a file can have.
const DEPTH_MAX: usize = 64;

/// What is known of a key: its length while planning, its bytes while writing.
pub trait Key: Clone {
    /// The length in bytes.
    fn key_bytes(&self) -> usize;
}

/// One entry of a leaf, as much of it as this pass knows.
pub trait Item {
    /// What separators are made of.
    type Key: Key;
    /// The length of the key.
    fn key_bytes(&self) -> usize;
    /// The length of the value.
    fn value_bytes(&self) -> usize;
    /// The key, kept when it is the first of its page.
    fn key(&self) -> Self::Key;
}

/// A child of a branch page.
#[derive(Clone, Debug)]
pub struct Child<K> {
    /// The first key below it.
    pub key: K,
    /// Its page.
    pub page: u64,
}

/// Where pages go as they are closed. The implementor numbers them in the order of the calls.
pub trait Pages<I: Item> {
    /// Adds an item to the open leaf.
    fn item(&mut self, item: &I);
    /// Closes the open leaf, which extends over `span` pages, and returns its number.
    fn leaf(&mut self, span: u64) -> u64;
    /// Writes a branch page and returns its number.
    fn branch(&mut self, span: u64, children: &[Child<I::Key>]) -> u64;
}

/// The tree of one bucket under construction.
#[derive(Debug)]
pub struct Tree<K> {
    leaf_first: Option<K>,
    leaf_bytes: usize,
    levels: Vec<Level<K>>,
}

#[derive(Debug)]
struct Level<K> {
    children: Vec<Child<K>>,
    bytes: usize,
}

impl<K: Key> Tree<K> {
    /// A tree with nothing in it.
    pub fn new() -> Tree<K> {
        Tree { leaf_first: None, leaf_bytes: PAGE_HEADER, levels: Vec::new() }
    }

    /// Adds the item behind all others, closing what is full before it.
    pub fn push<I: Item<Key = K>>(&mut self, item: &I, pages: &mut impl Pages<I>) {
        let bytes = LEAF_ELEMENT + item.key_bytes() + item.value_bytes();
        if self.leaf_first.is_some() && self.leaf_bytes + bytes > PAGE_BYTES {
            self.close_leaf(pages);
        }
        if self.leaf_first.is_none() {
            self.leaf_first = Some(item.key());
        }
        self.leaf_bytes += bytes;
        pages.item(item);
    }

    /// Closes every open page and returns the root.
    pub fn finish<I: Item<Key = K>>(mut self, pages: &mut impl Pages<I>) -> u64 {
        if self.leaf_first.is_none() {
            assert!(self.levels.is_empty(), "a leaf is open from the first item on");
            return pages.leaf(1);
        }
        self.close_leaf(pages);
        let mut depth = 0;
        loop {
            assert!(depth < self.levels.len(), "level {depth} has no children to close");
            let children = &self.levels[depth].children;
            let top = depth + 1 == self.levels.len();
            if let (true, [only]) = (top, children.as_slice()) {
                return only.page;
            }
            let kept = core::mem::take(&mut self.levels[depth].children);
            let parent = Level::close(self.levels[depth].bytes, &kept, pages);
            self.add_child(depth + 1, parent, pages);
            depth += 1;
        }
    }

    fn close_leaf<I: Item<Key = K>>(&mut self, pages: &mut impl Pages<I>) {
        let key = self.leaf_first.take().expect("only a leaf with items is closed");
        let page = pages.leaf(span(self.leaf_bytes));
        self.leaf_bytes = PAGE_HEADER;
        self.add_child(0, Child { key, page }, pages);
    }

    /// Adds a child at `depth`, closing full branch pages from there upwards.
    fn add_child<I: Item<Key = K>>(
        &mut self,
        mut depth: usize,
        mut child: Child<K>,
        pages: &mut impl Pages<I>,
    ) {
        loop {
            assert!(depth < DEPTH_MAX, "tree of depth {depth}");
            if depth == self.levels.len() {
                self.levels.push(Level::new());
            }
            match self.levels[depth].add(child, pages) {
                Some(parent) => child = parent,
                None => return,
            }
            depth += 1;
        }
    }
}

impl<K: Key> Level<K> {
    fn new() -> Level<K> {
        Level { children: Vec::new(), bytes: PAGE_HEADER }
    }

    /// Adds a child; when the page was full, returns that page as a child of the level above.
    fn add<I: Item<Key = K>>(
        &mut self,
        child: Child<K>,
        pages: &mut impl Pages<I>,
    ) -> Option<Child<K>> {
        let bytes = BRANCH_ELEMENT + child.key.key_bytes();
        let full = self.children.len() >= 3 && self.bytes + bytes > PAGE_BYTES;
        let parent = full.then(|| self.close_all_but_last(pages));
        self.bytes += bytes;
        self.children.push(child);
        parent
    }

    fn close_all_but_last<I: Item<Key = K>>(&mut self, pages: &mut impl Pages<I>) -> Child<K> {
        let last = self.children.pop().expect("a full page has children");
        let last_bytes = BRANCH_ELEMENT + last.key.key_bytes();
        let parent = Level::close(self.bytes - last_bytes, &self.children, pages);
        self.children.clear();
        self.children.push(last);
        self.bytes = PAGE_HEADER + last_bytes;
        parent
    }

    fn close<I: Item<Key = K>>(
        bytes: usize,
        children: &[Child<K>],
        pages: &mut impl Pages<I>,
    ) -> Child<K> {
        assert!(children.len() >= 2, "branch page with {} children", children.len());
        let page = pages.branch(span(bytes), children);
        assert!(
            children.iter().all(|child| child.page < page),
            "branch page {page} before its children"
        );
        Child { key: children[0].key.clone(), page }
    }
}

/// How many pages `bytes` need.
fn span(bytes: usize) -> u64 {
    let span = bytes.div_ceil(PAGE_BYTES) as u64;
    assert!(span >= 1, "page of {bytes} bytes");
    span
}
