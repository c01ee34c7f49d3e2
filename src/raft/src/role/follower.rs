//! A follower: obeys a leader, or waits for one. Learners are followers that never campaign.

use alloc::collections::VecDeque;

use base::{Instant, MemberId};
use bytes::Bytes;

/// Follower state; nothing of it is durable.
#[derive(Clone, Debug)]
pub struct Follower {
    /// The leader of this term, once heard.
    pub leader: Option<MemberId>,
    /// When the leader was last heard; meaningful with a leader only.
    pub heard: Instant,
    /// When to campaign if the leader stays silent.
    pub deadline: Instant,
    /// Reads that were forwarded to the leader and not answered, oldest first.
    pub reads: VecDeque<Bytes>,
}
