//! The commands on locks and elections.

use clap::Args;
use std::ffi::OsString;

/// `lock`.
#[derive(Debug, Args)]
pub struct Lock {
    /// Timeout for session.
    #[arg(long, default_value = "10")]
    pub ttl: String,
    /// The lock's name, and a command to run while it is held.
    #[arg(value_name = "LOCKNAME [EXEC-COMMAND ARG1 ARG2 ...]")]
    pub arguments: Vec<OsString>,
}

/// `elect`.
#[derive(Debug, Args)]
pub struct Elect {
    /// Observation mode.
    #[arg(long, short)]
    pub listen: bool,
    /// The election's name, and what to propose.
    #[arg(value_name = "ELECTION-NAME [PROPOSAL]")]
    pub arguments: Vec<OsString>,
}
