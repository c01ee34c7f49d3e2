//! Which test shows each RPC, each field of each request and answer, and each error.
//!
//! What the recordings show is measured: they are replayed against Cairn by
//! `tests/tests/recorded.rs`,
//! so a field that was varied or set there, and an error that was answered there, is compared with
//! etcd. For the rest a list names the test; that the test exists is checked. What can neither be
//! measured nor named is a hole.

mod index;
mod measured;
mod table;

pub use index::Index;
pub use measured::Measured;
pub use table::{Section, Table};
