//! What all parts of one run share: time, randomness, the trace, counters, the members' lives,
//! disks and backends, the network, and the checkers.
//!
//! A run lives on one thread. Locks are taken in the order disk, network, checks, trace; no lock is
//! held across a wait.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use base::{ClusterId, Instant, MemberId, Prng};
use node::env::{Event, Role};
use tokio::sync::Notify;

use crate::backend::Store;
use crate::check::{Checks, Violation};
use crate::counters::Counters;
use crate::disk::DiskImage;
use crate::env::clock::{Clock, MemberClock};
use crate::net::Network;
use crate::outages::Outages;
use crate::sync::lock;
use crate::trace::Trace;

/// One member's place in the world: what outlives its restarts.
pub struct Seat {
    /// Its id; zero until a member that joins has learned it.
    pub id: Mutex<MemberId>,
    /// Its disk.
    pub disk: Arc<Mutex<DiskImage>>,
    /// Its backend.
    pub store: Arc<Mutex<Store>>,
    /// Its clock.
    pub clock: MemberClock,
}

impl Seat {
    /// Its id; zero while unknown.
    #[must_use]
    pub fn id(&self) -> MemberId {
        *lock(&self.id)
    }
}

/// The world of one run.
pub struct World {
    /// Virtual time.
    pub clock: Clock,
    /// The members, in the order of the plan; numbered from one in reports.
    pub seats: Vec<Seat>,
    /// The network between them.
    pub net: Mutex<Network>,
    /// The checkers.
    pub checks: Mutex<Checks>,
    /// Woken when a violation was found or a member stopped itself.
    pub news: Notify,
    /// Members that just booted or became leader.
    moments: Mutex<Vec<usize>>,
    /// Woken when there is one.
    moment: Notify,
    prng: Mutex<Prng>,
    trace: Mutex<Trace>,
    counts: Mutex<Counters>,
    violation: Mutex<Option<Found>>,
    broken: Mutex<BTreeSet<&'static str>>,
    outages: Mutex<Outages>,
    failed: Mutex<Vec<(usize, u64, String)>>,
    excused: Mutex<Vec<bool>>,
    incarnations: AtomicU64,
    buggify: bool,
}

/// A violation and when it was found.
#[derive(Clone, Debug)]
pub struct Found {
    /// What is broken.
    pub violation: Violation,
    /// When.
    pub at: Instant,
    /// Number of the event.
    pub event: u64,
}

/// One incarnation of a member. Everything that a member holds carries it, so that what a dead
/// incarnation still does is without effect.
#[derive(Clone)]
pub struct Life {
    world: Arc<World>,
    member: usize,
    incarnation: u64,
    alive: Arc<AtomicBool>,
}

impl World {
    /// A world at the beginning of time.
    #[must_use]
    pub fn new(seats: Vec<Seat>, checks: Checks, prng: &mut Prng, trace: Trace) -> World {
        let ids = seats.iter().map(Seat::id).collect();
        let excused = Mutex::new(vec![false; seats.len()]);
        World {
            clock: Clock::current(),
            net: Mutex::new(Network::new(ids, prng.fork())),
            seats,
            checks: Mutex::new(checks),
            news: Notify::new(),
            moments: Mutex::default(),
            moment: Notify::new(),
            prng: Mutex::new(prng.fork()),
            trace: Mutex::new(trace),
            counts: Mutex::default(),
            violation: Mutex::default(),
            broken: Mutex::default(),
            outages: Mutex::default(),
            failed: Mutex::default(),
            excused,
            incarnations: AtomicU64::new(0),
            buggify: prng.chance(0.5),
        }
    }

    /// 64 random bits.
    pub fn random(&self) -> u64 {
        lock(&self.prng).next_u64()
    }

    /// Runs `choose` on the world's randomness.
    pub fn choose<T>(&self, choose: impl FnOnce(&mut Prng) -> T) -> T {
        choose(&mut lock(&self.prng))
    }

    /// Whether a rare branch shall be taken now.
    pub fn buggify(&self) -> bool {
        self.buggify && lock(&self.prng).chance(0.05)
    }

    /// The number of the member with this id.
    #[must_use]
    pub fn member_of(&self, id: MemberId) -> Option<usize> {
        self.seats.iter().position(|seat| seat.id() == id && !id.is_zero())
    }

    /// A member has learned who it is.
    pub fn identify(&self, member: usize, id: MemberId, cluster: ClusterId) {
        *lock(&self.seats[member].id) = id;
        lock(&self.net).identify(member, id, cluster);
        lock(&self.checks).identify(member, id);
    }

    /// Counts something by name.
    pub fn count(&self, name: &'static str) {
        self.count_many(name, 1);
    }

    /// Counts several of something by name.
    pub fn count_many(&self, name: &'static str, number: u64) {
        lock(&self.counts).add(name, number);
    }

