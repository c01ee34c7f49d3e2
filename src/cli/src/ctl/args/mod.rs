//! The command line: `etcdctl`'s commands and flags.
//!
//! Keys and values are bytes, as the shell gives them. Numbers and durations are read by the
//! commands, so that their refusals are worded and numbered as in `etcdctl`.

mod auth;
mod cluster;
mod concurrency;
mod global;
mod kv;

use clap::{Args, Parser, Subcommand};
use clap_complete::Shell;
use std::ffi::OsString;

pub use auth::{Auth, Role, RolePermission, User, UserAdd, UserGet, UserPasswd};
pub use cluster::{
    Alarm, Defrag, Downgrade, Endpoint, EndpointCommand, KeepAlive, Lease, Member, MemberAdd,
    MemberList, MemberUpdate, Snapshot, TimeToLive,
};
pub use concurrency::{Elect, Lock};
pub use global::Global;
pub use kv::{Compaction, Del, Get, Put, Txn, TxnOp, TxnOpLine, Watch, WatchLine};

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "cairnctl",
    bin_name = "cairnctl",
    about = "A command-line client for Cairn and etcd.",
    infer_subcommands = true,
    disable_help_subcommand = false,
    after_help = "Use \"cairnctl options\" for a list of global command-line options."
)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Gets the key or a range of keys.
    Get(Get),
    /// Puts the given key into the store.
    Put(Put),
    /// Removes the specified key or range of keys [key, range_end).
    Del(Del),
    /// Processes all the requests in one transaction.
    Txn(Txn),
    /// Compacts the event history.
    Compaction(Compaction),
    /// Watches events stream on keys or prefixes.
    Watch(Watch),
    /// Lease related commands.
    #[command(subcommand)]
    Lease(Lease),
    /// Membership related commands.
    #[command(subcommand)]
    Member(Member),
    /// Endpoint related commands.
    Endpoint(Endpoint),
    /// Alarm related commands.
    #[command(subcommand)]
    Alarm(Alarm),
    /// Defragments the storage of the members with given endpoints.
    Defrag(Defrag),
    /// Transfers leadership to another cluster member.
    MoveLeader(Arguments),
    /// Manages node snapshots.
    #[command(subcommand)]
    Snapshot(Snapshot),
    /// Prints the version.
    Version,
    /// Shows the global command-line flags.
    Options,
    /// Generates a completion script.
    Completion(Completion),
    /// Enable or disable authentication.
    #[command(subcommand)]
    Auth(Auth),
    /// User related commands.
    #[command(subcommand)]
    User(User),
    /// Role related commands.
    #[command(subcommand)]
    Role(Role),
    /// Acquires a named lock.
    Lock(Lock),
    /// Observes and participates in leader election.
    Elect(Elect),
    /// Not supported yet.
    MakeMirror(Anything),
    /// Not supported yet.
    Check(Anything),
    /// Downgrade related commands.
    #[command(subcommand)]
    Downgrade(Downgrade),
}

/// Arguments that the command counts and reads by itself.
#[derive(Debug, Args)]
pub struct Arguments {
    /// The arguments.
    pub arguments: Vec<OsString>,
}

/// A shell to complete in.
#[derive(Debug, Args)]
pub struct Completion {
    /// bash, zsh, fish or powershell.
    pub shell: Shell,
}

/// The arguments and flags of a command that is not there yet.
#[derive(Debug, Args)]
pub struct Anything {
    /// Whatever was given.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    pub arguments: Vec<OsString>,
}
