//! Watch fan-out: writers put one key after another, and every watcher is told of every put. A
//! delivery is one event that reached one watcher; its latency runs from the start of the put.
//!
//! Writers wait while deliveries lag too many puts behind, so that what is measured is delivery,
//! not how much a server buffers.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::watch_request::RequestUnion;
use tokio::runtime::Builder;
use tokio::sync::Notify;
use tokio::task::JoinSet;

use crate::case::Case;
use crate::connection::{Connection, Stream, framed};
use crate::load::Limit;
use crate::process::Usage;
use crate::sample::{Measured, Meter};

const WATCH: &str = "/etcdserverpb.Watch/Watch";
const PUT: &str = "/etcdserverpb.KV/Put";
const PREFIX: &[u8] = b"fan/";
const PREFIX_END: &[u8] = b"fan0";

/// Writers, with a connection of their own.
const WRITERS: usize = 16;

/// Puts that may not have reached every watcher while another begins.
const PUTS_BEHIND_MAX: u64 = 64;

/// Without a delivery for this long, the case is broken.
const PATIENCE: Duration = Duration::from_secs(30);

type Outcome<T> = Result<T, String>;

/// What all clients share.
struct Course {
    origin: Instant,
    watchers: u64,
    puts: AtomicU64,
    deliveries: AtomicU64,
    delivered: Notify,
    stop: AtomicBool,
    latencies: Mutex<Vec<Duration>>,
}

impl Course {
    fn is_ahead(&self) -> bool {
        let puts = self.puts.load(Ordering::Relaxed);
        let whole = self.deliveries.load(Ordering::Relaxed) / self.watchers;
        puts > whole + PUTS_BEHIND_MAX
    }

    fn is_over(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn take_latencies(&self) -> Vec<Duration> {
        std::mem::take(&mut *self.latencies.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Measures the case.
///
/// # Errors
/// The first call that fails.
pub fn run(
    case: &Case,
    endpoints: &[SocketAddr],
    limit: Limit,
    usage: impl FnMut() -> Usage,
) -> Outcome<Measured> {
    let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(measure(case, endpoints, limit, usage))
}

async fn measure(
    case: &Case,
    endpoints: &[SocketAddr],
    limit: Limit,
    mut usage: impl FnMut() -> Usage,
) -> Outcome<Measured> {
    let course = Arc::new(Course {
        origin: Instant::now(),
        watchers: case.clients as u64,
        puts: AtomicU64::new(0),
        deliveries: AtomicU64::new(0),
        delivered: Notify::new(),
        stop: AtomicBool::new(false),
        latencies: Mutex::default(),
    });
    let mut watching = JoinSet::new();
    for stream in open_watches(case, endpoints).await? {
        watching.spawn(watch(Arc::clone(&course), stream));
    }
    let mut writing = JoinSet::new();
    for number in 0..WRITERS {
        let connection = Connection::open(endpoints[number % endpoints.len()]).await?;
        writing.spawn(write(Arc::clone(&course), connection, number));
    }
    let enough = |limit: Limit| progress(&course, limit.duration, limit.requests);
    enough(Limit { duration: limit.duration / 8, requests: limit.requests / 8 }).await?;
    drop(course.take_latencies());
    let meter = Meter::start(usage());
    enough(limit).await?;
    let stopped = meter.stop(usage());
    let latencies = course.take_latencies();
    course.stop.store(true, Ordering::Relaxed);
    course.delivered.notify_waiters();
    while let Some(ended) = writing.join_next().await {
        ended.map_err(|error| format!("a writer: {error}"))??;
    }
    if let Some(ended) = watching.try_join_next() {
        ended.map_err(|error| format!("a watcher: {error}"))??;
    }
    Ok(stopped.measured(latencies))
}

/// Waits until the time is over or enough was delivered.
async fn progress(course: &Course, duration: Duration, requests: u64) -> Outcome<()> {
    let (began, first) = (Instant::now(), course.deliveries.load(Ordering::Relaxed));
    let (mut last, mut moved) = (first, began);
    while began.elapsed() < duration && last - first < requests {
        tokio::time::sleep(Duration::from_millis(2)).await;
        let now = course.deliveries.load(Ordering::Relaxed);
        if now != last {
            (last, moved) = (now, Instant::now());
        } else if moved.elapsed() > PATIENCE {
            return Err("watchers are told nothing".into());
        }
    }
    Ok(())
}

async fn open_watches(case: &Case, endpoints: &[SocketAddr]) -> Outcome<Vec<Stream>> {
    let create = pb::WatchCreateRequest {
        key: Bytes::from_static(PREFIX),
        range_end: Bytes::from_static(PREFIX_END),
        ..Default::default()
    };
    let create =
        framed(&pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) });
    let mut connections = Vec::new();
    for number in 0..case.connections {
        connections.push(Connection::open(endpoints[number % endpoints.len()]).await?);
    }
    let mut streams = Vec::new();
    for number in 0..case.clients {
        let connection = &mut connections[number % case.connections];
        let mut stream = connection.stream(WATCH, create.clone()).await?;
        let created = stream.next().await?;
        let created = pb::WatchResponse::decode(created).map_err(|error| error.to_string())?;
        if !created.created || created.canceled {
            return Err(format!("no watch was created: {}", created.cancel_reason));
        }
        streams.push(stream);
    }
    Ok(streams)
}

/// Counts what one watcher is told; each value begins with the moment of its put.
async fn watch(course: Arc<Course>, mut stream: Stream) -> Outcome<()> {
    loop {
        let message = stream.next().await?;
        let told = pb::WatchResponse::decode(message).map_err(|error| error.to_string())?;
        if told.canceled {
            return Err(format!("a watch was canceled: {}", told.cancel_reason));
        }
        let now = course.origin.elapsed();
        let times = told.events.iter().filter_map(|event| event.kv.as_ref()).map(|kv| {
            let put = kv.value.first_chunk().map_or(0, |nanos| u64::from_be_bytes(*nanos));
            now.saturating_sub(Duration::from_nanos(put))
        });
        let count = {
            let mut latencies = course.latencies.lock().unwrap_or_else(PoisonError::into_inner);
            let before = latencies.len();
            latencies.extend(times);
            (latencies.len() - before) as u64
        };
        course.deliveries.fetch_add(count, Ordering::Relaxed);
        if !course.is_ahead() {
            course.delivered.notify_waiters();
        }
    }
}

async fn write(course: Arc<Course>, mut connection: Connection, number: usize) -> Outcome<()> {
    let head = connection.head(PUT);
    let mut value = vec![b'v'; 256];
    for turn in 0.. {
        while course.is_ahead() && !course.is_over() {
            let delivered = course.delivered.notified();
            // A wake-up that came before this line is made up for by a look a little later.
            let _late = tokio::time::timeout(Duration::from_millis(5), delivered).await;
        }
        if course.is_over() {
            break;
        }
        course.puts.fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(course.origin.elapsed().as_nanos()).unwrap_or(u64::MAX);
        value[..8].copy_from_slice(&nanos.to_be_bytes());
        let put = pb::PutRequest {
            key: Bytes::from(format!("fan/{number}/{}", turn % 100)),
            value: Bytes::copy_from_slice(&value),
            ..Default::default()
        };
        connection.call(head.clone(), framed(&put)).await?;
    }
    Ok(())
}
