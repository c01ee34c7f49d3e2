//! The naive oracle, the request generator, the history checkers and the answer normaliser.
//!
//! Everything here judges an implementation from outside: it knows the messages and the rules of
//! etcd, never the code that is judged. So nothing in this crate may depend on the crates that
//! store, apply or replicate. It is pure: no clock, no entropy, no I/O; a seed decides everything.
#![no_std]
extern crate alloc;

pub mod audit;
pub mod check;
mod error;
pub mod generator;
mod interval;
pub mod mutate;
pub mod normalise;
pub mod oracle;
pub mod rename;
pub mod schema;

pub use audit::{Audit, REQUESTS};
pub use error::Error;
pub use generator::{Generator, Weights};
pub use interval::contains;
pub use normalise::Normalise;
pub use oracle::{Oracle, Reply, Response, Settings};
