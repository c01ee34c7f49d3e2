//! Counting: what a quorum has reached, and how a vote stands. Knows members and numbers only.
//!
//! A joint quorum needs a majority of both halves (§6), so any two configurations that follow each
//! other have quorums that intersect (R14).

mod joint;
mod majority;

pub use joint::Joint;
pub use majority::Majority;

/// How a vote stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tally {
    /// Open: neither side can be sure yet.
    Pending,
    /// A quorum said yes.
    Won,
    /// So many said no that no quorum can say yes any more.
    Lost,
}

#[cfg(test)]
mod tests;
