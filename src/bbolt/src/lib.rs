//! The snapshot file: a bbolt database, written and read page by page.
//!
//! etcd keeps its state in one bbolt file and sends that file wherever a state travels: to a
//! client that makes a backup, to a member that lags, to a restore. This crate writes such a file
//! without ever holding it, and reads any that bbolt wrote.
//!
//! What it promises:
//! - **Writing takes two passes and bounded memory.** A [`Planner`] is told the lengths of all
//!   keys and values and answers how many pages there will be; a [`Writer`] is then given the same
//!   entries and hands out the file front to back in [chunks](Writer::chunk). It holds one page a
//!   level of the tree, whatever the size of the file.
//! - **Reading trusts nothing.** Every offset, length and page number of a file is checked before
//!   it is used; a malformed page is an error that names it, never a panic, an endless loop or an
//!   allocation beyond the file's own length.
//! - **[`check`] is at least as strict as bbolt's own check**: reachability, double use, key order
//!   within pages and between parents and children, the free list.
//!
//! What it never does: it opens no file (bytes come through [`ReadAt`] and leave as chunks), it
//! changes no existing file in place, and it neither adds nor checks the SHA-256 that follows the
//! pages of a client's snapshot, which belongs to whoever moves the file.
//!
//! [`etcd_layout`] says what etcd keeps in those buckets, and computes its hashes.
#![no_std]
extern crate alloc;

pub mod etcd_layout;
mod format;
mod read;
mod write;

pub use format::{KEY_BYTES_MAX, PAGE_BYTES, VALUE_BYTES_MAX};
pub use read::check::{CheckFailure, check};
pub use read::cursor::{Cursor, Entry};
pub use read::database::{Bucket, Database};
pub use read::error::{Flaw, ReadError};
pub use read::meta::Meta;
pub use read::source::{OutOfBounds, ReadAt};
pub use write::error::WriteError;
pub use write::plan::{Plan, Planner};
pub use write::writer::{CHUNK_BYTES, Writer};