    /// All counters.
    #[must_use]
    pub fn counts(&self) -> BTreeMap<&'static str, u64> {
        lock(&self.counts).by_name()
    }

    /// Adds to the trace; member zero is the world.
    pub fn record(&self, member: usize, kind: &'static str, numbers: &[u64]) {
        lock(&self.trace).add(self.clock.now(), member, kind, numbers);
    }

    /// Says something to the reader of a report.
    pub fn say(&self, member: usize, words: fmt::Arguments<'_>) {
        lock(&self.trace).say(self.clock.now(), member, words);
    }

    /// A copy of the trace so far.
    #[must_use]
    pub fn trace(&self) -> Trace {
        lock(&self.trace).clone()
    }

    /// The first violation.
    #[must_use]
    pub fn violation(&self) -> Option<Found> {
        lock(&self.violation).clone()
    }

    /// All checks that were broken until the run ended.
    #[must_use]
    pub fn broken(&self) -> BTreeSet<&'static str> {
        lock(&self.broken).clone()
    }

    /// How long the cluster did without a leader that died.
    pub fn outages(&self) -> std::sync::MutexGuard<'_, Outages> {
        lock(&self.outages)
    }

    /// Takes the verdict of a checker; the first violation counts.
    pub fn judge(&self, verdict: Result<(), Violation>) {
        let Err(violation) = verdict else { return };
        self.say(0, format_args!("VIOLATION {violation}"));
        let event = lock(&self.trace).events();
        lock(&self.broken).insert(violation.check);
        let mut first = lock(&self.violation);
        if first.is_none() {
            *first = Some(Found { violation, at: self.clock.now(), event });
            drop(first);
            self.news.notify_waiters();
        }
    }

    /// The durable image of a member changed.
    pub fn durable_changed(&self, member: usize) {
        let disk = lock(&self.seats[member].disk);
        let log = disk.witness().log();
        self.record(member + 1, "durable", &[log.term, log.last()]);
        let verdict = lock(&self.checks).durable(member, log);
        drop(disk);
        self.judge(verdict);
    }

    /// A sync of a member's disk failed.
    pub fn sync_failed(&self, member: usize) {
        self.count("fault: fsync error hit");
        self.excuse(member);
        self.record(member + 1, "sync failed", &[]);
        lock(&self.checks).sync_failed(member);
    }

    /// A local fault hit a member: it may stop itself.
    pub fn excuse(&self, member: usize) {
        lock(&self.excused)[member] = true;
    }

    /// Whether a local fault hit a member since the last call.
    pub fn take_excuse(&self, member: usize) -> bool {
        std::mem::take(&mut lock(&self.excused)[member])
    }

    /// A member states a fact.
    pub fn observe(&self, member: usize, event: &Event) {
        let (kind, numbers) = crate::check::event_numbers(event);
        self.record(member + 1, kind, &numbers);
        if !matches!(event, Event::Applied { .. } | Event::Appended { .. }) {
            self.say(member + 1, format_args!("{kind} {numbers:?}"));
        }
        let now = self.clock.now();
        let disk = lock(&self.seats[member].disk);
        let verdict = lock(&self.checks).event(now, member, disk.witness().log(), event);
        drop(disk);
        self.judge(verdict);
        match event {
            Event::RoleChanged { role: Role::Leader, .. } => self.changed(member),
            Event::Committed { term, by_counting: true, .. } => {
                lock(&self.outages).served(now, term.get());
            }
            Event::Cleaned { .. } => self.count("backend: segments cleaned"),
            _ => {}
        }
    }

    /// A member just booted or became leader.
    pub fn changed(&self, member: usize) {
        lock(&self.moments).push(member);
        self.moment.notify_one();
    }

    /// The members that just booted or became leader; waits until there is one.
    pub async fn next_changed(&self) -> Vec<usize> {
        self.moment.notified().await;
        std::mem::take(&mut *lock(&self.moments))
    }

    /// A message leaves a member.
    pub fn sent(&self, member: usize, message: &raft::Message) {
        let disk = lock(&self.seats[member].disk);
        let verdict = lock(&self.checks).sent(member, message, disk.witness().log());
        drop(disk);
        self.judge(verdict);
    }

    /// A member stops itself.
    pub fn fail_stop(&self, life: &Life, reason: &str) {
        if life.alive.swap(false, Ordering::Relaxed) {
            self.say(life.member + 1, format_args!("stops itself: {reason}"));
            self.record(life.member + 1, "fail stop", &[]);
            lock(&self.failed).push((life.member, life.incarnation, reason.into()));
            self.news.notify_waiters();
        }
    }

    /// The members that stopped themselves since the last call, with incarnation and reason.
    pub fn take_failed(&self) -> Vec<(usize, u64, String)> {
        std::mem::take(&mut *lock(&self.failed))
    }

    /// Begins a new incarnation of a member.
    #[must_use]
    pub fn begin_life(self: &Arc<World>, member: usize) -> Life {
        let incarnation = self.incarnations.fetch_add(1, Ordering::Relaxed) + 1;
        let alive = Arc::new(AtomicBool::new(true));
        Life { world: self.clone(), member, incarnation, alive }
    }
}

impl Life {
    /// The world.
    #[must_use]
    pub fn world(&self) -> &Arc<World> {
        &self.world
    }

    /// The member's number.
    #[must_use]
    pub fn member(&self) -> usize {
        self.member
    }

    /// Distinguishes this incarnation from all others of the run.
    #[must_use]
    pub fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Whether it has neither crashed nor stopped itself.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.alive.load(Ordering::Relaxed)
    }

    /// Ends it.
    pub fn end(&self) {
        self.alive.store(false, Ordering::Relaxed);
    }

    /// The member's place.
    #[must_use]
    pub fn seat(&self) -> &Seat {
        &self.world.seats[self.member]
    }
}
