//! Makes a list of steps that ends in a difference shorter.

use super::compare::Difference;
use super::server::{Flavour, Server};
use super::side::Side;
use super::step::Step;
use crate::kind::Kind;

/// Runs a list of steps on fresh members; the difference in its last step, if there still is one.
async fn last_difference(
    steps: &[Step],
    kinds: [Kind; 2],
    flavour: Flavour,
    clients: usize,
) -> Option<Difference> {
    let (left, right) =
        tokio::join!(Server::start(kinds[0], flavour), Server::start(kinds[1], flavour));
    let (mut left, mut right) = (Side::new(left, clients), Side::new(right, clients));
    let mut last = None;
    for (number, step) in steps.iter().enumerate() {
        let (expected, got) = tokio::join!(left.step(step), right.step(step));
        last = Difference::of(number, step, &expected, &got);
    }
    last
}

/// Leaves out steps for as long as the last one still differs, with so many attempts at most.
///
/// Gives the steps that are left and the difference that they end in; nothing when it does not
/// show again.
pub async fn shrink(
    mut steps: Vec<Step>,
    kinds: [Kind; 2],
    flavour: Flavour,
    attempts: usize,
) -> Option<(Vec<Step>, Difference)> {
    let clients = 1 + steps.iter().map(|step| step.client).max().unwrap_or(0);
    let mut shown = last_difference(&steps, kinds, flavour, clients).await?;
    let mut part = steps.len() / 2;
    let mut left = attempts;
    while part > 0 {
        let mut begin = 0;
        while begin + 1 < steps.len() && left > 0 {
            let end = (begin + part).min(steps.len() - 1);
            let fewer = [&steps[..begin], &steps[end..]].concat();
            left -= 1;
            match last_difference(&fewer, kinds, flavour, clients).await {
                Some(difference) => (steps, shown) = (fewer, difference),
                None => begin = end,
            }
        }
        part /= 2;
    }
    Some((steps, shown))
}
