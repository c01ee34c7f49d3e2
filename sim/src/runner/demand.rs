//! What a seed must be, to count as one: long enough, busy enough, faulty enough, and served. A
//! plan that was made smaller need not be.

use super::job::{Broken, Report};
use crate::run::liveness::STANDSTILL;

/// Simulated milliseconds.
const SIMULATED_MS_MIN: u64 = 60_000;
/// Operations that clients begin.
const OPERATIONS_MIN: u64 = 500;
/// Faults that happen.
const FAULTS_MIN: usize = 3;

/// What a run of a seed that broke no check falls short of.
pub(super) fn shortcoming(report: &Report) -> Option<Broken> {
    let count = |name: &str| report.counts.get(name).copied().unwrap_or(0);
    let (begun, answered) = (count("operation: begun"), count("operation: answered"));
    let faults = report.plan.faults.len();
    let text = if report.simulated_ms < SIMULATED_MS_MIN {
        format!("{} ms were simulated, a seed is {SIMULATED_MS_MIN}", report.simulated_ms)
    } else if count(STANDSTILL) > 0 {
        return None;
    } else if !report.tally.contains_key("G1") {
        "the run ended without healing and rest".into()
    } else if report.plan.is_idle() {
        return None;
    } else if begun < OPERATIONS_MIN {
        format!("{begun} operations were begun, a seed has {OPERATIONS_MIN}")
    } else if answered == 0 {
        format!("none of {begun} operations was answered")
    } else if faults < FAULTS_MIN {
        format!("{faults} faults, a seed has {FAULTS_MIN}")
    } else {
        return None;
    };
    Some(Broken { check: "seed".into(), text, at_nanos: 0, event: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::draw;
    use crate::runner::job::Job;

    fn good() -> Report {
        let plan = (0..)
            .map(|seed| draw::plan(seed, Some(3)))
            .find(|plan| !plan.is_idle())
            .expect("most plans are busy");
        let mut report = Report::of_panic(&Job::Plan(Box::new(plan)), String::new());
        report.simulated_ms = SIMULATED_MS_MIN;
        report.counts.insert("operation: begun".into(), OPERATIONS_MIN);
        report.counts.insert("operation: answered".into(), 1);
        report.tally.insert("G1".into(), 1);
        report
    }

    #[test]
    fn a_seed_that_is_too_small_or_is_not_served_fails() {
        assert_eq!(shortcoming(&good()), None);
        let falls_short = |change: fn(&mut Report)| {
            let mut report = good();
            change(&mut report);
            shortcoming(&report).is_some()
        };
        assert!(falls_short(|report| report.simulated_ms -= 1));
        assert!(falls_short(|report| {
            report.counts.insert("operation: begun".into(), OPERATIONS_MIN - 1);
        }));
        assert!(falls_short(|report| {
            report.counts.insert("operation: answered".into(), 0);
        }));
        assert!(falls_short(|report| report.plan.faults.truncate(FAULTS_MIN - 1)));
        assert!(falls_short(|report| report.tally.clear()));
    }
}
