//! Checkers of recorded histories. Each is told what clients saw and says which rule it breaks.
//!
//! Rules are named as in the catalogue of the simulator: V for reads and writes, W for watches. A
//! checker knows messages and the oracle; it never looks into a member.

pub mod linearizable;
mod log;
mod read;
mod register;
mod search;
mod summary;
pub mod watch;

use alloc::string::String;
use core::fmt;

pub use log::LogChecker;
pub use read::{Read, ReadChecker};

/// A broken rule, with the values that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule's identifier, such as `W4`.
    pub rule: &'static str,
    /// What was seen and what the rule wants.
    pub detail: String,
}

impl Violation {
    /// The refusal of a rule as a result, to return early with.
    ///
    /// # Errors
    /// Always.
    pub fn of<T>(rule: &'static str, detail: String) -> Result<T, Violation> {
        Err(Violation { rule, detail })
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.rule, self.detail)
    }
}

impl core::error::Error for Violation {}
