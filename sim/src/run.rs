//! Executes a plan in a fresh thread and gives what came of it.
//!
//! A run: all members start and the cluster serves; clients and faults for the plan's time; then
//! everything is healed, and the cluster must come to rest in bounded time (G1): one leader, all
//! members applied to the same index, all calls ended, all watches at the head, contents equal.

pub(crate) mod liveness;

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::{Instant, MemberId, Prng};
use madsim::Config;
use madsim::runtime::Runtime;
use node::ids::member_id;

use crate::check::{Checks, Violation, black_box};
use crate::cluster::{Cluster, TOKEN, peer_url};
use crate::disk::DiskImage;
use crate::nemesis::Nemesis;
use crate::operator::Operator;
use crate::plan::{Plan, WorkloadKind};
use crate::sync::lock;
use crate::trace::{Trace, Words};
use crate::workload::client::{Client, Ledger};
use crate::workload::{self, Doors};
use crate::world::{Found, Seat, World};

/// Operations outside of faults from which on their share of answers is judged.
const CALM_MIN: u64 = 20;
/// After what time the eager reader gives up.
const EAGER_TIMEOUT_MS: u64 = 3_000;
/// Stack of the thread of a run: unoptimised futures are large.
const STACK_BYTES: usize = 64 << 20;

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The first violation, if any.
    pub found: Option<Found>,
    /// All checks that were broken before the run ended.
    pub broken: BTreeSet<&'static str>,
    /// How long the cluster did without leaders that died, in thousandths of election timeouts.
    pub outages: Vec<u64>,
    /// What was counted: faults, operations, messages.
    pub counts: BTreeMap<&'static str, u64>,
    /// How often each property was judged.
    pub tally: BTreeMap<&'static str, u64>,
    /// Everything that happened.
    pub trace: Trace,
    /// Simulated time.
    pub simulated: Duration,
}

/// Runs a future in a runtime of its own on a thread of its own.
///
/// # Panics
/// With the future.
pub fn in_fresh_thread<T: Send + 'static>(
    seed: u64,
    future: impl Future<Output = T> + Send + 'static,
) -> T {
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
        let runtime = Runtime::with_seed_and_config(seed, Config::default());
        runtime.block_on(future)
    });
    let thread = thread.expect("the system has a thread to give");
    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Executes a plan; `verbose` prints every event.
#[must_use]
pub fn execute(plan: &Plan, verbose: bool) -> Outcome {
    execute_telling(plan, if verbose { Words::Printed } else { Words::Dropped })
}

/// Executes a plan and tells of it.
#[must_use]
pub fn execute_telling(plan: &Plan, words: Words) -> Outcome {
    let plan = plan.clone();
    in_fresh_thread(plan.seed, async move { simulate(&plan, words).await })
}

async fn simulate(plan: &Plan, words: Words) -> Outcome {
    let mut prng = Prng::new(plan.seed);
    let world = Arc::new(build(plan, &mut prng, words));
    let cluster = Cluster::new(world.clone(), plan.cluster.clone());
    let supervisor = madsim::task::spawn(cluster.clone().supervise());
    for member in 0..cluster.size() {
        cluster.start(member);
    }
    let ends = [WorkloadKind::Lease, WorkloadKind::LongLease, WorkloadKind::Lock];
    let expires = plan.workloads.iter().any(|workload| ends.contains(&workload.kind));
    let ledger = Arc::new(Ledger::new(plan.black_box && !expires));
    let run = Run { plan, world: world.clone(), cluster: cluster.clone(), ledger };
    run.drive(&mut prng).await;
    supervisor.abort();
    cluster.end();
    // The runtime drops the killed tasks only when it runs them once more.
    world.clock.sleep(Duration::from_millis(1)).await;
    let checks = lock(&world.checks);
    Outcome {
        found: world.violation(),
        broken: world.broken(),
        outages: in_elections(world.outages().taken(), plan.cluster.election_ms),
        counts: world.counts(),
        tally: checks.tally().counts(),
        trace: world.trace(),
        simulated: Duration::from_nanos(world.clock.now().as_nanos()),
    }
}

fn in_elections(outages: &[Duration], election_ms: u64) -> Vec<u64> {
    outages.iter().map(|outage| outage.as_micros() as u64 / election_ms.max(1)).collect()
}

/// The world of a plan at the beginning of time.
#[must_use]
pub fn build(plan: &Plan, prng: &mut Prng, words: Words) -> World {
    let seats: Vec<Seat> = (0..plan.cluster.members + plan.cluster.spares)
        .map(|member| {
            let mut disk = DiskImage::new(prng.fork());
            disk.faults.sync_min = Duration::from_micros(plan.sync_min_us);
            disk.faults.sync_mean = Duration::from_micros(plan.sync_mean_us);
            disk.faults.crash = plan.crash;
            Seat {
                id: Mutex::new(match member < plan.cluster.members {
                    true => member_id(&[peer_url(member)], TOKEN, None),
                    false => MemberId::ZERO,
                }),
                disk: Arc::new(Mutex::new(disk)),
                store: Arc::default(),
                clock: plan.cluster.clocks[member],
            }
        })
        .collect();
    let ids = seats.iter().map(Seat::id).collect();
    let settings = settings(plan);
    let checks = Checks::new(ids, settings, plan.cluster.quota_bytes);
    let world = World::new(seats, checks, prng, Trace::new(words));
    let mut net = lock(&world.net);
    for from in 0..world.seats.len() {
        for to in 0..world.seats.len() {
            net.set_faults(from, to, plan.links.clone());
        }
    }
    drop(net);
    world
}

