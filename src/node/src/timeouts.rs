//! Ends the waits of proposals that were not applied in time: one timer for all calls, because a
//! timer for each costs more than what it guards. A wait ends up to one period late.

use std::time::Duration;

use crate::api::Api;
use crate::env::Env;
use crate::error::ApiError;
use crate::ticks::Ticks;

/// Time between two looks.
const PERIOD: Duration = Duration::from_millis(200);

/// Runs until the member stops; from then on nobody waits.
pub(crate) async fn run<E: Env>(api: Api<E>) {
    let inner = &api.inner;
    let mut ticks = Ticks::every(&api, PERIOD);
    while ticks.next().await {
        let ended = inner.waiters.expire(inner.env.now(), || Err(ApiError::TIMEOUT));
        inner.metrics.proposals_failed.add(ended as u64);
    }
}
