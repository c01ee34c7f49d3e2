//! What a member does by itself: publish its name and client URLs once it is up, and, while it
//! leads, raise the cluster version to what all members understand.

use std::time::Duration;

use proto::etcdserverpb::InternalRaftRequest;
use proto::membershippb::{Attributes, ClusterMemberAttrSetRequest, ClusterVersionSetRequest};

use crate::api::{Api, Caller};
use crate::env::{Env, Net, PeerRequest, PeerResponse, Role};
use crate::version::{self, minor};

/// How often the leader looks at the members' versions.
const VERSION_CHECK: Duration = Duration::from_secs(4);

/// How long to wait before a failed publication is tried again.
const PUBLISH_RETRY: Duration = Duration::from_millis(500);

/// Runs until the member stops.
pub(crate) async fn run<E: Env>(api: Api<E>) {
    let shared = api.inner.shared.clone();
    publish(&api).await;
    shared.set_ready();
    let mut timer = api.inner.env.sleep_until(api.inner.env.now());
    loop {
        tokio::select! {
            biased;
            () = shared.wait_stopped() => return,
            () = &mut timer => {
                raise_version(&api).await;
                let next = api.inner.env.now() + VERSION_CHECK;
                crate::env::Sleep::reset(&mut timer, next);
            }
        }
    }
}

/// Tells the cluster this member's name and client URLs; needs a quorum, so it is tried until one
/// is there.
async fn publish<E: Env>(api: &Api<E>) {
    let inner = &api.inner;
    let attributes = Attributes {
        name: inner.config.name.clone(),
        client_urls: inner.config.client_urls.clone(),
    };
    while !inner.shared.is_stopping() {
        let request = ClusterMemberAttrSetRequest {
            member_id: inner.member.get(),
            member_attributes: Some(attributes.clone()),
        };
        let request = InternalRaftRequest {
            cluster_member_attr_set: Some(request),
            ..InternalRaftRequest::default()
        };
        if api.propose(&Caller::default(), request).await.is_ok() {
            return;
        }
        inner.env.sleep_until(inner.env.now() + PUBLISH_RETRY).await;
    }
}

/// Raises the cluster version to the lowest of the members' versions, if it is above.
async fn raise_version<E: Env>(api: &Api<E>) {
    let inner = &api.inner;
    if inner.shared.role() != Role::Leader {
        return;
    }
    let rest = inner.views.load().rest.clone();
    if rest.cluster_version == version::CLUSTER {
        return;
    }
    let Some(lowest) = lowest_version(api, &rest.members).await else { return };
    if minor(&lowest) <= minor(&rest.cluster_version) {
        return;
    }
    let request = InternalRaftRequest {
        cluster_version_set: Some(ClusterVersionSetRequest { ver: lowest }),
        ..InternalRaftRequest::default()
    };
    // A failed attempt is repeated at the next look.
    let _later = api.propose(&Caller::default(), request).await;
}

/// `X.Y.0` of the oldest member; `None` while one does not answer.
async fn lowest_version<E: Env>(api: &Api<E>, members: &[state::Member]) -> Option<String> {
    let inner = &api.inner;
    let mut lowest = version::CLUSTER.to_string();
    for member in members.iter().filter(|member| member.member_id() != inner.member) {
        let deadline = inner.env.now() + inner.config.election_timeout;
        let id = member.member_id();
        let answer = inner.env.net().call(id, PeerRequest::Version, deadline).await;
        let Ok(PeerResponse::Version { server, .. }) = answer else { return None };
        let (major, minor_of) = minor(&server)?;
        if Some((major, minor_of)) < minor(&lowest) {
            lowest = format!("{major}.{minor_of}.0");
        }
    }
    Some(lowest)
}
