//! The commands on keys.

use clap::{ArgAction, Args, Parser, Subcommand};
use std::ffi::OsString;

/// `get`.
#[derive(Debug, Args)]
pub struct Get {
    /// Linearizable(l) or Serializable(s).
    #[arg(long, default_value = "l")]
    pub consistency: String,
    /// Order of results; ASCEND or DESCEND (ASCEND by default).
    #[arg(long, default_value = "", hide_default_value = true)]
    pub order: String,
    /// Sort target; CREATE, KEY, MODIFY, VALUE, or VERSION.
    #[arg(long, default_value = "", hide_default_value = true)]
    pub sort_by: String,
    /// Maximum number of results.
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    pub limit: i64,
    /// Get keys with matching prefix.
    #[arg(long)]
    pub prefix: bool,
    /// Get keys that are greater than or equal to the given key using byte compare.
    #[arg(long)]
    pub from_key: bool,
    /// Specify the kv revision.
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    pub rev: i64,
    /// Get only the keys.
    #[arg(long)]
    pub keys_only: bool,
    /// Get only the count.
    #[arg(long)]
    pub count_only: bool,
    /// Only write values when using the "simple" output format.
    #[arg(long)]
    pub print_value_only: bool,
    /// Minimum create revision.
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    pub min_create_rev: i64,
    /// Maximum create revision.
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    pub max_create_rev: i64,
    /// Minimum modification revision.
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    pub min_mod_rev: i64,
    /// Maximum modification revision.
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    pub max_mod_rev: i64,
    /// Use the RangeStream RPC.
    #[arg(long)]
    pub stream: bool,
    /// The key, and the end of the range.
    #[arg(value_name = "KEY [RANGE_END]")]
    pub arguments: Vec<OsString>,
}

/// `put`.
#[derive(Debug, Args)]
pub struct Put {
    /// Lease ID (in hexadecimal) to attach to the key.
    #[arg(long, default_value = "0")]
    pub lease: String,
    /// Return the previous key-value pair before modification.
    #[arg(long)]
    pub prev_kv: bool,
    /// Updates the key using its current value.
    #[arg(long)]
    pub ignore_value: bool,
    /// Updates the key using its current lease.
    #[arg(long)]
    pub ignore_lease: bool,
    /// The key, and the value; without one it is read from standard input.
    #[arg(value_name = "KEY [VALUE]")]
    pub arguments: Vec<OsString>,
}

/// `del`.
#[derive(Debug, Args)]
pub struct Del {
    /// Delete keys with matching prefix.
    #[arg(long)]
    pub prefix: bool,
    /// Return deleted key-value pairs.
    #[arg(long)]
    pub prev_kv: bool,
    /// Delete keys that are greater than or equal to the given key using byte compare.
    #[arg(long)]
    pub from_key: bool,
    /// Delete range of keys.
    #[arg(long)]
    pub range: bool,
    /// The key, and the end of the range.
    #[arg(value_name = "KEY [RANGE_END]")]
    pub arguments: Vec<OsString>,
}

/// `txn`.
#[derive(Debug, Args)]
pub struct Txn {
    /// Input transaction in interactive mode.
    #[arg(long, short)]
    pub interactive: bool,
    /// None.
    #[arg(hide = true)]
    pub arguments: Vec<OsString>,
}

/// A line of a transaction.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, infer_subcommands = true, disable_help_subcommand = true)]
pub struct TxnOpLine {
    /// The operation.
    #[command(subcommand)]
    pub op: TxnOp,
}

/// An operation of a transaction.
#[derive(Debug, Subcommand)]
pub enum TxnOp {
    /// A range.
    Get(Get),
    /// A put.
    Put(Put),
    /// A delete.
    Del(Del),
}

/// `compaction`.
#[derive(Debug, Args)]
pub struct Compaction {
    /// Wait for compaction to physically remove all old revisions.
    #[arg(long)]
    pub physical: bool,
    /// The revision.
    #[arg(value_name = "REVISION", allow_negative_numbers = true)]
    pub arguments: Vec<OsString>,
}

/// `watch`.
#[derive(Debug, Args)]
pub struct Watch {
    /// Interactive mode.
    #[arg(long, short)]
    pub interactive: bool,
    /// Watch on a prefix.
    #[arg(long)]
    pub prefix: bool,
    /// Revision to start watching.
    #[arg(long, default_value_t = 0, hide_default_value = true, allow_negative_numbers = true)]
    pub rev: i64,
    /// Get the previous key-value pair before the event happens.
    #[arg(long)]
    pub prev_kv: bool,
    /// Get periodic watch progress notification from server.
    #[arg(long)]
    pub progress_notify: bool,
    /// The key or prefix, and the end of the range.
    #[arg(value_name = "KEY [RANGE_END]")]
    pub arguments: Vec<OsString>,
    /// A command to run for each event.
    #[arg(last = true, value_name = "EXEC", action = ArgAction::Append)]
    pub exec: Vec<OsString>,
}

/// A line of an interactive watch.
#[derive(Debug, Parser)]
#[command(no_binary_name = true, disable_help_flag = true)]
pub struct WatchLine {
    /// What to watch.
    #[command(flatten)]
    pub watch: Watch,
}
