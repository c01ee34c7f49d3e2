//! What a member is told at start: who it is, with whom it forms a cluster, its limits and times.

use std::time::Duration;

use crate::auth::TokenKind;

/// Extreme values that the simulator draws stand beside each default.
mod limits {
    base::knobs! {
        /// Numeric limits of one member.
        pub struct Knobs {
            /// Entries in one append message.
            append_entries_max: usize = 4096, test 1..=3;
            /// Append messages in flight to one follower.
            inflight_max: usize = 512, test 1..=2;
            /// Bytes of a log segment.
            segment_bytes: u64 = 64_000_000, test 2048..=8192;
            /// Bytes of the file that is held back for a full disk.
            reserve_bytes: u64 = 32 << 20, test 0..=8192;
            /// Bytes left on the disk below which what gains space is refused.
            space_low_bytes: u64 = 64 << 20, test 1..=16384;
            /// Applied entries between checkpoints.
            checkpoint_entries: u64 = 10_000, test 1..=10;
            /// Entries behind a checkpoint that are kept for followers that lag.
            catch_up_entries: u64 = 5_000, test 0..=10;
            /// Bytes of log files, reserved space included, that may be kept for followers.
            log_bytes_max: u64 = 1 << 30, test 16_384..=65_536;
            /// Snapshots that are sent to followers at a time.
            snapshots_sending_max: usize = 2, test 1..=1;
            /// Bytes of log entries kept in memory.
            log_cache_bytes: usize = 16 << 20, test 1..=4096;
            /// Bytes of events in one watch stream's queue.
            watch_queue_bytes: usize = 1 << 20, test 1..=64;
            /// Index keys that one compaction slice visits.
            compaction_keys_max: usize = 256, test 1..=2;
            /// Time between two compaction slices while there is nothing to apply.
            compaction_pause_us: u64 = 1_000, test 1..=50_000;
            /// Entries applied in one batch.
            apply_entries_max: usize = 1024, test 1..=1;
            /// Bytes of revisions that are applied but not in the backend.
            unflushed_bytes_max: usize = 64 << 20, test 512..=4096;
            /// Bytes of revisions that start a flush.
            flush_bytes: usize = 8 << 20, test 1..=512;
            /// Committed but unapplied entries beyond which proposals are refused.
            apply_lag_max: u64 = 5_000, test 64..=256;
            /// Messages in one queue between tasks.
            queue_items_max: usize = 4096, test 64..=128;
            /// Bytes of a snapshot's file in one piece, about.
            snapshot_chunk_bytes: usize = 64 << 10, test 4096..=8192;
            /// Clients that take a snapshot at a time.
            snapshot_streams_max: usize = 8, test 1..=2;
        }
    }
}

pub use limits::Knobs;

/// A member as the initial configuration names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InitialMember {
    /// The name in `--initial-cluster`.
    pub name: String,
    /// Its peer URLs.
    pub peer_urls: Vec<String>,
}

/// How a member without data starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InitialState {
    /// All members of `initial_cluster` start together.
    New,
    /// The cluster runs and has added this member; its ids come from the running members.
    Existing,
}

