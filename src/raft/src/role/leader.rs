//! A leader: what it knows of the others, and what it waits for.

use alloc::collections::{BTreeMap, BTreeSet};

use base::{Index, Instant, MemberId};

use crate::progress::Progress;
use crate::read::Reads;

/// Leader state; reinitialised with every election.
#[derive(Clone, Debug)]
pub struct Leader {
    /// The other members. Invariant: exactly those of the active configuration.
    pub progress: BTreeMap<MemberId, Progress>,
    /// Reads that wait for confirmation.
    pub reads: Reads,
    /// When the next heartbeat is due.
    pub heartbeat_at: Instant,
    /// A heartbeat goes to everyone with the next output.
    pub heartbeat_due: bool,
    /// When to check that a quorum still answers.
    pub quorum_at: Instant,
    /// Leadership is being handed over.
    pub transfer: Option<Transfer>,
    /// Payload bytes appended and not committed.
    pub uncommitted_bytes: usize,
    /// A change in the log will take this leader's vote. Nothing is appended behind it: else this
    /// log could stay longer than any voter's, and those that have not learned yet that the change
    /// is committed could neither do without this member's vote nor get it.
    pub leaving: bool,
    /// This leader is no voter any more and is about to step down.
    pub farewell: Option<Farewell>,
}

/// Leadership is being handed over; proposals are refused meanwhile.
#[derive(Clone, Copy, Debug)]
pub struct Transfer {
    /// To whom.
    pub to: MemberId,
    /// When it is given up.
    pub deadline: Instant,
    /// Whether the transferee was told to campaign.
    pub told: bool,
}

/// A leader that applied its own removal tells a majority that the removal is committed before it
/// steps down (V-a); else they might have to elect without knowing.
#[derive(Clone, Debug)]
pub struct Farewell {
    /// The commit index to be told.
    pub index: Index,
    /// The number of the first heartbeat that told it, for each follower.
    pub sent: BTreeMap<MemberId, u64>,
    /// Who has confirmed such a heartbeat.
    pub told: BTreeSet<MemberId>,
}

impl Farewell {
    /// Nobody was told yet.
    pub fn new(index: Index) -> Farewell {
        Farewell { index, sent: BTreeMap::new(), told: BTreeSet::new() }
    }
}
