//! One direction between two members: when a message arrives, if it does.

use std::time::Duration;

use base::{Instant, Prng};
use raft::Message;

/// How a link behaves; probabilities are per message.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct LinkFaults {
    /// Shortest delay, in microseconds (N1).
    pub delay_min_us: u64,
    /// Mean of the exponential part of the delay, in microseconds (N1).
    pub delay_mean_us: u64,
    /// A message is lost (N2).
    pub loss: f64,
    /// A message arrives twice (N3).
    pub duplicate: f64,
    /// The second copy arrives up to this much later, in milliseconds (N3).
    pub replay_ms_max: u64,
    /// A message may be overtaken by later ones (N4).
    pub reorder: f64,
    /// A chunk of a snapshot breaks its connection (N10).
    pub reset: f64,
}

impl Default for LinkFaults {
    fn default() -> LinkFaults {
        LinkFaults {
            delay_min_us: 150,
            delay_mean_us: 300,
            loss: 0.0,
            duplicate: 0.0,
            replay_ms_max: 0,
            reorder: 0.0,
            reset: 0.0,
        }
    }
}

impl LinkFaults {
    /// Draws a delay.
    pub fn delay(&self, prng: &mut Prng) -> Duration {
        let exponential = -(1.0 - prng.unit()).ln();
        let micros = self.delay_min_us as f64 + self.delay_mean_us as f64 * exponential;
        Duration::from_nanos((micros * 1_000.0) as u64)
    }
}

/// A link's state.
#[derive(Debug, Default)]
pub(super) struct Link {
    pub(super) faults: LinkFaults,
    pub(super) is_cut: bool,
    pub(super) is_clogged: bool,
    pub(super) held: Vec<Message>,
    pub(super) since: Instant,
    /// When the last message that kept its place arrives.
    last: Instant,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The sender notices that there is no way.
    Unreachable,
    /// It waits until the link is let go.
    Held,
    /// It is gone.
    Lost,
    /// It arrives, perhaps again.
    Arrives { at: Instant, again: Option<Instant> },
}

impl Link {
    /// Decides about a message; one of a stream is neither doubled nor overtaken.
    pub(super) fn decide(&mut self, now: Instant, is_stream: bool, prng: &mut Prng) -> Fate {
        if prng.chance(self.faults.loss) {
            return Fate::Lost;
        }
        let mut at = now + self.faults.delay(prng);
        if is_stream || !prng.chance(self.faults.reorder) {
            at = at.max(self.last + Duration::from_nanos(1));
            self.last = at;
        } else {
            at = at + self.faults.delay(prng) * 8;
        }
        let again = (!is_stream && prng.chance(self.faults.duplicate)).then(|| {
            let late = Duration::from_millis(prng.between(0, self.faults.replay_ms_max));
            at + late + self.faults.delay(prng)
        });
        Fate::Arrives { at, again }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stream_keeps_its_order_and_is_never_doubled() {
        let mut prng = Prng::new(5);
        let mut link = Link::default();
        link.faults.reorder = 1.0;
        link.faults.duplicate = 1.0;
        let mut last = Instant::ORIGIN;
        for _ in 0..500 {
            let Fate::Arrives { at, again } = link.decide(Instant::ORIGIN, true, &mut prng) else {
                panic!("nothing is lost on this link")
            };
            assert!(at > last && again.is_none());
            last = at;
        }
        let other = link.decide(Instant::ORIGIN, false, &mut prng);
        let Fate::Arrives { at, again } = other else { panic!("{other:?}") };
        assert!(at < last && again.is_some(), "a message may overtake and be doubled");
    }
}
