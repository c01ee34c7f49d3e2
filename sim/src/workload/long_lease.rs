//! Leases that are granted, never renewed, and waited for: how much longer than its time one lives
//! says how much of it each change of the leader gave back. Never early is judged elsewhere (E1).

use std::time::Duration;

use base::Instant;
use node::Caller;
use proto::etcdserverpb::{LeaseGrantRequest, LeaseTimeToLiveRequest, LeaseTimeToLiveResponse};

use super::client::{Client, Outcome, Request, decode};
use crate::plan::Workload;
use crate::sync::lock;

/// Time to live of each lease, in seconds.
pub const TTL_SECONDS: i64 = 20;
/// Time between two looks whether a lease has ended.
const LOOK_TIME: Duration = Duration::from_millis(100);

/// Runs until the client shall stop.
pub async fn run(client: &Client, workload: &Workload) {
    let mut round = 0;
    while !client.is_over() {
        client.pause(workload.pause_ms).await;
        round += 1;
        // No other client of the run uses this id.
        let id = (client.number as i64 + 1) * 1_000_000 + round;
        let begun = client.world.clock.now();
        let grant = LeaseGrantRequest { ttl: TTL_SECONDS, id };
        let granted = client.request(Request::LeaseGrant(grant)).await;
        if matches!(granted, Outcome::Done(_)) {
            lock(&client.world.checks).leases.renewed(id, begun, TTL_SECONDS);
            wait(client, id, client.world.clock.now()).await;
        }
    }
}

async fn wait(client: &Client, id: i64, granted: Instant) {
    while !client.is_over() {
        client.world.clock.sleep(LOOK_TIME).await;
        let member = client.pick_member();
        let left = client
            .at(member, move |running| async move {
                let request = LeaseTimeToLiveRequest { id, keys: false };
                let answer = running.api.lease_time_to_live(&Caller::root(), request).await?;
                decode::<LeaseTimeToLiveResponse>(answer)
            })
            .await;
        let Outcome::Done(LeaseTimeToLiveResponse { ttl: -1, granted_ttl: 0, .. }) = left else {
            continue;
        };
        let lived = client.world.clock.now().since(granted);
        client.world.count("lease: long one ended");
        client.world.count_many("lease: milliseconds lived", lived.as_millis() as u64);
        return;
    }
}
