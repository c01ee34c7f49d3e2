//! A reader that comes when a member is to be trusted least: right after it booted and right after
//! it became leader, when what it has applied may still lie behind what was acknowledged (R15,
//! M09).

use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::{Either, select};
use proto::etcdserverpb::RangeRequest;

use super::client::{Client, Request};
use super::kv;

/// The longest waits before the reads that follow one moment, in microseconds.
const WAITS_US: [u64; 5] = [1, 500, 2_000, 20_000, 100_000];
/// Time between two looks whether the run is over.
const LOOK_TIME: Duration = Duration::from_millis(500);

/// Runs until the client shall stop, and until its last reads have ended.
pub async fn run(client: Arc<Client>) {
    let mut reads = Vec::new();
    while !client.is_over() {
        let look = client.world.clock.sleep(LOOK_TIME);
        let changed = match select(pin!(client.world.next_changed()), look).await {
            Either::Left((changed, _)) => changed,
            Either::Right(_) => continue,
        };
        for member in changed {
            client.world.count("workload: eager reads");
            for wait_us in WAITS_US {
                let wait = Duration::from_micros(client.choose(|prng| prng.below(wait_us)));
                reads.push(madsim::task::spawn(read(client.clone(), member, wait)));
            }
        }
    }
    for read in reads {
        // A read ends with its timeout at the latest, whatever becomes of the member.
        let _ended = read.await;
    }
}

async fn read(client: Arc<Client>, member: usize, wait: Duration) {
    client.world.clock.sleep(wait).await;
    let request = RangeRequest { key: kv::key(0), ..Default::default() };
    client.request_of(member, Request::Range(request)).await;
}