/// Everything a member is told.
#[derive(Clone, Debug)]
pub struct NodeConfig {
    /// This member's name; a key of `initial_cluster`.
    pub name: String,
    /// The members of a new cluster, or those known to an added member.
    pub initial_cluster: Vec<InitialMember>,
    /// Mixed into the ids of a new cluster.
    pub cluster_token: String,
    /// New or existing.
    pub initial_state: InitialState,
    /// Client URLs to publish.
    pub client_urls: Vec<String>,
    /// Time without a leader before an election.
    pub election_timeout: Duration,
    /// Time between heartbeats.
    pub heartbeat_interval: Duration,
    /// Whether a member asks before it raises its term.
    pub pre_vote: bool,
    /// Largest request that is proposed, in bytes.
    pub max_request_bytes: usize,
    /// Operations in one transaction.
    pub max_txn_ops: usize,
    /// Logical bytes of the store before writes are refused; `None` for no quota.
    pub quota_bytes: Option<i64>,
    /// Refuse membership changes that would lose the quorum.
    pub strict_reconfig_check: bool,
    /// Learners at a time.
    pub max_learners: usize,
    /// Automatic compaction.
    pub auto_compaction: AutoCompaction,
    /// Time between progress notifications.
    pub watch_progress_interval: Duration,
    /// Time between two records of what remains of a lease; `None` for none.
    pub lease_checkpoint_interval: Option<Duration>,
    /// Time between two looks whether a downgrade is complete; zero for none.
    pub downgrade_check_interval: Duration,
    /// Comparisons with the other members.
    pub corruption: CorruptionChecks,
    /// Tokens of users.
    pub tokens: TokenKind,
    /// How much work a password's hash is, as a power of two; ten when it is not within 4 to 31.
    pub bcrypt_cost: u32,
    /// Whether the log is synced; without it a crash loses acknowledged writes.
    pub fsync: bool,
    /// Limits.
    pub knobs: Knobs,
    /// Limits of the store.
    pub store: mvcc::Knobs,
}

/// When members compare what they hold; by default never.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CorruptionChecks {
    /// Before a member that has data takes part.
    pub at_start: bool,
    /// Whether the leader compares the hashes of compactions.
    pub of_compactions: bool,
    /// Time between two looks at those.
    pub compactions_every: Duration,
    /// Time between two looks of the leader at everything; zero for none.
    pub everything_every: Duration,
}

impl Default for CorruptionChecks {
    fn default() -> CorruptionChecks {
        CorruptionChecks {
            at_start: false,
            of_compactions: false,
            compactions_every: Duration::from_secs(60),
            everything_every: Duration::ZERO,
        }
    }
}

/// What the leader compacts by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AutoCompaction {
    /// Nothing.
    Off,
    /// What is older than this.
    Periodic(Duration),
    /// All but this many revisions.
    Revision(i64),
}

impl Default for NodeConfig {
    fn default() -> NodeConfig {
        NodeConfig {
            name: "default".into(),
            initial_cluster: vec![InitialMember {
                name: "default".into(),
                peer_urls: vec!["http://localhost:2380".into()],
            }],
            cluster_token: "etcd-cluster".into(),
            initial_state: InitialState::New,
            client_urls: vec!["http://localhost:2379".into()],
            election_timeout: Duration::from_millis(1000),
            heartbeat_interval: Duration::from_millis(100),
            pre_vote: true,
            max_request_bytes: 1_572_864,
            max_txn_ops: 128,
            quota_bytes: Some(2_147_483_648),
            strict_reconfig_check: true,
            max_learners: 1,
            auto_compaction: AutoCompaction::Off,
            watch_progress_interval: Duration::from_secs(600),
            lease_checkpoint_interval: None,
            downgrade_check_interval: Duration::from_secs(5),
            corruption: CorruptionChecks::default(),
            tokens: TokenKind::default(),
            bcrypt_cost: 10,
            fsync: true,
            knobs: Knobs::default(),
            store: mvcc::Knobs::default(),
        }
    }
}

impl NodeConfig {
    /// How long a proposal may take: five seconds and two election timeouts.
    #[must_use]
    pub fn request_timeout(&self) -> Duration {
        Duration::from_secs(5) + 2 * self.election_timeout
    }

    /// The shortest lease, in seconds: one and a half election timeouts, rounded up.
    #[must_use]
    pub fn lease_ttl_min_seconds(&self) -> i64 {
        let ticks = self.election_timeout.as_millis() / self.heartbeat_interval.as_millis().max(1);
        let millis = 3 * ticks / 2 * self.heartbeat_interval.as_millis();
        i64::try_from(millis.div_ceil(1000)).unwrap_or(i64::MAX)
    }
}
