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
    ratios: Vec<u64>,
    /// Real time of the sweep.
    pub real: Duration,
    /// Whether everything must have occurred.
    pub demand_all: bool,
}

/// Faults that a sweep with several cluster sizes must have seen.
const FAULTS: [&str; 18] = [
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
];

/// What else must have occurred.
const OCCURRENCES: [&str; 20] = [
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
    "operation: unknown outcome",
    "operation: refused for want of space",
    "disk: crash with unsynced data",
    "disk: sectors dropped",
    "disk: sectors kept",
    "disk: names lost",
    "fault: fsync error hit",
    "net: duplicated",
    "net: lost",
];

/// Properties that must have been judged.
const CHECKS: [&str; 45] = [
    "R1", "R2", "R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "R12", "R13", "R15", "L1",
    "L2", "L3", "L5", "A1", "A2", "A3", "V1", "V2", "V3", "V4", "V5", "V9", "V11", "W1", "W2",
    "W3", "W4", "W5", "W6", "W7", "W8", "W14", "W16", "E1", "E3", "H1", "X1", "G1", "D1", "W11",
];

impl Summary {
    /// Adds a run.
    pub fn add(&mut self, report: &Report) {
        self.runs += 1;
        self.failed += u64::from(report.broken.is_some());
        self.simulated_ms += report.simulated_ms;
        self.run_us += report.real_us;
        self.ratios.extend((report.simulated_ms * 1_000).checked_div(report.real_us));
        for (name, count) in &report.counts {
            *self.counts.entry(name.clone()).or_default() += count;
        }
        for (name, count) in &report.tally {
            *self.tally.entry(name.clone()).or_default() += count;
        }
    }

    /// What was demanded and never occurred.
    #[must_use]
    pub fn missing(&self) -> Vec<&'static str> {
        if !self.demand_all {
            return Vec::new();
        }
        let workloads = WorkloadKind::ALL.map(|(_, name)| name);
        let counted = FAULTS.iter().chain(&OCCURRENCES).chain(&workloads);
        let uncounted = counted.filter(|name| !self.counts.contains_key(**name));
        let unjudged = CHECKS.iter().filter(|name| !self.tally.contains_key(**name));
        uncounted.chain(unjudged).copied().collect()
    }

    /// The median over the runs of simulated time per real time.
    #[must_use]
    pub fn median_ratio(&self) -> u64 {
        let mut ratios = self.ratios.clone();
        ratios.sort_unstable();
        ratios.get(ratios.len() / 2).copied().unwrap_or(0)
    }
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
        let missing = self.missing();
        if !missing.is_empty() {
            writeln!(f, "never occurred: {}", missing.join(", "))?;
        }
        write!(
            f,
            "{} runs, {} failed; {} s simulated in {:.1} s real, {:.1} s of runs; \
             simulated/real: median {}",
            self.runs,
            self.failed,
            self.simulated_ms / 1_000,
            self.real.as_secs_f64(),
            self.run_us as f64 / 1e6,
            self.median_ratio()
        )
    }
}
