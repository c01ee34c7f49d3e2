//! Revisions, the key index, range and transaction evaluation, compaction and hashes.
#![no_std]
extern crate alloc;

pub mod backend;

pub use backend::{Backend, BackendError, BackendSnapshot, Change, Scan};
