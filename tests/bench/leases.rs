//! Many leases: granted and renewed once, evenly over a time or as fast as can be, and left to
//! expire, beside a light load of puts whose latency is compared with that on an idle server.
//!
//! It is no row of the table: it says how long the whole takes and what it does to others, of one
//! server, once.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use proto::etcdserverpb::{LeaseGrantRequest, LeaseKeepAliveRequest, PutRequest};
use tokio::runtime::Builder;
use tokio::task::JoinSet;

use crate::connection::{Connection, framed};
use crate::sample::micros;

/// Connections that grant and renew.
const WORKERS: i64 = 4;
/// Leases that a connection grants, and then renews, at a time.
const TOGETHER: i64 = 50;
/// Clients that put, and the pause of each between two puts.
const PUTTERS: usize = 4;
const PAUSE: Duration = Duration::from_millis(5);
/// Time to live: longer than between a grant and its renewal.
const TTL_SECONDS: i64 = 5;
/// How long puts are measured on the idle server.
const IDLE: Duration = Duration::from_secs(8);
/// Beyond their time to live, leases that have not ended by then never end.
const PATIENCE: Duration = Duration::from_secs(120);

type Outcome<T> = Result<T, String>;

/// What came of it.
#[derive(Debug)]
pub struct Report {
    leases: i64,
    renewed: Duration,
    expired: Duration,
    idle: [f64; 3],
    beside: [f64; 3],
}

impl std::fmt::Display for Report {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Report { leases, renewed, expired, idle, beside } = self;
        writeln!(f, "{leases} leases of {TTL_SECONDS} s")?;
        writeln!(f, "granted and renewed after {:.1} s", renewed.as_secs_f64())?;
        writeln!(f, "expired after {:.1} s", expired.as_secs_f64())?;
        for (name, [p50, p99, max]) in [("idle", idle), ("meanwhile", beside)] {
            writeln!(f, "put, {name}: p50 {p50:.0} us, p99 {p99:.0} us, max {max:.0} us")?;
        }
        writeln!(f, "p99 is {:.2} times that of the idle server", beside[1] / idle[1])
    }
}

/// Grants and renews within `over`, or as soon after that as can be, and waits; the server's first
/// member is at `endpoint`.
///
/// # Errors
/// The first call that fails, or leases that do not end.
pub fn run(endpoint: SocketAddr, leases: i64, over: Duration, idle: Duration) -> Outcome<Report> {
    let idle = idle.min(IDLE);
    let putting = |stop: Arc<AtomicBool>| std::thread::spawn(move || puts(endpoint, &stop));
    let stop = Arc::new(AtomicBool::new(false));
    let alone = putting(stop.clone());
    std::thread::sleep(idle);
    stop.store(true, Ordering::Relaxed);
    let alone = alone.join().map_err(|_| "a load thread panicked")??;

    let stop = Arc::new(AtomicBool::new(false));
    let beside = putting(stop.clone());
    let before = expired_so_far(endpoint)?;
    let began = Instant::now();
    let worked = grant_and_renew(endpoint, leases, over);
    let renewed = began.elapsed();
    let ended = worked.and_then(|()| wait_expired(endpoint, before + leases));
    let expired = began.elapsed();
    stop.store(true, Ordering::Relaxed);
    let beside = beside.join().map_err(|_| "a load thread panicked")??;
    ended?;
    let (idle, beside) = (percentiles(alone), percentiles(beside));
    Ok(Report { leases, renewed, expired, idle, beside })
}

fn percentiles(mut latencies: Vec<Duration>) -> [f64; 3] {
    latencies.sort_unstable();
    [0.5, 0.99, 1.0].map(|share: f64| {
        let place = (share * latencies.len() as f64).ceil() as usize;
        latencies.get(place.max(1) - 1).map_or(0.0, |latency| micros(*latency))
    })
}

