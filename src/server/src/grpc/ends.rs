//! What ends a stream from outside: the server stops, the deadline passes, a request cannot be
//! read, or the leader that the client asked for is gone.

use std::time::Duration;

use node::ApiError;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep, sleep_until};

use super::call::{Metadata, deadline_passed};
use super::method::Rpc;
use super::service::Service;
use super::status::Status;
use crate::listen::Stop;

/// A stream opened with `hasleader` ends after this many election timeouts in a row without one:
/// a stream costs more to open again than a call to repeat.
const LEADERLESS_CHECKS_MAX: u32 = 3;

/// Waits for the first reason to end a stream.
pub(super) async fn ends<S: Service>(
    service: S,
    rpc: Rpc,
    metadata: Metadata,
    stop: Stop,
    election_timeout: Duration,
    unreadable: Option<oneshot::Receiver<Status>>,
) -> Status {
    let (deadline, require_leader) = (metadata.deadline, metadata.caller.require_leader);
    tokio::select! {
        biased;
        () = stop.stopped() => ApiError::STOPPED.into(),
        () = expired(deadline) => deadline_passed(rpc).into(),
        status = failure(unreadable) => status,
        () = leaderless(service, election_timeout), if require_leader => {
            ApiError::NO_LEADER.into()
        }
    }
}

/// A client that ended its side in good order leaves the sender dropped: no failure.
async fn failure(unreadable: Option<oneshot::Receiver<Status>>) -> Status {
    if let Some(unreadable) = unreadable
        && let Ok(status) = unreadable.await
    {
        return status;
    }
    std::future::pending().await
}

async fn expired(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

async fn leaderless<S: Service>(service: S, election_timeout: Duration) {
    let mut checks = 0;
    while checks < LEADERLESS_CHECKS_MAX {
        sleep(election_timeout).await;
        checks = if service.gate().leader { 0 } else { checks + 1 };
    }
}
