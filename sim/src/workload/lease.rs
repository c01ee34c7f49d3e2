//! Leases with short times: granted, attached to keys, renewed on any member, revoked, or left to
//! expire.

use bytes::Bytes;
use model::Response;
use node::Caller;
use proto::etcdserverpb::{
    LeaseGrantRequest, LeaseKeepAliveRequest, LeaseKeepAliveResponse, LeaseRevokeRequest,
    PutRequest,
};

use super::client::{Client, Outcome, Request, decode};
use crate::plan::Workload;
use crate::sync::lock;

/// Runs until the client shall stop.
pub async fn run(client: &Client, workload: &Workload) {
    let mut round = 0;
    while !client.is_over() {
        client.pause(workload.pause_ms).await;
        round += 1;
        // No other client of the run uses this id.
        let id = (client.number as i64 + 1) * 1_000_000 + round;
        let ttl = client.choose(|prng| prng.between(1, 5)) as i64;
        let grant = LeaseGrantRequest { ttl, id };
        let outcome = client.request(Request::LeaseGrant(grant)).await;
        if matches!(outcome, Outcome::Done(Response::LeaseGrant(_))) {
            live(client, workload, id).await;
        }
    }
}

/// The life of one lease.
async fn live(client: &Client, workload: &Workload, id: i64) {
    let keys = client.choose(|prng| prng.between(0, 3));
    for number in 0..keys {
        let key = Bytes::from(format!("l{number}-{}", client.number % 2));
        let value = client.unique_value();
        let put = PutRequest { key, value, lease: id, ..Default::default() };
        client.request(Request::Put(put)).await;
        client.pause(workload.pause_ms / 2).await;
    }
    let renewals = client.choose(|prng| prng.below(6));
    for _ in 0..renewals {
        if client.is_over() {
            return;
        }
        keep_alive(client, id).await;
        client.pause(workload.pause_ms).await;
    }
    if client.choose(|prng| prng.chance(0.4)) {
        client.request(Request::LeaseRevoke(LeaseRevokeRequest { id })).await;
    }
}

async fn keep_alive(client: &Client, id: i64) {
    let is_calm = client.begin("operation: lease keepalive");
    let begun = client.world.clock.now();
    let member = client.pick_member();
    let outcome = client
        .at(member, move |running| async move {
            let request = LeaseKeepAliveRequest { id };
            let answer = running.api.lease_keep_alive(&Caller::root(), request).await?;
            decode::<LeaseKeepAliveResponse>(answer)
        })
        .await;
    if outcome != Outcome::Unknown {
        client.end(is_calm);
    }
    if let Outcome::Done(answer) = outcome
        && answer.ttl > 0
    {
        lock(&client.world.checks).leases.renewed(id, begun, answer.ttl);
        client.world.count("lease: renewed");
    }
}
