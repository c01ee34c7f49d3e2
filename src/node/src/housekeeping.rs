//! What a member does by itself once it is up: publish its name and client URLs, and then see to
//! the cluster's version while it leads.

use std::time::Duration;

use proto::etcdserverpb::InternalRaftRequest;
use proto::membershippb::{Attributes, ClusterMemberAttrSetRequest};

use crate::api::{Api, Caller};
use crate::env::Env;

/// How long to wait before a failed publication is tried again.
const PUBLISH_RETRY: Duration = Duration::from_millis(500);

/// Runs until the member stops.
pub(crate) async fn run<E: Env>(api: Api<E>) {
    publish(&api).await;
    api.inner.shared.set_ready();
    crate::versions::run(api).await;
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
