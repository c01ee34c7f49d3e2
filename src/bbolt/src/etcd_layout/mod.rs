//! What etcd keeps in its file: the names of its buckets, the keys of the `meta` bucket, the form
//! of revision keys, the configuration, and the three hashes that are computed over them.
//!
//! The values are those of etcd 3.7. Nothing here writes: what a file should hold is decided by
//! those who call the writer.

mod applied;
mod conf_state;
mod contents;
mod hash;
mod hashkv;
mod key_value;
mod revision;
mod status;

pub use applied::{Applied, applied};
pub use conf_state::ConfState;
pub use contents::{LayoutError, latest_revision, storage_version};
pub use hash::ContentHash;
pub use hashkv::{HashKv, HashKvError, hash_kv};
pub use key_value::user_key;
pub use revision::RevisionKey;
pub use status::{Status, status};

/// The buckets of etcd's file.
pub mod bucket {
    /// Alarms that are raised.
    pub const ALARM: &[u8] = b"alarm";
    /// Whether authentication is on, and its revision.
    pub const AUTH: &[u8] = b"auth";
    /// Roles by name.
    pub const AUTH_ROLES: &[u8] = b"authRoles";
    /// Users by name.
    pub const AUTH_USERS: &[u8] = b"authUsers";
    /// The cluster's version and a downgrade that is under way.
    pub const CLUSTER: &[u8] = b"cluster";
    /// Every revision of every key.
    pub const KEY: &[u8] = b"key";
    /// Leases by identifier.
    pub const LEASE: &[u8] = b"lease";
    /// Members by identifier.
    pub const MEMBERS: &[u8] = b"members";
    /// Members that were removed.
    pub const MEMBERS_REMOVED: &[u8] = b"members_removed";
    /// What the file itself is at.
    pub const META: &[u8] = b"meta";

    /// All of them, in the order of a file.
    pub const ALL: [&[u8]; 10] =
        [ALARM, AUTH, AUTH_ROLES, AUTH_USERS, CLUSTER, KEY, LEASE, MEMBERS, MEMBERS_REMOVED, META];
}

/// The keys of the bucket [`META`](bucket::META).
pub mod meta_key {
    /// The index of the last entry that was applied, 8 bytes, big-endian.
    pub const CONSISTENT_INDEX: &[u8] = b"consistent_index";
    /// The term of that entry, 8 bytes, big-endian.
    pub const TERM: &[u8] = b"term";
    /// The voters and learners, `raftpb.ConfState` as JSON.
    pub const CONF_STATE: &[u8] = b"confState";
    /// The revision of a compaction that was decided, as a revision key.
    pub const SCHEDULED_COMPACTION: &[u8] = b"scheduledCompactRev";
    /// The revision of the last compaction that was carried out, as a revision key.
    pub const FINISHED_COMPACTION: &[u8] = b"finishedCompactRev";
    /// The version of this layout, `X.Y.0`.
    pub const STORAGE_VERSION: &[u8] = b"storageVersion";
}

/// The keys of the bucket [`CLUSTER`](bucket::CLUSTER).
pub mod cluster_key {
    /// The cluster's version, `X.Y.0`.
    pub const VERSION: &[u8] = b"clusterVersion";
    /// The last word about downgrades, as JSON.
    pub const DOWNGRADE: &[u8] = b"downgrade";
}

#[cfg(test)]
mod tests {
    use super::bucket;

    #[test]
    fn buckets_are_listed_in_the_order_of_a_file() {
        assert!(bucket::ALL.is_sorted_by(|a, b| a < b));
    }
}
