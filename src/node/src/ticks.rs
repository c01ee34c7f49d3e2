//! Looking at something now and then, until the member stops.

use std::sync::Arc;
use std::time::Duration;

use crate::api::Api;
use crate::env::{Env, Sleep};
use crate::shared::Shared;

/// One tick a period. What takes longer than a period misses ticks; none is made up for.
pub(crate) struct Ticks<E: Env> {
    env: E,
    shared: Arc<Shared>,
    period: Duration,
    timer: E::Sleep,
}

impl<E: Env> Ticks<E> {
    /// The first one comes a period from now.
    pub(crate) fn every(api: &Api<E>, period: Duration) -> Ticks<E> {
        let env = api.inner.env.clone();
        let timer = env.sleep_until(env.now() + period);
        Ticks { env, shared: api.inner.shared.clone(), period, timer }
    }

    /// Waits for the next; false when the member stops.
    pub(crate) async fn next(&mut self) -> bool {
        tokio::select! {
            biased;
            () = self.shared.wait_stopped() => return false,
            () = &mut self.timer => {}
        }
        self.timer.reset(self.env.now() + self.period);
        true
    }
}
