//! A timer over tokio's, set anew without allocating.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use base::Instant;
use node::env::Sleep;

/// tokio's wheel takes deadlines of about two years; what lies further away is cut to this.
const FURTHEST: Duration = Duration::from_secs(365 * 24 * 3600);

/// A timer; created and awaited within a runtime.
#[derive(Debug)]
pub struct TokioSleep {
    origin: tokio::time::Instant,
    inner: Pin<Box<tokio::time::Sleep>>,
}

impl TokioSleep {
    pub(super) fn new(origin: tokio::time::Instant, at: Instant) -> TokioSleep {
        let inner = Box::pin(tokio::time::sleep_until(deadline(origin, at)));
        TokioSleep { origin, inner }
    }
}

fn deadline(origin: tokio::time::Instant, at: Instant) -> tokio::time::Instant {
    let furthest = origin.elapsed() + FURTHEST;
    origin + at.since(Instant::ORIGIN).min(furthest)
}

impl Sleep for TokioSleep {
    fn reset(&mut self, at: Instant) {
        let at = deadline(self.origin, at);
        self.inner.as_mut().reset(at);
    }
}

impl Future for TokioSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        self.inner.as_mut().poll(cx)
    }
}
