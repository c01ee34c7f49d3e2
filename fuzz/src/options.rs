//! The command line of the runner.

use clap::Parser;
use fuzz::{TARGETS, Target};

/// What to run, for how long, from which seed.
#[derive(Debug, Parser)]
#[command(about = "Gives made-up bytes to decoders, files and the state machine")]
pub struct Options {
    /// How long to run, all targets together.
    #[arg(long, default_value_t = 60)]
    pub seconds: u64,
    /// One target instead of all.
    #[arg(long)]
    pub target: Option<String>,
    /// The seed of the inputs.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Repeats the input with this number only.
    #[arg(long)]
    pub input: Option<u64>,
    /// Runs one file only, as kept by a failure or found by libFuzzer; needs --target.
    #[arg(long, value_name = "FILE", requires = "target")]
    pub file: Option<std::path::PathBuf>,
    /// Writes the sound inputs into a folder for each target below this one, for libFuzzer.
    #[arg(long, value_name = "DIR")]
    pub export: Option<std::path::PathBuf>,
    /// Threads.
    #[arg(long, default_value_t = 2)]
    pub jobs: usize,
}

impl Options {
    /// The targets that are meant.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn targets(&self) -> Result<Vec<Target>, String> {
        let wanted = |target: &&Target| self.target.as_deref().is_none_or(|t| t == target.name);
        let found: Vec<Target> = TARGETS.iter().filter(wanted).copied().collect();
        if found.is_empty() {
            let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
            let name = self.target.as_deref().unwrap_or_default();
            return Err(format!("no target {name:?}; there are {}", names.join(", ")));
        }
        Ok(found)
    }
}
