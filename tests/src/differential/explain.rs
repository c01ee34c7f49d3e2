//! Differences that are as they should be: each is a line of a table with its reason, and is
//! counted.

use std::collections::BTreeMap;

use super::compare::Difference;
use crate::repository::root;

/// In the place of a part of the step: a user's range over no keys.
const WITHOUT_KEYS: &str = "@without-keys";

/// One row of the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    /// What the readable step must contain: path and fields of the request, joined by `&`; or
    /// [`WITHOUT_KEYS`].
    step: String,
    /// What the readable answer of etcd must contain.
    etcd: String,
    /// What the readable answer of ours must contain.
    ours: String,
    reason: String,
}

/// The table, and how often each row was needed.
#[derive(Clone, Debug, Default)]
pub struct Explanations {
    rows: Vec<Row>,
    used: BTreeMap<usize, u64>,
}

impl Explanations {
    /// The table of the repository.
    ///
    /// # Panics
    /// When a line is not `step | etcd | ours | reason`.
    #[must_use]
    pub fn of_repository() -> Explanations {
        let path = root().join("tests/interop/differences.txt");
        let text = std::fs::read_to_string(path).expect("the table of differences");
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        let row = |line: &str| {
            let parts: Vec<&str> =
                line.split(" | ").map(|cell| cell.trim().trim_matches('"')).collect();
            let [step, etcd, ours, reason] = parts[..] else { panic!("no row: {line}") };
            assert!(!etcd.is_empty() && !ours.is_empty() && !reason.is_empty(), "too wide: {line}");
            let [step, etcd, ours, reason] = [step, etcd, ours, reason].map(str::to_owned);
            Row { step, etcd, ours, reason }
        };
        Explanations { rows: lines.map(row).collect(), used: BTreeMap::new() }
    }

    /// Whether a row explains a difference; it is counted then.
    pub fn explain(&mut self, difference: &Difference) -> bool {
        let step = difference.step.to_string();
        let is_there = |part: &str| match part {
            WITHOUT_KEYS => difference.step.is_range_without_keys(),
            text => step.contains(text),
        };
        let fits = |row: &Row| {
            row.step.split(" & ").all(is_there)
                && difference.left.contains(&row.etcd)
                && difference.right.contains(&row.ours)
        };
        let Some(number) = self.rows.iter().position(fits) else { return false };
        *self.used.entry(number).or_default() += 1;
        true
    }

    /// Differences that were explained.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.used.values().sum()
    }

    /// `reason: count` of each row that was needed.
    #[must_use]
    pub fn summary(&self) -> String {
        let rows = self.used.iter().map(|(number, count)| {
            let row = &self.rows[*number];
            format!("{}: {count}", row.reason)
        });
        rows.collect::<Vec<_>>().join("; ")
    }
}
