//! Answers what other members ask outside Raft.

use base::LeaseId;

use crate::api::cluster::message;
use crate::api::{Api, Caller};
use crate::auth::Credentials;
use crate::env::{Env, Net, PeerCall, PeerRequest, PeerResponse};
use crate::error::ApiError;
use crate::version;

/// Runs until the member stops.
pub(crate) async fn run<E: Env>(api: Api<E>) {
    let shared = api.inner.shared.clone();
    let net = api.inner.env.net().clone();
    loop {
        let call = tokio::select! {
            biased;
            () = shared.wait_stopped() => return,
            call = net.next_call() => call,
        };
        let api = api.clone();
        // Calls wait for quorums; one must not hold up the next.
        api.inner.env.clone().spawn("peer-call", async move { answer(&api, call).await });
    }
}

async fn answer<E: Env>(api: &Api<E>, call: PeerCall) {
    let response = respond(api, call.request).await;
    // The asker may have given up.
    let _gone = call.answer.send(response.map_err(|error| error.text.into_owned()));
}

async fn respond<E: Env>(api: &Api<E>, request: PeerRequest) -> Result<PeerResponse, ApiError> {
    match request {
        PeerRequest::LeaseKeepAlive(request) => {
            let ttl = api.renew_here(LeaseId(request.id)).await?;
            Ok(PeerResponse::LeaseKeepAlive(proto::etcdserverpb::LeaseKeepAliveResponse {
                header: None,
                id: request.id,
                ttl,
            }))
        }
        PeerRequest::LeaseKeepAlives(leases) => {
            api.renew_together(&leases).await.map(PeerResponse::LeaseKeepAlives)
        }
        PeerRequest::LeaseTimeToLive(request) => {
            api.time_to_live_here(&request).await.map(PeerResponse::LeaseTimeToLive)
        }
        PeerRequest::MemberPromote { id, token } => {
            let credentials = token.map_or(Credentials::Nobody, Credentials::Token);
            let caller = Caller { credentials, ..Caller::default() };
            api.require_admin(&caller).await?;
            api.promote_here(id).await.map(PeerResponse::MemberPromote)
        }
        PeerRequest::HashKv(revision) => api.hash_kv_at(revision).await.map(PeerResponse::HashKv),
        PeerRequest::Members => {
            let rest = api.inner.views.load().rest.clone();
            Ok(PeerResponse::Members(rest.members.iter().map(message).collect()))
        }
        PeerRequest::DowngradeEnabled => {
            api.downgrade_enabled().await.map(PeerResponse::DowngradeEnabled)
        }
        PeerRequest::Version => {
            let cluster = api.inner.views.load().rest.cluster_version.clone();
            let decided = !cluster.is_empty();
            let cluster = if decided { cluster } else { "not_decided".to_string() };
            Ok(PeerResponse::Version { server: version::SERVER.into(), cluster, is_cairn: true })
        }
    }
}
