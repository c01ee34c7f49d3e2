//! Reading: the source of bytes, meta pages, pages, buckets, cursors and the full check.

pub mod check;
pub mod cursor;
pub mod database;
pub mod error;
pub(crate) mod freelist;
pub mod meta;
pub(crate) mod page;
pub mod source;
