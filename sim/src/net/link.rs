//! One direction between two members: when a message arrives, if it does, and how it travels.

use std::time::Duration;

use base::{Instant, MemberId, Prng};
use raft::{Body, Message};

use super::wire::{Parcel, Stream, Wire, post};

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
    /// A message, or a chunk of a snapshot, breaks its connection (N10).
    pub reset: f64,
    /// A chunk of a snapshot arrives corrupted.
    #[serde(default)]
    pub garble: f64,
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
            garble: 0.0,
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
#[derive(Debug)]
pub(super) struct Link {
    pub(super) faults: LinkFaults,
    pub(super) is_cut: bool,
    pub(super) is_clogged: bool,
    pub(super) held: Vec<Message>,
    pub(super) since: Instant,
    pub(super) wire: Wire,
    /// When the last message that kept its place arrives, on either connection.
    last: [Instant; 2],
}

/// What becomes of a message.
#[derive(Debug)]
pub(super) enum Fate {
    /// The sender notices that there is no way.
    Unreachable,
    /// It waits until the link is let go.
    Held,
    /// It is gone.
    Lost,
    /// It arrives, perhaps again, perhaps on a new connection.
    Arrives { first: Arrival, again: Option<Arrival>, is_reset: bool, is_late: bool },
}

/// Bytes and the time at which they arrive.
#[derive(Debug)]
pub(super) struct Arrival {
    pub(super) at: Instant,
    pub(super) parcel: Parcel,
}

impl Link {
    /// A link that works.
    pub(super) fn new(from: MemberId, to: MemberId) -> Link {
        Link {
            faults: LinkFaults::default(),
            is_cut: false,
            is_clogged: false,
            held: Vec::new(),
            since: Instant::ORIGIN,
            wire: Wire::new(from, to),
            last: [Instant::ORIGIN; 2],
        }
    }

    /// Decides about a message between two incarnations; a proposal is neither doubled nor
    /// overtaken on its connection (P-a).
    pub(super) fn decide(
        &mut self,
        now: Instant,
        ends: (u64, u64),
        message: &Message,
        prng: &mut Prng,
    ) -> Fate {
        if prng.chance(self.faults.loss) {
            return Fate::Lost;
        }
        let is_reset = prng.chance(self.faults.reset);
        if is_reset {
            self.wire.reset(prng.chance(0.5));
        }
        let may_repeat = !matches!(message.body, Body::Propose { .. });
        let at = now + self.faults.delay(prng);
        let is_late = may_repeat && prng.chance(self.faults.reorder);
        let first = if is_late {
            Arrival { at: at + self.faults.delay(prng) * 8, parcel: post(message) }
        } else {
            let last = &mut self.last[Stream::of(message) as usize];
            *last = at.max(*last + Duration::from_nanos(1));
            Arrival { at: *last, parcel: self.wire.write(ends, message) }
        };
        let again = (may_repeat && prng.chance(self.faults.duplicate)).then(|| {
            let late = Duration::from_millis(prng.between(0, self.faults.replay_ms_max));
            let at = first.at + late + self.faults.delay(prng);
            Arrival { at, parcel: post(message) }
        });
        Fate::Arrives { first, again, is_reset, is_late }
    }
}

#[cfg(test)]
mod tests {
    use base::Term;

    use super::*;

    fn message(body: Body) -> Message {
        Message { from: MemberId(1), to: MemberId(2), term: Term(1), body }
    }

    #[test]
    fn proposals_keep_their_order_and_are_never_doubled() {
        let mut prng = Prng::new(5);
        let mut link = Link::new(MemberId(1), MemberId(2));
        link.faults.reorder = 1.0;
        link.faults.duplicate = 1.0;
        let mut last = Instant::ORIGIN;
        let mut decide = |body| link.decide(Instant::ORIGIN, (1, 2), &message(body), &mut prng);
        for _ in 0..500 {
            let fate = decide(Body::Propose { entries: Vec::new() });
            let Fate::Arrives { first, again, .. } = fate else {
                panic!("nothing is lost on this link")
            };
            assert!(first.at > last && again.is_none());
            last = first.at;
        }
        let other = decide(Body::TimeoutNow);
        let Fate::Arrives { first, again, .. } = other else { panic!("{other:?}") };
        assert!(first.at < last && again.is_some(), "a message may overtake and be doubled");
    }
}
