//! The end of leases: the leader looks which are due and proposes their revokes, a bounded number
//! at a time. Each carries the term it was decided in, so a deposed leader's decision dies with its
//! term. A revoke that is lost is decided again after a while.

use std::time::Duration;

use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb::{InternalRaftRequest, LeaseRevokeRequest, RequestHeader};
use state::auth::ROOT_USER;

use crate::api::Api;
use crate::env::{Env, Event};
use crate::observe;
use crate::raft_task::input::Command;
use crate::ticks::Ticks;

/// Time between two looks.
const PERIOD: Duration = Duration::from_millis(500);

/// Revokes decided at one look.
const DUE_MAX: usize = 500;

/// Runs until the member stops.
pub(crate) async fn run<E: Env>(api: Api<E>) {
    let inner = &api.inner;
    let mut ticks = Ticks::every(&api, PERIOD);
    while ticks.next().await {
        let retry = inner.config.request_timeout();
        let due = inner.lessor.take_due(inner.env.now(), retry, DUE_MAX);
        let Some((term, leases)) = due else { continue };
        for lease in leases {
            observe(&inner.env, || Event::LeaseExpired { lease: lease.get(), term });
            inner.metrics.leases[3].add(1);
            let command = Command::ProposeInTerm { term, payload: revoke(&api, lease.get()) };
            if inner.commands.send(command).await.is_err() {
                return;
            }
        }
    }
}

fn revoke<E: Env>(api: &Api<E>, lease: i64) -> Bytes {
    let auth = api.auth();
    let id = api.inner.ids.next().get();
    let header = match auth.is_enabled() {
        // A lease ends whoever may write its keys.
        true => RequestHeader { id, username: ROOT_USER.into(), auth_revision: auth.revision() },
        false => RequestHeader { id, ..RequestHeader::default() },
    };
    let request = InternalRaftRequest {
        header: Some(header),
        lease_revoke: Some(LeaseRevokeRequest { id: lease }),
        ..InternalRaftRequest::default()
    };
    Bytes::from(request.encode_to_vec())
}
