//! Runs many seeds, in worker processes so that even an abort is a finding; reports, shrinks, and
//! sums up what was exercised.

mod demand;
pub mod job;
pub mod mutants;
pub mod pool;
pub mod progress;
pub mod summary;
pub mod worker;

use std::path::PathBuf;
use std::time::Instant;

use crate::plan::{Plan, shrink};
use job::{Job, Report};
use pool::Pool;
use progress::Progress;
use summary::Summary;

/// What a sweep shall do.
#[derive(Clone, Debug)]
pub struct Sweep {
    /// The first seed.
    pub start: u64,
    /// How many seeds.
    pub seeds: u64,
    /// Worker processes.
    pub jobs: usize,
    /// Overrides the drawn cluster size.
    pub members: Option<usize>,
    /// Whether to go on after a failure.
    pub keep_going: bool,
    /// Goes on after a failure until one of these checks was broken; without any, the first
    /// failure ends the sweep.
    pub until: Vec<String>,
    /// Whether to look for a smaller plan that fails too.
    pub shrink: bool,
    /// Runs that a shrinking may take.
    pub shrink_runs: usize,
    /// Whether every fault, workload, operation and check must have occurred.
    pub demand_all: bool,
    /// Where plans of failures are saved.
    pub out: PathBuf,
    /// The program to run as a worker.
    pub program: PathBuf,
    /// Whether to show progress.
    pub quiet: bool,
}

impl Sweep {
    fn is_enough(&self, report: &Report) -> bool {
        self.until.is_empty() || self.until.iter().any(|check| report.all_broken.contains(check))
    }
}

/// What came of a sweep.
#[derive(Debug, Default)]
pub struct Swept {
    /// Failed runs.
    pub failures: Vec<Report>,
    /// All counts.
    pub summary: Summary,
}

impl Swept {
    /// Whether nothing is wrong.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.failures.is_empty() && self.summary.missing().is_empty()
    }
}

/// Runs a sweep and prints what is found.
///
/// # Errors
/// When a worker cannot be started or a plan cannot be saved.
pub fn sweep(options: &Sweep) -> std::io::Result<Swept> {
    let mut pool = Pool::start(&options.program, options.jobs)?;
    let mut progress = Progress::new(options.seeds, options.quiet);
    let mut swept = Swept::default();
    swept.summary.demand_all = options.demand_all;
    let began = Instant::now();
    let end = options.start + options.seeds;
    let mut next = options.start;
    let mut running = 0;
    while next < end || running > 0 {
        while next < end && running < options.jobs {
            pool.submit(Job::Seed { seed: next, members: options.members })?;
            next += 1;
            running += 1;
        }
        let report = pool.next_report()?;
        running -= 1;
        swept.summary.add(&report);
        progress.step(&report);
        if report.broken.is_some() {
            present(options, &mut progress, &report)?;
            if !options.keep_going && options.is_enough(&report) {
                next = end;
            }
            swept.failures.push(report);
        }
    }
    swept.summary.real = began.elapsed();
    progress.finish();
    if !options.quiet {
        progress::line(&swept.summary.to_string());
    }
    Ok(swept)
}

fn present(options: &Sweep, progress: &mut Progress, report: &Report) -> std::io::Result<()> {
    if options.quiet {
        return Ok(());
    }
    std::fs::create_dir_all(&options.out)?;
    let path = options.out.join(format!("seed-{}.json", report.seed));
    std::fs::write(&path, report.plan.to_json())?;
    progress.say(&report.describe());
    progress.say(&format!("replay: cargo run -p sim --release -- --replay {}", path.display()));
    if options.shrink {
        let broken = report.broken.as_ref().map(|broken| broken.check.clone());
        // A worker of its own: the others are still at seeds, whose reports are not its own.
        let mut pool = Pool::start(&options.program, 1)?;
        let small = shrink_plan(&mut pool, &report.plan, broken.as_deref(), options.shrink_runs);
        let path = options.out.join(format!("seed-{}-small.json", report.seed));
        std::fs::write(&path, small.to_json())?;
        let (faults, before) = (small.faults.len(), report.plan.faults.len());
        progress.say(&format!("smaller: {} ({faults} of {before} faults)", path.display()));
    }
    Ok(())
}

/// A smaller plan that breaks the same check.
fn shrink_plan(pool: &mut Pool, plan: &Plan, check: Option<&str>, runs: usize) -> Plan {
    shrink::shrink(plan.clone(), runs, |candidate| {
        let report = pool.alone(Job::Plan(Box::new(candidate.clone())));
        report
            .is_ok_and(|report| report.broken.as_ref().map(|broken| broken.check.as_str()) == check)
    })
}

/// Runs one saved plan in this process and prints what comes of it.
#[must_use]
pub fn replay(plan: &Plan, verbose: bool) -> Report {
    let report = job::run(0, plan.clone(), verbose, false);
    progress::line(&report.describe());
    for line in &report.tail {
        progress::line(line);
    }
    report
}
