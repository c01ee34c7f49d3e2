//! The end of leases: the leader looks which are due and proposes their revokes; so many may be
//! under way at a time, so that a million that end together go as fast as the log takes them and
//! hold up nobody else. Each carries the term it was decided in, so a deposed leader's decision
//! dies with its term. A revoke that is lost is decided again after a while.
//!
//! Here, too, the leader has the log record what remains of long leases.

use std::time::Duration;

use base::{LeaseId, Term, mark};
use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb::{
    InternalRaftRequest, LeaseCheckpoint, LeaseCheckpointRequest, LeaseRevokeRequest, RequestHeader,
};
use state::auth::ROOT_USER;

use crate::api::Api;
use crate::env::{Env, Event, Sleep};
use crate::lessor::Remaining;
use crate::observe;
use crate::raft_task::input::Command;

/// Time between two looks while nothing waits.
const PERIOD: Duration = Duration::from_millis(500);

/// Revokes under way at a time.
const REVOKING_MAX: usize = 256;

/// Leases in one record of what remains.
const CHECKPOINTS_MAX: usize = 1000;

/// Runs until the member stops.
pub(crate) async fn run<E: Env>(api: Api<E>) {
    let inner = &api.inner;
    let mut timer = inner.env.sleep_until(inner.env.now() + PERIOD);
    loop {
        tokio::select! {
            biased;
            () = inner.shared.wait_stopped() => return,
            () = &mut timer => timer.reset(inner.env.now() + PERIOD),
            // Those that were under way are done: more may be due.
            () = inner.lessor.drained.notified() => {}
        }
        if checkpoint(&api).await.is_none() || revoke(&api).await.is_none() {
            return;
        }
    }
}

/// `None` when the member stops.
async fn revoke<E: Env>(api: &Api<E>) -> Option<()> {
    let inner = &api.inner;
    let retry = inner.config.request_timeout();
    let due = inner.lessor.take_due(inner.env.now(), retry, REVOKING_MAX);
    let Some((term, leases)) = due else { return Some(()) };
    for lease in leases {
        observe(&inner.env, || Event::LeaseExpired { lease: lease.get(), term });
        inner.metrics.leases[3].add(1);
        let id = lease.get();
        let revoke = Some(LeaseRevokeRequest { id });
        let request = InternalRaftRequest { lease_revoke: revoke, ..Default::default() };
        propose(api, term, request).await?;
    }
    Some(())
}

/// `None` when the member stops.
async fn checkpoint<E: Env>(api: &Api<E>) -> Option<()> {
    let inner = &api.inner;
    loop {
        let taken = inner.lessor.take_checkpoints(inner.env.now(), CHECKPOINTS_MAX);
        let Some((term, remaining)) = taken.filter(|(_, taken)| !taken.is_empty()) else {
            return Some(());
        };
        mark!("lease: what remains is recorded");
        propose(api, term, checkpoints(&remaining)).await?;
        inner.lessor.sent(&remaining);
    }
}

fn checkpoints(remaining: &[Remaining]) -> InternalRaftRequest {
    let one = |&(lease, remaining_ttl): &(LeaseId, i64)| LeaseCheckpoint {
        id: lease.get(),
        remaining_ttl,
    };
    let checkpoints = remaining.iter().map(one).collect();
    InternalRaftRequest {
        lease_checkpoint: Some(LeaseCheckpointRequest { checkpoints }),
        ..InternalRaftRequest::default()
    }
}

async fn propose<E: Env>(api: &Api<E>, term: Term, mut request: InternalRaftRequest) -> Option<()> {
    let auth = api.auth();
    let id = api.inner.ids.next().get();
    request.header = Some(match auth.is_enabled() {
        // A lease ends whoever may write its keys.
        true => RequestHeader { id, username: ROOT_USER.into(), auth_revision: auth.revision() },
        false => RequestHeader { id, ..RequestHeader::default() },
    });
    let payload = Bytes::from(request.encode_to_vec());
    api.inner.commands.send(Command::ProposeInTerm { term, payload }).await.ok()
}
