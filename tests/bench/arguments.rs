//! The command line of the benchmark.

use std::time::Duration;

use clap::{Parser, ValueEnum};

use crate::case::{CASES, Case};

/// Compares Cairn with a real etcd on this machine.
#[derive(Clone, Debug, Parser)]
#[command(name = "bench")]
pub struct Arguments {
    /// Run only these cases (`--case put64`, may be repeated); `memory` is one of them.
    #[arg(long = "case")]
    pub cases: Vec<String>,
    /// How often each server is started and measured.
    #[arg(long, default_value_t = 5)]
    pub pairs: usize,
    /// Sizes of the clusters to compare.
    #[arg(long, value_delimiter = ',', default_value = "1,3")]
    pub members: Vec<usize>,
    /// Seconds for which each case is measured.
    #[arg(long, default_value_t = 2.0)]
    pub seconds: f64,
    /// End each case after this many requests, if its seconds are not over before.
    #[arg(long)]
    pub requests: Option<u64>,
    /// Leave these servers out: `etcd`, `cairn`, `empty`.
    #[arg(long)]
    pub without: Vec<String>,
    /// Instead of the table: grant, renew and let expire so many leases, beside puts.
    #[arg(long)]
    pub leases: Option<i64>,
    /// Spread grants and renewals of `--leases` evenly over so many seconds; 0 for none: as fast as
    /// can be.
    #[arg(long, default_value_t = 45.0, requires = "leases")]
    pub over: f64,
    /// How the table is written.
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// A few requests of each case against Cairn alone, as built beside this program: whether the
    /// benchmark still works.
    #[arg(long)]
    pub smoke: bool,
}

/// How the table is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Aligned columns.
    Text,
    /// Tables for a page.
    Markdown,
    /// Every sample, for a program.
    Json,
}

impl Arguments {
    /// The cases to run.
    ///
    /// # Errors
    /// A name that no case has.
    pub fn selected(&self) -> Result<Vec<&'static Case>, String> {
        for name in &self.cases {
            if !CASES.iter().any(|case| case.name == name) {
                let known: Vec<&str> = CASES.iter().map(|case| case.name).collect();
                return Err(format!("no case is called {name:?}; there are {}", known.join(", ")));
            }
        }
        let wanted =
            |case: &&Case| self.cases.is_empty() || self.cases.iter().any(|name| name == case.name);
        Ok(CASES.iter().filter(wanted).collect())
    }

    /// How long each case is measured.
    #[must_use]
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.seconds.max(0.0))
    }
}
