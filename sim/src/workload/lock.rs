//! Locks and elections through any member: each client takes a lease, queues, gives up or has its
//! turn, and then lets go in order, loses its lease, or just goes away.
//!
//! The keys of the queues lie outside of what other clients delete. Nobody uses a lease that the
//! server grants by itself: its minute would outlast the run.

use std::pin::pin;
use std::time::Duration;

use base::Instant;
use bytes::Bytes;
use futures_util::future::{Either, select};
use model::Response;
use node::{Api, ApiError, Caller};
use proto::etcdserverpb::{LeaseGrantRequest, LeaseRevokeRequest};
use proto::v3electionpb::{CampaignRequest, CampaignResponse, LeaderKey, ResignRequest};
use proto::v3lockpb::{LockRequest, LockResponse, UnlockRequest};
use tokio::sync::oneshot;

use super::client::{Client, Outcome, Request, decode};
use crate::check::Violation;
use crate::check::queue_turns::Turn;
use crate::env::SimEnv;
use crate::plan::Workload;
use crate::sync::lock;

/// Time in which everybody must have had a turn once everything is healed (Q2): longer than the
/// leases of those who went away.
const TURN_TIME: Duration = Duration::from_secs(30);
/// The longest time to live of a lease, in seconds.
const TTL_MAX: u64 = 8;

/// A place that has its turn.
struct Held {
    key: Bytes,
    leader: Option<LeaderKey>,
}

/// Runs until the client shall stop; then it must get one more turn.
pub async fn run(client: &Client, workload: &Workload) {
    let mut round = 0;
    while !client.is_over() {
        client.pause(workload.pause_ms).await;
        round += 1;
        let ttl = client.choose(|prng| prng.between(1, TTL_MAX));
        let Some(lease) = grant(client, round, ttl).await else { continue };
        let name = client.choose(|prng| prng.below(workload.keys.min(3)));
        let held = queue(client, name, lease).await;
        client.pause(workload.pause_ms / 2).await;
        let held = held.filter(|_| client.choose(|prng| prng.chance(0.7)));
        if let Some(held) = held {
            let_go(client, held).await;
        } else if client.choose(|prng| prng.chance(0.3)) {
            client.request(Request::LeaseRevoke(LeaseRevokeRequest { id: lease })).await;
        }
    }
    last_turn(client, round).await;
}

/// A lease with an id that no other client of the run uses.
async fn grant(client: &Client, round: i64, ttl: u64) -> Option<i64> {
    let id = (client.number as i64 + 1) * 1_000_000 + round;
    let request = LeaseGrantRequest { ttl: ttl as i64, id };
    match client.request(Request::LeaseGrant(request)).await {
        Outcome::Done(Response::LeaseGrant(_)) => Some(id),
        _ => None,
    }
}

/// The name of a queue: one of locks for even numbers, of an election for odd ones.
fn name(number: u64) -> Bytes {
    Bytes::from(format!("q{number}"))
}

/// Waits for a turn as long as the client's patience lasts, and lets it be judged.
async fn queue(client: &Client, number: u64, lease: i64) -> Option<Held> {
    match number.is_multiple_of(2) {
        true => take_lock(client, number, lease).await,
        false => campaign(client, number, lease).await,
    }
}

async fn take_lock(client: &Client, number: u64, lease: i64) -> Option<Held> {
    let request = LockRequest { name: name(number), lease };
    let locked: LockResponse = call(client, "operation: lock", |api| async move {
        decode(api.lock(&Caller::root(), request).await?)
    })
    .await?;
    let at = locked.header.map_or(0, |header| header.revision);
    judge(client, number, &locked.key, Turn::HeldAt(at));
    Some(Held { key: locked.key, leader: None })
}

async fn campaign(client: &Client, number: u64, lease: i64) -> Option<Held> {
    let request = CampaignRequest { name: name(number), lease, value: client.unique_value() };
    let won: CampaignResponse = call(client, "operation: campaign", |api| async move {
        decode(api.campaign(&Caller::root(), request).await?)
    })
    .await?;
    let leader = won.leader?;
    judge(client, number, &leader.key, Turn::SinceCreated(leader.rev));
    Some(Held { key: leader.key.clone(), leader: Some(leader) })
}

fn judge(client: &Client, number: u64, key: &Bytes, turn: Turn) {
    let prefix = [&name(number)[..], b"/"].concat();
    let verdict = lock(&client.world.checks).has_turn(&prefix, key, turn);
    client.world.judge(verdict);
}

/// Makes a call that ends when the client loses patience, as a connection's end does.
async fn call<T: Send + 'static, F>(
    client: &Client,
    operation: &'static str,
    call: impl FnOnce(Api<SimEnv>) -> F,
) -> Option<T>
where
    F: Future<Output = Result<T, ApiError>> + Send + 'static,
{
    client.world.count(operation);
    client.ledger.begun.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
    let member = client.pick_member();
    let (waits, gone) = oneshot::channel::<()>();
    let outcome = client
        .at(member, move |running| {
            let answer = call(running.api.clone());
            async move {
                match select(pin!(answer), gone).await {
                    Either::Left((answer, _)) => answer,
                    Either::Right(_) => Err(ApiError::CANCELED),
                }
            }
        })
        .await;
    drop(waits);
    let is_done = matches!(outcome, Outcome::Done(_));
    client.world.record(0, operation, &[client.number, member as u64, u64::from(is_done)]);
    match outcome {
        Outcome::Done(answer) => Some(answer),
        _ => None,
    }
}

async fn let_go(client: &Client, held: Held) {
    let caller = Caller::root;
    let Held { key, leader } = held;
    match leader {
        None => {
            call(client, "operation: unlock", |api| async move {
                api.unlock(&caller(), UnlockRequest { key }).await
            })
            .await
        }
        leader => {
            call(client, "operation: resign", |api| async move {
                api.resign(&caller(), ResignRequest { leader }).await
            })
            .await
        }
    };
}

/// After the healing: the turn comes.
async fn last_turn(client: &Client, mut round: i64) {
    let until = client.world.clock.now() + TURN_TIME;
    let is_late = |now: Instant| now > until;
    loop {
        if client.world.violation().is_some() {
            return;
        }
        round += 1;
        // As long as the client's own patience.
        if let Some(lease) = grant(client, round, TTL_MAX).await
            && let Some(held) = queue(client, 0, lease).await
        {
            lock(&client.world.checks).tally().hit("Q2");
            return let_go(client, held).await;
        }
        if is_late(client.world.clock.now()) {
            if !client.cluster.may_stand_still() {
                let text = format!("client {} gets no turn {TURN_TIME:?} after", client.number);
                client.world.judge(Err(Violation { check: "Q2", text }));
            }
            return;
        }
        client.pause(200).await;
    }
}
