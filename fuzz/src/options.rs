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
    #[arg(long, default_value_t = 2, value_parser = threads)]
    pub jobs: usize,
}

/// Without a thread a run would make no input and pass.
fn threads(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("there must be at least one thread".to_owned()),
        Ok(count) => Ok(count),
        Err(error) => Err(format!("not a number of threads: {error}")),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_a_thread_is_refused() {
        let jobs = |count| Options::try_parse_from(["fuzz", "--jobs", count]);
        assert_eq!(jobs("3").map(|options| options.jobs).ok(), Some(3));
        let told = jobs("0").expect_err("no thread").to_string();
        assert!(told.contains("there must be at least one thread"), "{told}");
        assert!(jobs("some").is_err());
    }
}
