//! What a sweep exercised: faults, workloads, operations, checks. Where all are demanded, one that
//! never occurred is a failure of the sweep.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::job::Report;
use crate::plan::WorkloadKind;

/// Sums of counts.
#[derive(Debug, Default)]
pub struct Summary {
    counts: BTreeMap<String, u64>,
    tally: BTreeMap<String, u64>,
    runs: u64,
    failed: u64,
    simulated_ms: u64,
    run_us: u64,
    cpu_ms: u64,
    ratios: Vec<u64>,
    outages: Vec<u64>,
    /// Real time of the sweep.
    pub real: Duration,
    /// Whether everything must have occurred.
    pub demand_all: bool,
}

/// Faults that a sweep with several cluster sizes must have seen.
const FAULTS: &[&str] = &[
    "fault: O3 add voter",
    "fault: O3 add learner",
    "fault: O3 remove",
    "fault: O3 remove leader",
    "fault: P7 replace",
    "fault: O4 transfer",
    "fault: P1 crash",
    "fault: P2 crash in sync",
    "fault: P2 crash in backend",
    "fault: P3 pause",
    "fault: P5 crash in recovery",
    "fault: P6 power loss",
    "fault: N1-N4 bad links",
    "fault: N5 partition",
    "fault: N6 one-way cut",
    "fault: N7 clog and flood",
    "fault: N11 client cut",
    "fault: S1 disk stall",
    "fault: S15 slow disk",
    "fault: S6 fsync error",
    "fault: S7 write error",
    "fault: S7 disk full",
    "fault: S9 bit rot",
    "fault: backend error",
    "fault: K3 slow watch reader",
    "fault: O1 compaction of the past",
    "fault: O1 compaction of all",
    "fault: O1 compaction of the future",
    "fault: O1 compaction again",
    "knob: B1 one entry an append",
    "knob: B2 one append in flight",
    "knob: B3 tiny segments",
    "knob: B4 checkpoint every 3",
    "knob: B5 watch queue of one",
    "knob: B6 compaction by one",
    "knob: B8 apply one by one",
    "knob: O8 checkpoint every 10",
];

/// What else must have occurred.
const OCCURRENCES: &[&str] = &[
    "operator: voters added",
    "operator: learners added",
    "operator: learners promoted",
    "operator: members removed",
    "operator: leaders removed",
    "operator: members replaced",
    "operator: leadership moved",
    "cluster: removed members that stopped",
    "operation: put",
    "operation: delete",
    "operation: range",
    "operation: serializable range",
    "operation: txn",
    "operation: read-only txn",
    "operation: compact",
    "operation: watch",
    "operation: lease grant",
    "operation: lease revoke",
    "operation: lease keepalive",
    "operation: lock",
    "operation: unlock",
    "operation: campaign",
    "operation: resign",
    "operation: unknown outcome",
    "operation: refused for want of space",
    "disk: crash with unsynced data",
    "disk: sectors dropped",
    "disk: sectors kept",
    "disk: sectors garbled",
    "disk: names lost",
    "backend: segments cleaned",
    "disk: bits rotten before the last batch",
    "fault: fsync error hit",
    "fault: write error hit",
    "fault: backend error hit",
    "fault: crash in backend hit",
    "fault: snapshot connection reset",
    "fault: snapshot corrupted",
    "net: snapshots arrived",
    "net: duplicated",
    "net: lost",
    "net: overtaken",
    "net: connection reset",
    "workload: eager reads",
    "watch: canceled by compaction",
];

/// Properties that must have been judged.
const CHECKS: &[&str] = &[
    "R14", "MB1", "MB2", "MB3", "MB5", "MB6", "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9",
    "R10", "R11", "R12", "R13", "R15", "L1", "L2", "L3", "L5", "A1", "A2", "A3", "A4", "V1", "V2",
    "V3", "V4", "V5", "V9", "V11", "V12", "T2", "T6", "W1", "W2", "W3", "W4", "W5", "W6", "W7",
    "W8", "W14", "W16", "W17", "E1", "E3", "Q1", "Q2", "H1", "H2", "X1", "X2", "X3", "X5", "L4",
    "L7", "G1", "G5", "D1", "W11", "Z1", "Z4",
];

/// Outages from which on their median is judged.
const OUTAGES_MIN: usize = 30;
/// What the median must stay under, in thousandths of election timeouts.
const OUTAGE_MEDIAN_MAX: u64 = 2_000;

impl Summary {
    /// Adds a run.
    pub fn add(&mut self, report: &Report) {
        self.runs += 1;
        self.failed += u64::from(report.broken.is_some());
        self.simulated_ms += report.simulated_ms;
        self.run_us += report.real_us;
        self.cpu_ms += report.cpu_ms;
        self.ratios.extend((report.simulated_ms * 1_000).checked_div(report.real_us));
        self.outages.extend(&report.outages);
        for (name, count) in &report.counts {
            *self.counts.entry(name.clone()).or_default() += count;
        }
        for (name, count) in &report.tally {
            *self.tally.entry(name.clone()).or_default() += count;
        }
    }

    /// How many runs.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs
    }

    /// What was demanded and never occurred.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        if !self.demand_all {
            return Vec::new();
        }
        let workloads = WorkloadKind::ALL.map(|(_, name)| name);
        let counted = FAULTS.iter().chain(OCCURRENCES).chain(&workloads);
        let uncounted = counted.filter(|name| !self.counts.contains_key(**name));
        let unjudged = CHECKS.iter().filter(|name| !self.tally.contains_key(**name));
        let mut missing: Vec<&'static str> = uncounted.chain(unjudged).copied().collect();
        let median = rank(&self.outages, 50);
        if self.outages.len() >= OUTAGES_MIN && median >= OUTAGE_MEDIAN_MAX {
            missing.push("a median outage under two election timeouts");
        }
        missing
    }

    /// The median over the runs of simulated time per real time.
    #[must_use]
    pub fn median_ratio(&self) -> u64 {
        rank(&self.ratios, 50)
    }

    /// Outages after deaths of leaders with quiet links.
    fn write_outages(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = |percent| rank(&self.outages, percent) as f64 / 1e3;
        writeln!(
            f,
            "{} leaders died while all else was quiet; the outage in election timeouts: \
             median {:.2}, p90 {:.2}, max {:.2}",
            self.outages.len(),
            at(50),
            at(90),
            at(100)
        )
    }
}

/// The number at a percentage of the sorted numbers; zero of none.
fn rank(numbers: &[u64], percent: usize) -> u64 {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    let at = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(at).copied().unwrap_or(0)
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in &self.counts {
            writeln!(f, "{count:>12}  {name}")?;
        }
        write!(f, "judged:")?;
        for (name, count) in &self.tally {
            write!(f, " {name} {count}")?;
        }
        writeln!(f)?;
        self.write_outages(f)?;
        let missing = self.missing();
        if !missing.is_empty() {
            writeln!(f, "never occurred: {}", missing.join(", "))?;
        }
        write!(
            f,
            "{} runs, {} failed; {} s simulated in {:.1} s real, {:.1} s of runs; \
             simulated/real: median {}; simulated/processor time of all runs: {}",
            self.runs,
            self.failed,
            self.simulated_ms / 1_000,
            self.real.as_secs_f64(),
            self.run_us as f64 / 1e6,
            self.median_ratio(),
            self.simulated_ms.checked_div(self.cpu_ms).unwrap_or(0)
        )
    }
}
