//! One run as a worker does it, and its report.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::demand;
use crate::plan::{Plan, draw};
use crate::run::{self, Outcome};
use crate::trace::Words;

/// Every so many-th seed is run twice, to be compared (D1).
const TWICE_EVERY: u64 = 20;

/// What a worker is asked for.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub enum Job {
    /// Draw a plan and run it.
    Seed {
        /// The seed.
        seed: u64,
        /// Overrides the drawn cluster size.
        members: Option<usize>,
    },
    /// Run a plan.
    Plan(Box<Plan>),
}

/// A broken check.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Broken {
    /// Its identifier.
    pub check: String,
    /// The values.
    pub text: String,
    /// When, in simulated nanoseconds.
    pub at_nanos: u64,
    /// The number of the event.
    pub event: u64,
}

/// What came of one run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// The seed; zero for a plan from a file.
    pub seed: u64,
    /// The plan.
    pub plan: Plan,
    /// The first broken check.
    pub broken: Option<Broken>,
    /// All checks that were broken.
    pub all_broken: BTreeSet<String>,
    /// Outages without a leader that died, in thousandths of election timeouts.
    pub outages: Vec<u64>,
    /// What was counted.
    pub counts: BTreeMap<String, u64>,
    /// How often each property was judged.
    pub tally: BTreeMap<String, u64>,
    /// The rolling hash of all events.
    pub hash: u64,
    /// Events.
    pub events: u64,
    /// Simulated milliseconds.
    pub simulated_ms: u64,
    /// Real microseconds.
    pub real_us: u64,
    /// Processor time in milliseconds, as finely as the system counts it.
    pub cpu_ms: u64,
    /// The last things that were said; only when something is broken.
    pub tail: Vec<String>,
}

impl Job {
    /// Seed and plan.
    #[must_use]
    pub fn plan(&self) -> (u64, Plan) {
        match self {
            Job::Seed { seed, members } => (*seed, draw::plan(*seed, *members)),
            Job::Plan(plan) => (0, (**plan).clone()),
        }
    }
}

/// Runs a job.
#[must_use]
pub fn perform(job: &Job) -> Report {
    let (seed, plan) = job.plan();
    match job {
        Job::Seed { .. } => {
            let mut report = run(seed, plan, false, seed.is_multiple_of(TWICE_EVERY));
            if report.broken.is_none() {
                report.set_broken(demand::shortcoming(&report));
            }
            report
        }
        Job::Plan(_) => run(seed, plan, false, false),
    }
}

/// Runs a plan, and again when `twice`.
#[must_use]
pub fn run(seed: u64, plan: Plan, verbose: bool, twice: bool) -> Report {
    let (began, before) = (Instant::now(), cpu_ms());
    let mut outcome = run::execute(&plan, verbose);
    let real_us = began.elapsed().as_micros() as u64;
    let cpu_ms = cpu_ms().saturating_sub(before);
    if outcome.found.is_some() && !verbose {
        // The same again, this time with words.
        outcome = run::execute_telling(&plan, Words::Kept);
    }
    let difference = twice.then(|| {
        let again = run::execute(&plan, false);
        outcome.trace.first_difference(&again.trace)
    });
    let mut report = summarise(seed, plan, outcome);
    (report.real_us, report.cpu_ms) = (real_us, cpu_ms);
    if let Some(difference) = difference {
        *report.tally.entry("D1".into()).or_default() += 1;
        if let Some(events) = difference {
            let text = format!("two runs of the same plan first differ within events {events:?}");
            report.set_broken(Some(Broken {
                check: "D1".into(),
                text,
                at_nanos: 0,
                event: events.start,
            }));
        }
    }
    report
}

/// Processor time of this process; zero where the system does not tell.
fn cpu_ms() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The name of the program, in parentheses, may hold anything; utime and stime are the twelfth
    // and thirteenth field behind it, in hundredths of a second.
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>() * 10
}

fn summarise(seed: u64, plan: Plan, outcome: Outcome) -> Report {
    let named = |counts: BTreeMap<&'static str, u64>| {
        counts.into_iter().map(|(name, count)| (name.to_string(), count)).collect()
    };
    let broken = outcome.found.map(|found| Broken {
        check: found.violation.check.into(),
        text: found.violation.text,
        at_nanos: found.at.as_nanos(),
        event: found.event,
    });
    Report {
        seed,
        plan,
        tail: if broken.is_some() { outcome.trace.tail() } else { Vec::new() },
        broken,
        all_broken: outcome.broken.iter().map(|check| (*check).to_string()).collect(),
        outages: outcome.outages,
        counts: named(outcome.counts),
        tally: named(outcome.tally),
        hash: outcome.trace.hash(),
        events: outcome.trace.events(),
        simulated_ms: outcome.simulated.as_millis() as u64,
        real_us: 0,
        cpu_ms: 0,
    }
}

impl Report {
    /// Adds a broken check, unless one was broken before.
    fn set_broken(&mut self, broken: Option<Broken>) {
        let Some(broken) = broken else { return };
        self.all_broken.insert(broken.check.clone());
        self.broken.get_or_insert(broken);
    }

    /// The report of a run that took its process with it.
    #[must_use]
    pub fn of_panic(job: &Job, text: String) -> Report {
        let (seed, plan) = job.plan();
        let broken = Broken { check: "R16".into(), text, at_nanos: 0, event: 0 };
        Report {
            seed,
            plan,
            all_broken: BTreeSet::from([broken.check.clone()]),
            broken: Some(broken),
            outages: Vec::new(),
            counts: BTreeMap::new(),
            tally: BTreeMap::new(),
            hash: 0,
            events: 0,
            simulated_ms: 0,
            real_us: 0,
            cpu_ms: 0,
            tail: Vec::new(),
        }
    }

    /// One paragraph for a reader.
    #[must_use]
    pub fn describe(&self) -> String {
        let members = self.plan.cluster.members;
        let head = format!(
            "seed {} ({members} members, {} faults): {} events, hash {:016x}, \
             {:.1} s simulated in {:.3} s",
            self.seed,
            self.plan.faults.len(),
            self.events,
            self.hash,
            self.simulated_ms as f64 / 1e3,
            self.real_us as f64 / 1e6
        );
        match &self.broken {
            None => head,
            Some(broken) => format!(
                "{head}\n{} is broken at {:.6} s, event {}: {}",
                broken.check,
                broken.at_nanos as f64 / 1e9,
                broken.event,
                broken.text
            ),
        }
    }
}