/// What the oracle must know of the members' configuration.
fn settings(plan: &Plan) -> model::Settings {
    let config = node::NodeConfig {
        election_timeout: Duration::from_millis(plan.cluster.election_ms),
        heartbeat_interval: Duration::from_millis(plan.cluster.heartbeat_ms),
        ..node::NodeConfig::default()
    };
    model::Settings {
        lease_ttl_min: config.lease_ttl_min_seconds(),
        txn_ops_max: config.max_txn_ops,
    }
}

struct Run<'a> {
    plan: &'a Plan,
    world: Arc<World>,
    cluster: Arc<Cluster>,
    ledger: Arc<Ledger>,
}

impl Run<'_> {
    async fn drive(&self, prng: &mut Prng) {
        if !self.first_service().await {
            return;
        }
        let start = self.world.clock.now();
        self.plan.knob_classes().for_each(|class| self.world.count(class));
        self.world.say(0, format_args!("the cluster serves"));
        let doors = Arc::new(Doors::new(self.cluster.size()));
        let unique = Arc::default();
        let windows = Arc::new(self.windows(start));
        let mut clients = Vec::new();
        let mut client = |number: usize, timeout_ms| Client {
            world: self.world.clone(),
            cluster: self.cluster.clone(),
            doors: doors.clone(),
            ledger: self.ledger.clone(),
            number: number as u64,
            caller: Mutex::new(node::Caller::root()),
            prng: Mutex::new(prng.fork()),
            windows: windows.clone(),
            unique: Arc::clone(&unique),
            operations: Default::default(),
            timeout: Duration::from_millis(timeout_ms),
            refused_full: Default::default(),
        };
        for workload in &self.plan.workloads {
            self.world.count(workload.kind.name());
            for _ in 0..workload.clients {
                let client = Arc::new(client(clients.len(), workload.timeout_ms));
                clients.push(madsim::task::spawn(workload::run(client, *workload)));
            }
        }
        if !self.plan.is_idle() {
            let client = Arc::new(client(clients.len(), EAGER_TIMEOUT_MS));
            clients.push(madsim::task::spawn(workload::eager::run(client)));
        }
        let operator = Operator::new(self.world.clone(), self.cluster.clone());
        let watching = madsim::task::spawn(operator.clone().watch_over());
        let nemesis = Nemesis {
            world: self.world.clone(),
            cluster: self.cluster.clone(),
            doors,
            operator: operator.clone(),
            links: self.plan.links.clone(),
        };
        nemesis.unleash(self.plan, start);
        self.until(start + Duration::from_secs(self.plan.duration_s)).await;
        nemesis.heal();
        self.settle(clients, &operator).await;
        watching.abort();
        self.judge_unique(&unique);
        self.judge_calm();
        self.judge_history();
    }

    /// When faults are on and what they broke is being mended.
    fn windows(&self, start: Instant) -> Vec<(Instant, Instant)> {
        let mending = 5 * self.plan.cluster.election_ms + 3_000;
        let window = |at: u64, lasts: u64| {
            let from = start + Duration::from_millis(at);
            (from, from + Duration::from_millis(lasts + mending))
        };
        self.plan.faults.iter().map(|timed| window(timed.at_ms, timed.fault.lasts_ms())).collect()
    }

    async fn until(&self, at: Instant) {
        while self.world.clock.now() < at && self.world.violation().is_none() {
            self.world.clock.sleep(Duration::from_millis(100)).await;
        }
    }

    fn judge_unique(&self, unique: &Mutex<Vec<(proto::etcdserverpb::InternalRaftRequest, bool)>>) {
        let checks = lock(&self.world.checks);
        let verdicts: Vec<_> = lock(unique)
            .iter()
            .map(|(request, acknowledged)| {
                crate::check::kv_operations::once(
                    &checks.timeline,
                    checks.tally(),
                    request,
                    *acknowledged,
                )
            })
            .collect();
        drop(checks);
        verdicts.into_iter().for_each(|verdict| self.world.judge(verdict));
    }

    /// Of the operations that no fault could have touched, most must have been answered (G5).
    fn judge_calm(&self) {
        let ledger = &self.ledger;
        let load = |counter: &std::sync::atomic::AtomicU64| counter.load(Ordering::Relaxed);
        let (calm, answered) = (load(&ledger.calm), load(&ledger.calm_answered));
        self.world.count_many("operation: begun", load(&ledger.begun));
        self.world.count_many("operation: answered", load(&ledger.answered));
        self.world.count_many("operation: begun in calm", calm);
        self.world.count_many("operation: answered in calm", answered);
        if calm >= CALM_MIN {
            lock(&self.world.checks).tally().hit("G5");
        }
        if calm >= CALM_MIN && answered * 10 < calm * 6 && !self.cluster.may_stand_still() {
            let text = format!("{answered} of {calm} operations outside faults were answered");
            self.world.judge(Err(Violation { check: "G5", text }));
        }
    }

    fn judge_history(&self) {
        let Some(calls) = &self.ledger.calls else { return };
        let verdict = {
            let checks = lock(&self.world.checks);
            black_box::linearizable(settings(self.plan), checks.tally(), &lock(calls))
        };
        self.world.judge(verdict);
    }
}
