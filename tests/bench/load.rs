//! Closed loops: each client has one call at a time. Clients and their connections are spread over
//! at most two threads, each with a runtime of its own; everything they send is encoded before.
//!
//! Threads connect and warm up, wait for each other, and are measured from one common moment to
//! another, between which the caller reads what the servers used.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::case::{Case, Kind};
use crate::connection::{Connection, Stream, framed};
use crate::requests::{self, Requests};
use crate::sample::{Measured, Meter};

/// Beyond the measured time, a case that has not ended by then is broken.
const PATIENCE: Duration = Duration::from_secs(60);

/// The part of the measured time, and of the requests, that goes before it unmeasured.
const WARM_UP: u32 = 8;

type Outcome<T> = Result<T, String>;

/// When a case ends: at the first of the two.
#[derive(Clone, Copy, Debug)]
pub struct Limit {
    /// The measured time.
    pub duration: Duration,
    /// Requests of all clients.
    pub requests: u64,
}

impl Limit {
    fn warm_up(self) -> Limit {
        Limit { duration: self.duration / WARM_UP, requests: self.requests / u64::from(WARM_UP) }
    }
}

/// Whether clients go on.
struct Allowance {
    until: Instant,
    left: AtomicI64,
}

impl Allowance {
    fn new(limit: Limit) -> Arc<Allowance> {
        let left = AtomicI64::new(i64::try_from(limit.requests).unwrap_or(i64::MAX));
        Arc::new(Allowance { until: Instant::now() + limit.duration, left })
    }

    fn take(&self, now: Instant) -> bool {
        now < self.until && self.left.fetch_sub(1, Ordering::Relaxed) > 0
    }
}

/// One client.
enum Client {
    Unary { connection: Connection, head: Box<Request<()>>, requests: Requests, next: usize },
    KeepAlive { stream: Stream, request: Bytes },
}

impl Client {
    async fn call(&mut self) -> Outcome<()> {
        match self {
            Client::Unary { connection, head, requests, next } => {
                let framed = requests.framed[*next % requests.framed.len()].clone();
                *next += 1;
                let bytes = connection.call(Request::clone(head), framed).await?;
                match bytes < requests.answer_bytes_min {
                    true => Err(format!("an answer of {bytes} B to {}", requests.path)),
                    false => Ok(()),
                }
            }
            Client::KeepAlive { stream, request } => {
                stream.send(request.clone())?;
                renewed(&stream.next().await?)
            }
        }
    }

    async fn run(&mut self, allowance: &Allowance) -> Outcome<Vec<Duration>> {
        let mut latencies = Vec::new();
        let mut began = Instant::now();
        while allowance.take(began) {
            self.call().await?;
            let ended = Instant::now();
            latencies.push(ended - began);
            began = ended;
        }
        Ok(latencies)
    }
}

/// Checks the answer to a renewal.
///
/// # Errors
/// The lease is gone.
pub fn renewed(message: &Bytes) -> Outcome<()> {
    let answer: proto::etcdserverpb::LeaseKeepAliveResponse =
        prost::Message::decode(message.clone()).map_err(|error| format!("keepalive: {error}"))?;
    match answer.ttl > 0 {
        true => Ok(()),
        false => Err("a lease is gone".into()),
    }
}

/// Measures a case against the members at `endpoints`.
///
/// # Errors
/// The first call that fails.
pub fn run(
    case: &Case,
    endpoints: &[SocketAddr],
    limit: Limit,
    mut usage: impl FnMut() -> crate::process::Usage,
) -> Outcome<Measured> {
    let threads = case.connections.min(2);
    let barrier = Arc::new(Barrier::new(threads + 1));
    std::thread::scope(|scope| {
        let thread = |number| {
            let barrier = Arc::clone(&barrier);
            let part = Part { case: *case, endpoints: endpoints.to_vec(), number, threads };
            scope.spawn(move || part.run(limit, &barrier))
        };
        let running: Vec<_> = (0..threads).map(thread).collect();
        barrier.wait();
        let meter = Meter::start(usage());
        barrier.wait();
        barrier.wait();
        let stopped = meter.stop(usage());
        let mut latencies = Vec::new();
        for thread in running {
            latencies.extend(thread.join().map_err(|_| "a load thread panicked")??);
        }
        Ok(stopped.measured(latencies))
    })
}

/// What one thread does.
struct Part {
    case: Case,
    endpoints: Vec<SocketAddr>,
    number: usize,
    threads: usize,
}

