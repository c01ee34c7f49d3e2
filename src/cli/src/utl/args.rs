//! The command line: `etcdutl`'s commands and flags.

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use crate::duration;

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "cairnutl",
    about = "An offline tool for the snapshots and data directories of Cairn and etcd.",
    infer_subcommands = true,
    disable_help_subcommand = true
)]
pub struct Cli {
    /// How long to wait for the lock of a database file; 0 waits forever.
    #[arg(long, global = true, default_value = "10s", value_name = "DURATION")]
    pub timeout: LockWait,

    /// The output format: fields, json, protobuf, simple or table.
    #[arg(short = 'w', long, global = true, default_value = "simple", value_name = "FORMAT")]
    pub write_out: String,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Look at snapshots and restore from them.
    #[command(subcommand)]
    Snapshot(Snapshot),
    /// Print the hash of the keys' history in a file.
    Hashkv(HashKv),
    /// Not needed: Cairn returns free space by itself.
    Defrag(Defrag),
    /// Not supported yet: change the storage version of a data directory.
    Migrate(Migrate),
    /// Print the version.
    Version,
    /// Print a completion script for a shell.
    Completion(Completion),
}

/// Commands on snapshot files.
#[derive(Debug, Subcommand)]
pub enum Snapshot {
    /// Check a snapshot file and print its hash, revision, number of keys, size and version.
    Status(Status),
    /// Make the data directory of a member of a new cluster from a snapshot.
    Restore(Restore),
}

/// `snapshot status FILE`.
#[derive(Debug, Args)]
pub struct Status {
    /// The snapshot file.
    #[arg(value_name = "FILENAME")]
    pub files: Vec<PathBuf>,
}

/// `snapshot restore FILE`.
#[derive(Debug, Args)]
pub struct Restore {
    /// The snapshot file.
    #[arg(value_name = "FILENAME")]
    pub files: Vec<PathBuf>,

    /// The data directory to make; `<name>.etcd` when not given.
    #[arg(long, value_name = "DIR", default_value = "", hide_default_value = true)]
    pub data_dir: String,

    /// The directory of the log; within the data directory when not given.
    #[arg(long, value_name = "DIR", default_value = "", hide_default_value = true)]
    pub wal_dir: String,

    /// The new cluster: name=peerURL, separated by commas.
    #[arg(long, value_name = "CLUSTER", default_value = "default=http://localhost:2380")]
    pub initial_cluster: String,

    /// The token that sets the new cluster apart from others.
    #[arg(long, value_name = "TOKEN", default_value = "etcd-cluster")]
    pub initial_cluster_token: String,

    /// The peer URLs of this member, separated by commas.
    #[arg(long, value_name = "URLS", default_value = "http://localhost:2380")]
    pub initial_advertise_peer_urls: String,

    /// The name of this member.
    #[arg(long, value_name = "NAME", default_value = "default")]
    pub name: String,

    /// Accept a file without a hash, such as one copied from a data directory.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true", hide_default_value = true,
          value_name = "BOOL")]
    pub skip_hash_check: bool,

    /// Accepted for compatibility; nothing is mapped into memory here.
    #[arg(long, value_name = "BYTES", default_value_t = 10_737_418_240)]
    pub initial_memory_map_size: u64,

    /// How far to move the revision ahead, so that clients never see it go back.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub bump_revision: u64,

    /// Mark everything up to the moved revision as compacted; goes with --bump-revision.
    #[arg(long, action = ArgAction::Set, num_args = 0..=1, require_equals = true,
          default_value = "false", default_missing_value = "true", hide_default_value = true,
          value_name = "BOOL")]
    pub mark_compacted: bool,
}

impl Restore {
    /// The directory that will be made.
    pub fn data_dir(&self) -> PathBuf {
        match self.data_dir.as_str() {
            "" => PathBuf::from(format!("{}.etcd", self.name)),
            given => PathBuf::from(given),
        }
    }

    /// The directory of its log.
    pub fn wal_dir(&self) -> PathBuf {
        match self.wal_dir.as_str() {
            "" => self.data_dir().join("member").join("wal"),
            given => PathBuf::from(given),
        }
    }
}

/// `hashkv FILE`.
#[derive(Debug, Args)]
pub struct HashKv {
    /// The file.
    #[arg(value_name = "FILENAME")]
    pub file: PathBuf,

    /// The greatest revision to hash; the newest one when not given.
    #[arg(long, value_name = "REVISION", default_value_t = 0, allow_negative_numbers = true)]
    pub rev: i64,
}

/// `defrag`.
#[derive(Debug, Args)]
pub struct Defrag {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,
}

/// `migrate`.
#[derive(Debug, Args)]
pub struct Migrate {
    /// The data directory.
    #[arg(long, value_name = "DIR")]
    pub data_dir: PathBuf,

    /// The version to migrate to, X.Y.
    #[arg(long, value_name = "VERSION")]
    pub target_version: String,

    /// Override the storage version even when the migration fails.
    #[arg(long)]
    pub force: bool,
}

/// `completion SHELL`.
#[derive(Debug, Args)]
pub struct Completion {
    /// The shell.
    shell: ShellName,
}

impl Completion {
    /// The shell as the generator knows it.
    pub fn shell(&self) -> Shell {
        match self.shell {
            ShellName::Bash => Shell::Bash,
            ShellName::Zsh => Shell::Zsh,
            ShellName::Fish => Shell::Fish,
            ShellName::Powershell => Shell::PowerShell,
        }
    }
}

/// A shell that there is a script for.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum ShellName {
    Bash,
    Zsh,
    Fish,
    Powershell,
}

/// How long to wait for a lock; zero is forever. Written as Go writes durations: `1m30s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LockWait(pub Duration);

impl FromStr for LockWait {
    type Err = String;

    fn from_str(text: &str) -> Result<LockWait, String> {
        // Below zero is no time at all, which must not be taken for forever.
        match text.starts_with('-') {
            true => Err(format!("negative duration {text:?}")),
            false => duration::parse(text).map(LockWait),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_written_as_go_writes_them() {
        let millis = |text: &str| text.parse::<LockWait>().map(|wait| wait.0.as_millis());
        for (text, expected) in [("10s", 10_000), ("1m30s", 90_000), ("1.5s", 1500), ("0", 0)] {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
        for text in ["", "10", "s", "-1s", "1x", "1.2.3s"] {
            assert!(millis(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