fn puts(endpoint: SocketAddr, stop: &Arc<AtomicBool>) -> Outcome<Vec<Duration>> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        let mut running = JoinSet::new();
        for number in 0..PUTTERS {
            let mut connection = Connection::open(endpoint).await?;
            let stop = stop.clone();
            running.spawn(async move {
                let head = connection.head("/etcdserverpb.KV/Put");
                let key = format!("put-{number}").into();
                let put =
                    framed(&PutRequest { key, value: vec![7; 256].into(), ..Default::default() });
                let mut latencies = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let began = Instant::now();
                    connection.call(head.clone(), put.clone()).await?;
                    latencies.push(began.elapsed());
                    tokio::time::sleep(PAUSE).await;
                }
                Ok::<_, String>(latencies)
            });
        }
        let mut all = Vec::new();
        while let Some(ended) = running.join_next().await {
            all.extend(ended.map_err(|error| format!("a client: {error}"))??);
        }
        Ok(all)
    })
}

fn grant_and_renew(endpoint: SocketAddr, leases: i64, over: Duration) -> Outcome<()> {
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        let mut running = JoinSet::new();
        for worker in 0..WORKERS {
            running.spawn(work(endpoint, worker, leases, over));
        }
        while let Some(ended) = running.join_next().await {
            ended.map_err(|error| format!("a client: {error}"))??;
        }
        Ok(())
    })
}

/// Workers take turns with the groups, so that no two groups are due at once.
async fn work(endpoint: SocketAddr, worker: i64, leases: i64, over: Duration) -> Outcome<()> {
    let connection = Connection::open(endpoint).await?;
    let began = tokio::time::Instant::now();
    let firsts = (worker * TOGETHER..leases).step_by((WORKERS * TOGETHER) as usize);
    for first in firsts {
        let done = first as f64 / leases as f64;
        tokio::time::sleep_until(began + over.mul_f64(done)).await;
        let together = first + 1..leases.min(first + TOGETHER) + 1;
        let mut granting = JoinSet::new();
        for id in together.clone() {
            let mut connection = connection.clone();
            granting.spawn(async move {
                let head = connection.head("/etcdserverpb.Lease/LeaseGrant");
                connection.call(head, framed(&LeaseGrantRequest { ttl: TTL_SECONDS, id })).await
            });
        }
        while let Some(ended) = granting.join_next().await {
            ended.map_err(|error| format!("a grant: {error}"))??;
        }
        renew(connection.clone(), together).await?;
    }
    Ok(())
}

async fn renew(mut connection: Connection, ids: std::ops::Range<i64>) -> Outcome<()> {
    let request = |id| framed(&LeaseKeepAliveRequest { id });
    let path = "/etcdserverpb.Lease/LeaseKeepAlive";
    let mut stream = connection.stream(path, request(ids.start)).await?;
    for id in ids.start + 1..ids.end {
        stream.send(request(id))?;
    }
    for _ in ids {
        crate::load::renewed(&stream.next().await?)?;
    }
    Ok(())
}

fn wait_expired(endpoint: SocketAddr, wanted: i64) -> Outcome<()> {
    let began = Instant::now();
    loop {
        let found = expired_so_far(endpoint)?;
        if found >= wanted {
            return Ok(());
        }
        if began.elapsed() > PATIENCE {
            return Err(format!("{found} of {wanted} leases have ended"));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// Leases whose end was applied, by the member's metrics.
fn expired_so_far(endpoint: SocketAddr) -> Outcome<i64> {
    let failed = |error: std::io::Error| format!("{endpoint}/metrics: {error}");
    let mut stream = std::net::TcpStream::connect(endpoint).map_err(failed)?;
    let request = "GET /metrics HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).map_err(failed)?;
    let mut text = String::new();
    stream.read_to_string(&mut text).map_err(failed)?;
    let name = "etcd_debugging_lease_revoked_total ";
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok());
    value.map(|value| value as i64).ok_or_else(|| format!("{endpoint} does not count leases"))
}
