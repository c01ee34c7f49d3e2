//! Where small reads of the backend run.
//!
//! A read that the backend's caches answer takes two microseconds; the way to the pool and back
//! takes ten times that. So single keys are read where the call runs, as long as that is fast. When
//! one read in eight or more waits for the disk, all go to the pool for a while, and then it is
//! tried again: a store larger than memory costs a call's thread a few slow reads now and then. A
//! single slow one says nothing: its thread may only have lost the processor meanwhile.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use base::Instant;

/// A read that takes longer has waited for something.
const SLOW: Duration = Duration::from_micros(500);

/// How long reads stay on the pool.
const PAUSE: Duration = Duration::from_millis(100);

/// A slow read adds this to the score, a fast one takes one away.
const SCORE_OF_SLOW: u32 = 8;

/// The score from which on the backend counts as slow.
const SCORE_MAX: u32 = 32;

/// How fast the backend answered lately. Counts that race may lose a step; none matters.
#[derive(Debug, Default)]
pub(crate) struct ReadPace {
    score: AtomicU32,
    /// Nanoseconds since the origin until which reads go to the pool.
    slow_until: AtomicU64,
}

impl ReadPace {
    /// Whether a small read may run where its call does.
    pub(crate) fn is_fast(&self, now: Instant) -> bool {
        now.as_nanos() >= self.slow_until.load(Ordering::Relaxed)
    }

    /// Notes how long such a read took.
    pub(crate) fn note(&self, began: Instant, ended: Instant) {
        let score = self.score.load(Ordering::Relaxed);
        let next = match ended.since(began) > SLOW {
            true => score + SCORE_OF_SLOW,
            false => score.saturating_sub(1),
        };
        if next >= SCORE_MAX {
            self.slow_until.store((ended + PAUSE).as_nanos(), Ordering::Relaxed);
            self.score.store(0, Ordering::Relaxed);
        } else if next != score {
            self.score.store(next, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_that_are_slow_again_and_again_send_the_next_ones_to_the_pool_for_a_while() {
        let (pace, began) = (ReadPace::default(), Instant::from_nanos(1_000));
        let ended = began + 2 * SLOW;
        for _ in 0..100 {
            pace.note(began, ended);
            (0..SCORE_OF_SLOW).for_each(|_| pace.note(began, began + SLOW));
            assert!(pace.is_fast(ended), "one in nine");
        }
        (0..SCORE_MAX / SCORE_OF_SLOW).for_each(|_| pace.note(began, ended));
        assert!(!pace.is_fast(ended));
        assert!(pace.is_fast(ended + PAUSE));
        pace.note(began, ended);
        assert!(pace.is_fast(ended + PAUSE), "the count begins anew");
    }
}
