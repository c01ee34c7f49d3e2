//! Virtual time: the world's clock, callbacks at a moment, and each member's own view of time.
//!
//! The world's clock counts nanoseconds since the run began. A member's monotonic clock starts
//! somewhere else and may run faster or slower (CK1, CK2); both are functions of the plan.
//!
//! A callback runs inside the runtime's timer: it must not create timers, read the clock (it is
//! stale there) or spawn. It may push into queues and wake tasks.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use base::Instant;
use madsim::time::TimeHandle;

use crate::sync::lock;

/// The clock of a run.
#[derive(Clone)]
pub struct Clock {
    time: TimeHandle,
}

struct Callback(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Wake for Callback {
    fn wake(self: Arc<Self>) {
        let run = lock(&self.0).take();
        if let Some(run) = run {
            run();
        }
    }
}

impl Clock {
    /// The clock of the runtime that this is called in.
    ///
    /// # Panics
    /// Outside a simulated runtime.
    #[must_use]
    pub fn current() -> Clock {
        Clock { time: TimeHandle::current() }
    }

    /// Time since the run began.
    #[must_use]
    pub fn now(&self) -> Instant {
        Instant::from_nanos(self.time.elapsed().as_nanos() as u64)
    }

    /// Runs `callback` at `at`, or as soon as possible when that has passed.
    pub fn run_at(&self, at: Instant, callback: impl FnOnce() + Send + 'static) {
        let callback = Arc::new(Callback(Mutex::new(Some(Box::new(callback)))));
        self.wake_at(at, &Waker::from(callback));
    }

    /// Wakes `waker` at `at`, or as soon as possible when that has passed.
    pub fn wake_at(&self, at: Instant, waker: &Waker) {
        let wait = at.since(self.now()).max(Duration::from_nanos(1));
        let mut sleep = self.time.sleep(wait);
        // The constructor rounds up to a millisecond; setting the deadline anew does not.
        Pin::new(&mut sleep).reset(self.time.now_instant() + wait);
        let registered = Pin::new(&mut sleep).poll(&mut Context::from_waker(waker));
        assert!(registered.is_pending(), "a timer {wait:?} ahead was due at once");
    }

    /// A timer on the world's clock.
    #[must_use]
    pub fn sleep_until(&self, at: Instant) -> Timer {
        Timer { clock: self.clone(), at, state: Arc::default() }
    }

    /// A timer that fires `wait` from now.
    #[must_use]
    pub fn sleep(&self, wait: Duration) -> Timer {
        self.sleep_until(self.now() + wait)
    }
}

/// A timer that registers once with the runtime, however often it is polled, and is forgotten when
/// dropped. The runtime itself never cancels a timer and adds one at each poll.
pub struct Timer {
    clock: Clock,
    at: Instant,
    state: Arc<Mutex<Registration>>,
}

#[derive(Default)]
struct Registration {
    /// When the runtime will call, if it will.
    due: Option<Instant>,
    /// Distinguishes the awaited call from earlier, outdated ones.
    generation: u64,
    waker: Option<Waker>,
}

impl Timer {
    /// Moves the deadline. A later one costs nothing: the timer that is registered wakes the task
    /// early, once, and is then registered anew.
    pub fn reset(&mut self, at: Instant) {
        self.at = at;
    }

    fn register(&self, cx: &Context<'_>) {
        let generation = {
            let mut state = lock(&self.state);
            if !state.waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                state.waker = Some(cx.waker().clone());
            }
            if state.due.is_some_and(|due| due <= self.at) {
                return;
            }
            state.due = Some(self.at);
            state.generation += 1;
            state.generation
        };
        let state = self.state.clone();
        self.clock.run_at(self.at, move || {
            let mut state = lock(&state);
            if state.generation != generation {
                return;
            }
            state.due = None;
            let waker = state.waker.take();
            drop(state);
            if let Some(waker) = waker {
                waker.wake();
            }
        });
    }
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.clock.now() >= self.at {
            return Poll::Ready(());
        }
        self.register(cx);
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        state.generation += 1;
        state.waker = None;
    }
}

/// How a member's monotonic clock relates to the world's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct MemberClock {
    /// What the member's clock shows when the run begins, in nanoseconds.
    pub offset_nanos: u64,
    /// How much faster it runs, in parts per million.
    pub drift_ppm: i64,
}

impl MemberClock {
    /// The member's time at a moment of the world.
    #[must_use]
    pub fn from_world(self, world: Instant) -> Instant {
        let elapsed = i128::from(world.as_nanos());
        let drifted = elapsed + elapsed * i128::from(self.drift_ppm) / 1_000_000;
        Instant::from_nanos(self.offset_nanos + drifted as u64)
    }

    /// The earliest moment of the world at which the member's clock shows `member`.
    #[must_use]
    pub fn to_world(self, member: Instant) -> Instant {
        let elapsed = i128::from(member.as_nanos().saturating_sub(self.offset_nanos));
        let mut world = elapsed * 1_000_000 / (1_000_000 + i128::from(self.drift_ppm));
        // Rounding may have gone up; the loop finds the earliest moment from below.
        world = (world - 2).clamp(0, i128::from(u64::MAX / 4));
        let mut at = Instant::from_nanos(world as u64);
        while self.from_world(at) < member && at.as_nanos() < u64::MAX / 4 {
            at = at + Duration::from_nanos(1);
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::in_fresh_thread;

    #[test]
    fn a_timer_is_exact_below_a_millisecond_and_follows_a_reset() {
        in_fresh_thread(1, async {
            let clock = Clock::current();
            let start = clock.now();
            clock.sleep(Duration::from_micros(10)).await;
            let took = clock.now().since(start);
            assert!((10_000..20_000).contains(&took.as_nanos()), "10 us took {took:?}");
            let mut timer = clock.sleep(Duration::from_secs(5));
            let mut polled = 0;
            let end = clock.now() + Duration::from_millis(7);
            std::future::poll_fn(|cx| {
                polled += 1;
                let _ = Pin::new(&mut timer).poll(cx);
                timer.reset(end);
                Pin::new(&mut timer).poll(cx)
            })
            .await;
            assert!(clock.now() >= end && clock.now().since(end) < Duration::from_micros(10));
            assert_eq!(polled, 2, "an outdated registration must not wake");
        });
    }

    #[test]
    fn a_drifting_clock_and_its_inverse_agree() {
        for drift_ppm in [-50_000, 0, 7, 30_000] {
            let clock = MemberClock { offset_nanos: 77, drift_ppm };
            for nanos in [0, 1, 999, 1_000_000_007, 86_400_000_000_000] {
                let member = clock.from_world(Instant::from_nanos(nanos));
                let back = clock.to_world(member);
                assert!(clock.from_world(back) >= member);
                assert!(back.as_nanos() <= nanos, "{back:?} is not the earliest ({drift_ppm})");
            }
        }
    }
}
