//! A candidate, or one that asks first whether an election would succeed (§9.6 of the
//! dissertation).

use alloc::collections::BTreeMap;

use base::{Instant, MemberId};

/// Candidate state.
#[derive(Clone, Debug)]
pub struct Candidate {
    /// Only asking; the term is not entered yet.
    pub pre: bool,
    /// Who answered what. Only voters of the active configuration are counted (M08).
    pub votes: BTreeMap<MemberId, bool>,
    /// When to start over.
    pub deadline: Instant,
}
