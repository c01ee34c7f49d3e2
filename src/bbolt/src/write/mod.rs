//! Writing: the plan, the tree that both passes build, and the stream of pages.

pub mod error;
pub(crate) mod leaf;
pub mod plan;
pub(crate) mod stream;
pub(crate) mod tree;
pub mod writer;
