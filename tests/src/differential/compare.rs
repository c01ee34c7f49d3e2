//! What two servers answered differently.

use std::fmt;

use model::schema::Schema;

use super::explain::Explanations;
use super::outcome::Outcome;
use super::step::{Action, Step};

/// One step to which two servers gave different outcomes.
#[derive(Clone, Debug)]
pub struct Difference {
    /// The number of the step in its episode.
    pub number: usize,
    /// The step.
    pub step: Step,
    /// The outcome of the first server, readable.
    pub left: String,
    /// The outcome of the second.
    pub right: String,
}

impl Difference {
    /// Compares two outcomes.
    #[must_use]
    pub fn of(number: usize, step: &Step, left: &Outcome, right: &Outcome) -> Option<Difference> {
        if left == right {
            return None;
        }
        let message = match &step.action {
            Action::Call(call) => {
                let schema = Schema::of_protocol();
                schema.method(&call.path).map_or(String::new(), |method| method.response.clone())
            }
            _ => "etcdserverpb.WatchResponse".into(),
        };
        let (mut first, mut second) = (left.clone(), right.clone());
        if !matches!(step.action, Action::Call(_)) {
            // Of many watchers only those are shown that were told different things.
            first.answers.retain(|told| !right.answers.contains(told));
            second.answers.retain(|told| !left.answers.contains(told));
        }
        let (left, right) = (first.readable(&message), second.readable(&message));
        Some(Difference { number, step: step.clone(), left, right })
    }

    /// The path that was called, or what else was done.
    #[must_use]
    pub fn path(&self) -> &str {
        match &self.step.action {
            Action::Call(call) => &call.path,
            _ => "watch",
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { number, step, left, right } = self;
        write!(f, "step {number}: {step}\n  expected\n{left}  got\n{right}")
    }
}

/// What a run found.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Steps taken.
    pub requests: u64,
    /// Differences without a reason.
    pub unexplained: u64,
    /// Those with one.
    pub explained: Explanations,
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Summary { requests, unexplained, explained } = self;
        write!(f, "{requests} requests, {unexplained} unexplained differences, ")?;
        write!(f, "{} explained", explained.count())?;
        if explained.count() > 0 {
            write!(f, " ({})", explained.summary())?;
        }
        Ok(())
    }
}
