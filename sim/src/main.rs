//! The simulator's command line: sweeps over seeds, replays of saved plans, planted bugs.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use sim::plan::Plan;
use sim::runner::mutants::{self, Choice};
use sim::runner::{self, Sweep, worker};

#[derive(Parser)]
#[command(about = "Runs whole clusters in virtual time and judges everything that happens")]
struct Options {
    #[command(subcommand)]
    command: Option<Mode>,
    /// How many seeds to run.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    start: u64,
    /// Worker processes.
    #[arg(long, default_value_t = 2)]
    jobs: usize,
    /// Cluster size for all seeds, instead of a drawn one.
    #[arg(long)]
    members: Option<usize>,
    /// Go on after a failure.
    #[arg(long)]
    keep_going: bool,
    /// Do not look for a smaller plan.
    #[arg(long)]
    no_shrink: bool,
    /// Runs that a shrinking may take.
    #[arg(long, default_value_t = 60)]
    shrink_runs: usize,
    /// Fail when a fault, workload, operation or check never occurred.
    #[arg(long)]
    demand_all: bool,
    /// Where plans of failures are saved.
    #[arg(long, default_value = "target/sim")]
    out: PathBuf,
    /// Run a saved plan.
    #[arg(long)]
    replay: Option<PathBuf>,
    /// Print every event of a replay.
    #[arg(long)]
    verbose: bool,
    #[arg(long, hide = true)]
    worker: bool,
}

#[derive(Subcommand)]
enum Mode {
    /// Plants bugs and sees whether they are caught.
    Mutants {
        /// Only this one.
        #[arg(long)]
        only: Option<String>,
        /// Only so many, which the commit that is checked out chooses.
        #[arg(long, conflicts_with = "only")]
        rotate: Option<usize>,
        /// Worker processes.
        #[arg(long, default_value_t = 2)]
        jobs: usize,
    },
}

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            runner::progress::line(&format!("error: {error}"));
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> std::io::Result<bool> {
    if options.worker {
        return worker::work().map(|()| true);
    }
    if let Some(Mode::Mutants { only, rotate, jobs }) = &options.command {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let root = root.parent().map_or_else(|| root.clone(), PathBuf::from);
        let choice = match (only, rotate) {
            (Some(only), _) => Choice::Only(only.clone()),
            (None, Some(count)) => Choice::Rotate(*count),
            (None, None) => Choice::All,
        };
        return mutants::run(&root, &choice, *jobs);
    }
    if let Some(path) = &options.replay {
        let plan =
            Plan::from_json(&std::fs::read_to_string(path)?).map_err(std::io::Error::other)?;
        return Ok(runner::replay(&plan, options.verbose).broken.is_none());
    }
    let swept = runner::sweep(&Sweep {
        start: options.start,
        seeds: options.seeds,
        jobs: options.jobs,
        members: options.members,
        keep_going: options.keep_going,
        until: Vec::new(),
        shrink: !options.no_shrink,
        shrink_runs: options.shrink_runs,
        demand_all: options.demand_all,
        out: options.out.clone(),
        program: std::env::current_exe()?,
        quiet: false,
    })?;
    Ok(swept.is_clean())
}
