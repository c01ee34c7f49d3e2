//! The commands on leases, members and endpoints.

use clap::{Args, Subcommand};
use std::ffi::OsString;

use super::Arguments;

/// `lease`.
#[derive(Debug, Subcommand)]
pub enum Lease {
    /// Creates leases.
    Grant(Arguments),
    /// Revokes leases.
    Revoke(Arguments),
    /// Get lease information.
    Timetolive(TimeToLive),
    /// List all active leases.
    List,
    /// Keeps leases alive (renew).
    KeepAlive(KeepAlive),
}

/// `lease timetolive`.
#[derive(Debug, Args)]
pub struct TimeToLive {
    /// Get keys attached to this lease.
    #[arg(long)]
    pub keys: bool,
    /// The lease, in hexadecimal.
    #[arg(value_name = "LEASE_ID")]
    pub arguments: Vec<OsString>,
}

/// `lease keep-alive`.
#[derive(Debug, Args)]
pub struct KeepAlive {
    /// Renews the lease once and exits.
    #[arg(long)]
    pub once: bool,
    /// The lease, in hexadecimal.
    #[arg(value_name = "LEASE_ID")]
    pub arguments: Vec<OsString>,
}

/// `member`.
#[derive(Debug, Subcommand)]
pub enum Member {
    /// Adds a member into the cluster.
    Add(MemberAdd),
    /// Removes a member from the cluster.
    Remove(Arguments),
    /// Updates a member in the cluster.
    Update(MemberUpdate),
    /// Lists all members in the cluster.
    List(MemberList),
    /// Promotes a non-voting member in the cluster.
    Promote(Arguments),
}

/// `member add`.
#[derive(Debug, Args)]
pub struct MemberAdd {
    /// Comma separated peer URLs for the new member.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub peer_urls: String,
    /// The new member is a learner.
    #[arg(long)]
    pub learner: bool,
    /// The name.
    #[arg(value_name = "NAME")]
    pub arguments: Vec<OsString>,
}

/// `member update`.
#[derive(Debug, Args)]
pub struct MemberUpdate {
    /// Comma separated peer URLs for the updated member.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub peer_urls: String,
    /// The member, in hexadecimal.
    #[arg(value_name = "MEMBER_ID")]
    pub arguments: Vec<OsString>,
}

/// `member list`.
#[derive(Debug, Args)]
pub struct MemberList {
    /// Linearizable(l) or Serializable(s).
    #[arg(long, default_value = "l")]
    pub consistency: String,
}

/// `endpoint`.
#[derive(Debug, Args)]
pub struct Endpoint {
    /// Use all endpoints from the cluster member list.
    #[arg(long, global = true)]
    pub cluster: bool,
    /// What to ask.
    #[command(subcommand)]
    pub command: EndpointCommand,
}

/// What to ask the endpoints.
#[derive(Debug, Subcommand)]
pub enum EndpointCommand {
    /// Checks the healthiness of endpoints.
    Health,
    /// Prints out the status of endpoints.
    Status,
    /// Prints the KV history hash for each endpoint.
    Hashkv(HashKv),
}

/// `endpoint hashkv`.
#[derive(Debug, Args)]
pub struct HashKv {
    /// Maximum revision to hash (default: latest revision).
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    pub rev: i64,
}

/// `alarm`.
#[derive(Debug, Subcommand)]
pub enum Alarm {
    /// Disarms all alarms.
    Disarm(Arguments),
    /// Lists all alarms.
    List(Arguments),
}

/// `defrag`.
#[derive(Debug, Args)]
pub struct Defrag {
    /// Use all endpoints from the cluster member list.
    #[arg(long)]
    pub cluster: bool,
}

/// `downgrade`.
#[derive(Debug, Subcommand)]
pub enum Downgrade {
    /// Validates downgrade capability before starting a downgrade.
    Validate(Arguments),
    /// Starts a downgrade action to the cluster.
    Enable(Arguments),
    /// Cancels the ongoing downgrade action to the cluster.
    Cancel(Arguments),
}

/// `snapshot`.
#[derive(Debug, Subcommand)]
pub enum Snapshot {
    /// Stores a node backend snapshot to a given file.
    Save(Arguments),
}
