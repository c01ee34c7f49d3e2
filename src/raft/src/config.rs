//! What a member is told when it starts: its limits, and what it found on its disk.

use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use base::{Index, MemberId, Term};

use crate::configuration::ConfChange;
use crate::entry::{ConfState, Entry, EntryKind, HardState};

/// Reads a configuration change out of an entry's payload; `None` when it is not one.
pub type Decode = fn(EntryKind, &[u8]) -> Option<ConfChange>;

/// Limits and switches of one member. Members of one cluster may differ in all but the id rule.
#[derive(Clone)]
pub struct Config {
    /// This member. Never zero.
    pub id: MemberId,
    /// The least time without a leader before a campaign; the actual time is drawn anew each time
    /// from `election_timeout..2 * election_timeout`. Also the leader's lease.
    pub election_timeout: Duration,
    /// Time between two heartbeats; below `election_timeout`.
    pub heartbeat_interval: Duration,
    /// Ask before campaigning, so that a member that comes back does not depose a leader.
    pub pre_vote: bool,
    /// A leader that hears no quorum for an `election_timeout` steps down, and voters that hear a
    /// leader refuse votes.
    pub check_quorum: bool,
    /// Bytes of entries in one `Append` message; one entry is always sent.
    pub append_bytes_max: usize,
    /// Entries in one `Append` message.
    pub append_entries_max: usize,
    /// `Append` messages on their way to one follower.
    pub inflight_max: usize,
    /// Bytes of entries on their way to one follower.
    pub inflight_bytes_max: usize,
    /// Bytes of payload that a leader holds uncommitted before it refuses proposals.
    pub uncommitted_bytes_max: usize,
    /// Bytes of entries kept in memory once they are durable and committed.
    pub cache_bytes_max: usize,
    /// Bytes of entries handed to the applier and not yet applied; one entry is always handed out.
    pub committed_bytes_max: usize,
    /// Decides the election timeouts; give each member of a cluster another one.
    pub seed: u64,
    /// How the driver encodes configuration changes.
    pub decode: Decode,
}

impl Config {
    /// etcd's settings for member `id`.
    #[must_use]
    pub fn new(id: MemberId, seed: u64, decode: Decode) -> Config {
        Config {
            id,
            election_timeout: Duration::from_millis(1_000),
            heartbeat_interval: Duration::from_millis(100),
            pre_vote: true,
            check_quorum: true,
            append_bytes_max: 1 << 20,
            append_entries_max: 4_096,
            inflight_max: 512,
            inflight_bytes_max: 64 << 20,
            uncommitted_bytes_max: 64 << 20,
            cache_bytes_max: 32 << 20,
            committed_bytes_max: 4 << 20,
            seed,
            decode,
        }
    }

    /// Panics when the settings contradict each other.
    pub(crate) fn check(&self) {
        let (election, heartbeat) = (self.election_timeout, self.heartbeat_interval);
        assert!(!self.id.is_zero(), "a member needs an id");
        assert!(!heartbeat.is_zero(), "heartbeat_interval is zero");
        assert!(heartbeat < election, "heartbeat {heartbeat:?} not below election {election:?}");
        assert!(self.append_entries_max > 0, "append_entries_max is zero");
        assert!(self.inflight_max > 0, "inflight_max is zero");
        assert!(self.inflight_bytes_max > 0, "inflight_bytes_max is zero");
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("id", &self.id).finish_non_exhaustive()
    }
}

/// What recovery found.
#[derive(Clone, Debug, Default)]
pub struct Boot {
    /// The last durable hard state.
    pub hard_state: HardState,
    /// The configuration as of `applied`.
    pub conf_state: ConfState,
    /// The log begins behind this entry; zeros when nothing was ever released.
    pub snapshot: (Index, Term),
    /// Every entry behind `snapshot`, contiguous. The core keeps what its cache allows and asks
    /// for the rest again when a follower or the applier needs it.
    pub entries: Vec<Entry>,
    /// The last entry whose effect the state machine holds durably; at least `snapshot`.
    pub applied: Index,
    /// Set when the end of the log was damaged and recovery cannot tell a torn write from a
    /// durable entry that was lost: the highest index that may have been durable. Such a member
    /// neither votes nor campaigns on what it may have lost until a leader has caught it up.
    pub suspect: Option<Index>,
}