impl Part {
    /// Every thread passes the same three barriers, whatever fails.
    fn run(self, limit: Limit, barrier: &Barrier) -> Outcome<Vec<Duration>> {
        let ready = self.prepare(limit);
        barrier.wait();
        barrier.wait();
        let ended = ready.and_then(|(runtime, clients)| {
            let ended = runtime.block_on(drive(clients, limit));
            ended.map(|(latencies, clients)| (latencies, clients, runtime))
        });
        barrier.wait();
        ended.map(|(latencies, _clients, _runtime)| latencies)
    }

    fn prepare(&self, limit: Limit) -> Outcome<(Runtime, Vec<Client>)> {
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
        let clients = runtime.block_on(async {
            let clients = self.connect().await?;
            let (_, clients) = drive(clients, limit.warm_up()).await?;
            Ok::<_, String>(clients)
        })?;
        Ok((runtime, clients))
    }

    async fn connect(&self) -> Outcome<Vec<Client>> {
        let own =
            |count: usize| count / self.threads + usize::from(self.number < count % self.threads);
        let mut connections = Vec::new();
        for at in 0..own(self.case.connections) {
            let member = (at * self.threads + self.number) % self.endpoints.len();
            connections.push(Connection::open(self.endpoints[member]).await?);
        }
        let unary = match self.case.kind {
            Kind::KeepAlive => None,
            kind => Some(requests::of(kind)),
        };
        let mut clients = Vec::new();
        for at in 0..own(self.case.clients) {
            let connection = connections[at % connections.len()].clone();
            let place = at * self.threads + self.number;
            clients.push(client(connection, unary.as_ref(), place, self.case.clients).await?);
        }
        Ok(clients)
    }
}

async fn client(
    mut connection: Connection,
    requests: Option<&Requests>,
    place: usize,
    clients: usize,
) -> Outcome<Client> {
    if let Some(requests) = requests {
        let head = Box::new(connection.head(requests.path));
        let next = place * requests.framed.len() / clients;
        return Ok(Client::Unary { connection, head, requests: requests.clone(), next });
    }
    use proto::etcdserverpb::{LeaseGrantRequest, LeaseKeepAliveRequest};
    let id = 1 + i64::try_from(place).expect("few clients");
    let grant = connection.head("/etcdserverpb.Lease/LeaseGrant");
    // It may be there already, from a run before this one.
    let _granted = connection.call(grant, framed(&LeaseGrantRequest { ttl: 3600, id })).await;
    let request = framed(&LeaseKeepAliveRequest { id });
    let path = "/etcdserverpb.Lease/LeaseKeepAlive";
    let mut stream = connection.stream(path, request.clone()).await?;
    renewed(&stream.next().await?)?;
    Ok(Client::KeepAlive { stream, request })
}

/// Runs all clients of a thread until the limit; gives them back.
async fn drive(clients: Vec<Client>, limit: Limit) -> Outcome<(Vec<Duration>, Vec<Client>)> {
    let allowance = Allowance::new(limit);
    let mut running = JoinSet::new();
    for mut client in clients {
        let allowance = Arc::clone(&allowance);
        running.spawn(async move { (client.run(&allowance).await, client) });
    }
    let all = async {
        let (mut latencies, mut clients) = (Vec::new(), Vec::new());
        while let Some(ended) = running.join_next().await {
            let (own, client) = ended.map_err(|error| format!("a client: {error}"))?;
            latencies.extend(own?);
            clients.push(client);
        }
        Ok((latencies, clients))
    };
    let ended = tokio::time::timeout(limit.duration + PATIENCE, all).await;
    ended.unwrap_or_else(|_| Err("calls are not answered".into()))
}

/// Sends every request once, from 256 clients over one connection to the first member.
///
/// # Errors
/// The first call that fails.
pub fn send_all(endpoint: SocketAddr, requests: &Requests) -> Outcome<()> {
    const CLIENTS: usize = 256;
    let runtime = Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        let connection = Connection::open(endpoint).await?;
        let mut running = JoinSet::new();
        for first in 0..CLIENTS {
            let (mut connection, requests) = (connection.clone(), requests.clone());
            running.spawn(async move {
                let head = connection.head(requests.path);
                for framed in requests.framed.iter().skip(first).step_by(CLIENTS) {
                    connection.call(head.clone(), framed.clone()).await?;
                }
                Ok::<(), String>(())
            });
        }
        while let Some(ended) = running.join_next().await {
            ended.map_err(|error| format!("a client: {error}"))??;
        }
        Ok(())
    })
}

/// Whether the member at `endpoint` answers a linearizable read.
#[must_use]
pub fn serves(endpoint: SocketAddr) -> bool {
    let answer = || send_all(endpoint, &requests::probe());
    std::net::TcpStream::connect(endpoint).is_ok() && answer().is_ok()
}
