//! Watches of all kinds beside writes: from now, from the past, from the future, one key or many,
//! filtered, with previous pairs and progress; read slowly, broken off, resumed on another member.

use std::pin::pin;
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{Either, select};
use node::{Answer, ApiError, Caller};
use proto::etcdserverpb::watch_request::RequestUnion;
use proto::etcdserverpb::{
    PutRequest, RangeRequest, WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse,
};
use tokio::sync::mpsc;

use super::client::{Client, Outcome, Request, decode};
use super::kv;
use crate::check::watch_stream::WatchStream;
use crate::plan::Workload;
use crate::sync::lock;
use crate::world::Life;

/// Time in which a watch must have caught up once everything is healed (W16).
const CATCH_UP_TIME: Duration = Duration::from_secs(20);

/// Runs until the client shall stop; then the watch must catch up.
pub async fn run(client: &Client, workload: &Workload) {
    let mut resume = None;
    while !client.is_over() {
        resume = follow(client, workload, resume).await;
        client.pause(200).await;
    }
}

fn some_watch(client: &Client, workload: &Workload, resume: Option<i64>) -> WatchCreateRequest {
    let (key, range_end) = match client.choose(|prng| prng.chance(0.25)) {
        // Keys with leases too, whose end is a deletion of all that were attached (E3).
        true => (Bytes::from_static(b"k"), Bytes::from_static(b"m")),
        false => kv::some_range(client, workload),
    };
    let (key, range_end) = if key < range_end || range_end.is_empty() {
        (key, range_end)
    } else {
        (key, Bytes::new())
    };
    let known = client.before().revision.max(1) as u64;
    client.choose(|prng| {
        let start_revision = match (resume, prng.below(4)) {
            (Some(next), 0..=2) => next,
            (None, 0..=1) => 0,
            (_, 2) => prng.between(1, known) as i64,
            _ => known as i64 + prng.between(1, 5) as i64,
        };
        WatchCreateRequest {
            key,
            range_end,
            start_revision,
            prev_kv: prng.chance(0.4),
            progress_notify: prng.chance(0.5),
            filters: if prng.chance(0.1) { vec![prng.below(2) as i32] } else { Vec::new() },
            ..Default::default()
        }
    })
}

/// One watch from creation until it breaks; gives where to go on.
async fn follow(client: &Client, workload: &Workload, resume: Option<i64>) -> Option<i64> {
    let is_calm = client.begin("operation: watch");
    let member = client.pick_member();
    let (requests, receiver) = mpsc::channel(16);
    let request = some_watch(client, workload, resume);
    let create = WatchRequest { request_union: Some(RequestUnion::CreateRequest(request.clone())) };
    let first = requests.clone();
    let reads = client.choose(|prng| prng.chance(0.5));
    let opened = client
        .at(member, move |running| async move {
            let answers = running.api.watch(&Caller::root(), receiver).await?;
            let (sender, events) = mpsc::channel(8);
            running.node.spawn(forward(running.life.clone(), answers, sender));
            if reads {
                // Answered as soon as a write that came before is applied: what the watch must not
                // fall behind (W17).
                let read = RangeRequest { key: "k".into(), ..Default::default() };
                running.api.range(&Caller::root(), read).await?;
            }
            let known = running.api.overview().revision;
            first.send(create).await.map_err(|_| ApiError::STOPPED)?;
            Ok((events, known))
        })
        .await;
    let Outcome::Done((events, known)) = opened else { return resume };
    client.end(is_calm);
    let watch = WatchStream::new(request, known);
    let session = Session { client, workload, requests, events, watch };
    session.run().await
}

/// Carries answers out of the member; the stream ends when either side does, and with the process.
async fn forward(life: Life, mut answers: mpsc::Receiver<Answer>, sender: mpsc::Sender<Answer>) {
    while let Some(answer) = answers.recv().await {
        if !life.is_alive() || sender.send(answer).await.is_err() {
            return;
        }
    }
}

struct Session<'a> {
    client: &'a Client,
    workload: &'a Workload,
    requests: mpsc::Sender<WatchRequest>,
    events: mpsc::Receiver<Answer>,
    watch: WatchStream,
}

impl Session<'_> {
    async fn run(mut self) -> Option<i64> {
        let turns = self.client.choose(|prng| prng.between(5, 60));
        let is_slow = self.client.choose(|prng| prng.chance(0.3));
        if is_slow {
            self.client.world.count("fault: K3 slow watch reader");
        }
        for _ in 0..turns {
            if self.client.is_over() {
                return self.catch_up().await;
            }
            let pause = self.workload.pause_ms / 2;
            if !is_slow || self.client.choose(|prng| prng.chance(0.2)) {
                if !self.drain(Duration::from_millis(pause)).await {
                    return self.watch.next();
                }
            } else {
                self.client.pause(pause).await;
            }
            self.act().await;
        }
        self.watch.next()
    }

    /// Writes, or asks for progress.
    async fn act(&mut self) {
        if self.client.choose(|prng| prng.chance(0.15)) {
            let progress = RequestUnion::ProgressRequest(WatchProgressRequest {});
            let _ = self.requests.try_send(WatchRequest { request_union: Some(progress) });
            return;
        }
        let put = PutRequest {
            key: kv::some_key(self.client, self.workload),
            value: self.client.unique_value(),
            ..Default::default()
        };
        self.client.request(Request::Put(put)).await;
    }

    /// Reads for a while; false when the watch has ended.
    async fn drain(&mut self, time: Duration) -> bool {
        let mut timer = self.client.world.clock.sleep(time);
        loop {
            let next = match select(pin!(self.events.recv()), &mut timer).await {
                Either::Left((next, _)) => next,
                Either::Right(_) => return true,
            };
            let Some(Ok(bytes)) = next else { return false };
            let Ok(response) = decode::<WatchResponse>(bytes) else { return false };
            self.judge(&response);
            if self.watch.is_canceled() || self.client.world.violation().is_some() {
                return false;
            }
        }
    }

    fn judge(&mut self, response: &WatchResponse) {
        let world = &self.client.world;
        world.count_many("watch: events", response.events.len() as u64);
        let checks = lock(&world.checks);
        let verdict = self.watch.response(&checks.timeline, checks.tally(), response);
        drop(checks);
        if response.canceled && response.compact_revision > 0 {
            world.count("watch: canceled by compaction");
        }
        world.judge(verdict);
    }

    /// After the healing: everything must arrive.
    async fn catch_up(mut self) -> Option<i64> {
        let world = self.client.world.clone();
        let until = world.clock.now() + CATCH_UP_TIME;
        loop {
            let verdict = {
                let checks = lock(&world.checks);
                self.watch.caught_up(&checks.timeline, checks.tally())
            };
            if verdict.is_ok() {
                return None;
            }
            if world.clock.now() > until {
                world.judge(verdict);
                return None;
            }
            if !self.drain(Duration::from_millis(200)).await {
                return None;
            }
        }
    }
}
