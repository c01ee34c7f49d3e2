//! The members of a run as processes: they boot, lose power, stop themselves, are frozen and come
//! back. What a process holds dies with it; what its disk and backend hold obeys their crash rules.

mod places;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use madsim::runtime::{Handle, NodeHandle};
use madsim::task::NodeId;
use node::{
    Api, BootError, CorruptionChecks, InitialMember, InitialState, Knobs, Node, NodeConfig,
};

use crate::audit;
use crate::check::Violation;
use crate::env::SimEnv;
use crate::net::open_port;
use crate::plan::ClusterPlan;
use crate::sync::lock;
use crate::world::{Life, World};
use places::Place;

/// Time until a member that stopped itself is started again.
const RESTART_TIME: Duration = Duration::from_millis(500);
/// How the reason begins for which a member does not start.
const REFUSAL: &str = "cannot start";
/// The token of every simulated cluster.
pub const TOKEN: &str = "sim";
/// Hashes of passwords are computed for real; the cheapest will do.
const BCRYPT_COST: u32 = 4;

/// The peer URL of a member.
#[must_use]
pub fn peer_url(member: usize) -> String {
    format!("http://m{}:2380", member + 1)
}

/// The member that listens at a peer URL.
#[must_use]
pub fn member_at(url: &str) -> Option<usize> {
    let number = url.strip_prefix("http://m")?.strip_suffix(":2380")?;
    number.parse::<usize>().ok()?.checked_sub(1)
}

/// A member that runs.
#[derive(Clone)]
pub struct Running {
    /// Its incarnation.
    pub life: Life,
    /// Where its tasks run.
    pub node: NodeHandle,
    /// Its calls.
    pub api: Api<SimEnv>,
}

enum Process {
    Down,
    Booting(Life),
    Up { running: Running, _node: Node<SimEnv> },
}

struct Slot {
    node: NodeId,
    process: Process,
    /// Faults that keep it down.
    holds: u32,
    is_paused: bool,
    /// Its log was damaged: it may refuse to start.
    is_damaged: bool,
    /// It said that it will not start on its damaged log.
    refuses: bool,
    /// Power is lost again as soon as it boots, this many times.
    crash_boots: u32,
    /// How it came and whether it goes.
    place: Place,
}

/// All members.
pub struct Cluster {
    world: Arc<World>,
    handle: Handle,
    plan: ClusterPlan,
    slots: Mutex<Vec<Slot>>,
}

impl Cluster {
    /// A cluster whose members are all down.
    ///
    /// # Panics
    /// Outside a simulated runtime.
    #[must_use]
    pub fn new(world: Arc<World>, plan: ClusterPlan) -> Arc<Cluster> {
        let handle = Handle::current();
        let slots = (0..plan.members + plan.spares).map(|member| Slot {
            node: handle.create_node().name(format!("m{}", member + 1)).build().id(),
            process: Process::Down,
            holds: 0,
            is_paused: false,
            is_damaged: false,
            refuses: false,
            crash_boots: 0,
            place: Place::new(member < plan.members),
        });
        let slots = Mutex::new(slots.collect());
        Arc::new(Cluster { world, handle, plan, slots })
    }

    /// How many members there are, those included that may join.
    #[must_use]
    pub fn size(&self) -> usize {
        self.plan.members + self.plan.spares
    }

    /// Whether writes can run into a quota.
    #[must_use]
    pub fn has_quota(&self) -> bool {
        self.plan.quota_bytes.is_some()
    }

    /// What a member is told.
    #[must_use]
    pub fn config(&self, member: usize) -> NodeConfig {
        let name = |member: usize| format!("m{}", member + 1);
        let mut knobs = Knobs::default();
        for (knob, value) in &self.plan.knobs {
            let known = knobs.set(knob, *value);
            assert!(known, "the plan sets a knob {knob}, which does not exist");
        }
        let mut store = mvcc::Knobs::default();
        for (knob, value) in self.plan.differing.get(member).into_iter().flatten() {
            // The store first: both have segments, and it is the store's that differ.
            let known = store.set(knob, *value) || knobs.set(knob, *value);
            assert!(known, "the plan sets a knob {knob}, which does not exist");
        }
        let joins = lock(&self.slots)[member].place.joins;
        let named = if joins { self.listed() } else { (0..self.plan.members).collect() };
        let initial_cluster = named
            .into_iter()
            .map(|member| InitialMember { name: name(member), peer_urls: vec![peer_url(member)] });
        NodeConfig {
            name: name(member),
            initial_cluster: initial_cluster.collect(),
            cluster_token: TOKEN.into(),
            initial_state: if joins { InitialState::Existing } else { InitialState::New },
            client_urls: vec![format!("http://m{}:2379", member + 1)],
            election_timeout: Duration::from_millis(self.plan.election_ms),
            heartbeat_interval: Duration::from_millis(self.plan.heartbeat_ms),
            pre_vote: self.plan.pre_vote,
            watch_progress_interval: Duration::from_millis(self.plan.progress_ms),
            quota_bytes: self.plan.quota_bytes.or(NodeConfig::default().quota_bytes),
            lease_checkpoint_interval: self.plan.lease_checkpoint_ms.map(Duration::from_millis),
            corruption: self.corruption_checks(),
            bcrypt_cost: BCRYPT_COST,
            knobs,
            store,
            ..NodeConfig::default()
        }
    }

    fn corruption_checks(&self) -> CorruptionChecks {
        let Some(millis) = self.plan.compare_ms else { return CorruptionChecks::default() };
        let every = Duration::from_millis(millis);
        CorruptionChecks {
            at_start: true,
            of_compactions: true,
            compactions_every: every,
            everything_every: every,
        }
    }

    /// Starts a member unless it runs or a fault keeps it down.
    pub fn start(self: &Arc<Cluster>, member: usize) {
        let mut slots = lock(&self.slots);
        let slot = &mut slots[member];
        let is_down = matches!(slot.process, Process::Down);
        if slot.holds > 0 || !is_down || !slot.place.is_wanted {
            return;
        }
        self.handle.restart(slot.node);
        let Some(node) = self.handle.get_node(slot.node) else { return };
        let life = self.world.begin_life(member);
        slot.process = Process::Booting(life.clone());
        slot.is_paused = false;
        let again = slot.crash_boots > 0;
        slot.crash_boots = slot.crash_boots.saturating_sub(1);
        drop(slots);
        self.world.say(member + 1, format_args!("boots"));
        self.world.count("cluster: boots");
        let env = SimEnv::new(life.clone(), open_port(&life), node.clone());
        let cluster = self.clone();
        let config = self.config(member);
        let boot_node = node.clone();
        node.spawn(async move {
            let booted = node::boot(env, config).await;
            if life.is_alive() {
                cluster.booted(&life, boot_node, booted);
            }
        });
        if again {
            self.crash_soon(member);
        }
    }

    /// Loses power at a random moment of the boot, then starts again (P5).
    fn crash_soon(self: &Arc<Cluster>, member: usize) {
        let cluster = self.clone();
        let micros = self.world.choose(|prng| prng.between(1, 20_000));
        madsim::task::spawn(async move {
            cluster.world.clock.sleep(Duration::from_micros(micros)).await;
            cluster.crash(member);
            cluster.start(member);
        });
    }

    fn booted(
        self: &Arc<Cluster>,
        life: &Life,
        node: NodeHandle,
        booted: Result<Node<SimEnv>, BootError>,
    ) {
        let member = life.member();
        match booted {
            Ok(running) => {
                let api = running.api();
                self.await_removal(life, &node, &api);
                let up = Running { life: life.clone(), node, api };
                let process = Process::Up { running: up.clone(), _node: running };
                lock(&self.slots)[member].process = process;
                self.world.changed(member);
                let world = self.world.clone();
                madsim::task::spawn(async move {
                    // A member that stops again right away has nothing to show.
                    let _refused = audit::contents(&world, &up, "A2").await;
                });
            }
            Err(error) => {
                if let BootError::Join(_) = &error
                    && lock(&self.slots)[member].place.joins
                {
                    // The list may have changed since it was asked for, or nobody answered.
                    self.world.count("cluster: joins refused");
                    self.world.excuse(member);
                }
                self.world.fail_stop(life, &format!("{REFUSAL}: {error}"));
            }
        }
    }

    /// A member loses power: what was not synced is subject to the disk's crash rule.
    pub fn crash(&self, member: usize) {
        let mut slots = lock(&self.slots);
        let slot = &mut slots[member];
        let process = std::mem::replace(&mut slot.process, Process::Down);
        let life = match &process {
            Process::Down => return,
            Process::Booting(life) => life.clone(),
            Process::Up { running, .. } => running.life.clone(),
        };
        life.end();
        if std::mem::take(&mut slot.is_paused) {
            // The runtime cannot drop a frozen task whose destructor asks for its node.
            self.handle.resume(slot.node);
        }
        self.handle.kill(slot.node);
        drop(slots);
        drop(process);
        self.lose_power(member);
    }

    fn lose_power(&self, member: usize) {
        lock(&self.world.net).close(member);
        // What a fault excused ends with the life that met it.
        let _past = self.world.take_excuse(member);
        self.note_death(member);
        let seat = &self.world.seats[member];
        let mut disk = lock(&seat.disk);
        let was_unsynced = disk.is_unsynced();
        let crash = disk.crash();
        let batches = self.world.choose(|prng| lock(&seat.store).crash(prng));
        lock(&self.world.checks).crashed(member, disk.witness().log());
        drop(disk);
        let world = &self.world;
        world.count("cluster: crashes");
        if was_unsynced {
            world.count("disk: crash with unsynced data");
        }
        world.count_many("disk: sectors kept", crash.sectors.kept);
        world.count_many("disk: sectors dropped", crash.sectors.dropped);
        world.count_many("disk: sectors garbled", crash.sectors.garbled);
        world.count_many("disk: names kept", crash.names_kept);
        world.count_many("disk: names lost", crash.names_lost);
        world.count_many("backend: batches lost", batches);
        let numbers = [crash.sectors.kept, crash.sectors.dropped, crash.names_lost, batches];
        world.record(member + 1, "crash", &numbers);
        world.say(member + 1, format_args!("crashes: {crash:?}, {batches} batches lost"));
    }

    /// Begins an outage when the member that dies leads a cluster that can go on without it.
    fn note_death(&self, member: usize) {
        let voters = self.voters();
        let checks = lock(&self.world.checks);
        let members = &checks.ghost().members;
        let term = members.iter().map(|member| member.term).max().unwrap_or(0);
        let others = voters.iter().filter(|&&other| other != member && members[other].is_up);
        let can_go_on = others.count() > voters.len() / 2;
        let leads = members[member].is_leader && members[member].term == term;
        drop(checks);
        let mut outages = self.world.outages();
        match leads && can_go_on {
            true => outages.leader_died(self.world.clock.now(), term),
            false => outages.disturbed(),
        }
    }

    /// Keeps a member down until released as often.
    pub fn hold(&self, member: usize) {
        lock(&self.slots)[member].holds += 1;
    }

    /// Ends one hold, and starts the member when it was the last.
    pub fn release(self: &Arc<Cluster>, member: usize) {
        {
            let mut slots = lock(&self.slots);
            slots[member].holds = slots[member].holds.saturating_sub(1);
        }
        self.start(member);
    }

    /// Freezes a member, or lets it go on.
    pub fn pause(&self, member: usize, pause: bool) {
        let mut slots = lock(&self.slots);
        let slot = &mut slots[member];
        if matches!(slot.process, Process::Down) || slot.is_paused == pause {
            return;
        }
        slot.is_paused = pause;
        match pause {
            true => self.handle.pause(slot.node),
            false => self.handle.resume(slot.node),
        }
    }

    /// The next boots of a member end in a loss of power.
    pub fn crash_boots(&self, member: usize, times: u32) {
        lock(&self.slots)[member].crash_boots = times;
    }

    /// A member's log was damaged, in its last batch or before it.
    pub fn damaged(&self, member: usize, is_middle: bool) {
        lock(&self.slots)[member].is_damaged = true;
        lock(&self.world.checks).log_damaged(member, is_middle);
    }

    /// Whether a member's log was damaged at some time.
    fn is_damaged(&self, member: usize) -> bool {
        lock(&self.slots)[member].is_damaged
    }

    /// Whether a member does not run, and will not: it refuses its damaged log, or went with its
    /// disk.
    #[must_use]
    pub fn is_lost(&self, member: usize) -> bool {
        let will_not = {
            let slot = &lock(&self.slots)[member];
            slot.refuses || slot.place.is_lost
        };
        will_not && self.running(member).is_none()
    }

    /// Whether the cluster is allowed to stand still (G5): a member whose log was damaged stays
    /// down, and with those whose log is suspect since a crash, which vote only when all others are
    /// heard (L-a), no majority is left that elects.
    #[must_use]
    pub fn may_stand_still(&self) -> bool {
        let lost = |member: &usize| self.is_lost(*member);
        let is_suspect = |member: &usize| lock(&self.world.seats[*member].disk).is_log_suspect();
        let voters = self.voters();
        let sound = voters.iter().filter(|member| !lost(member) && !is_suspect(member));
        voters.iter().any(lost) && sound.count() <= voters.len() / 2
    }

    /// A member that serves; `None` while it is down or boots.
    #[must_use]
    pub fn running(&self, member: usize) -> Option<Running> {
        match &lock(&self.slots)[member].process {
            Process::Up { running, .. } if running.life.is_alive() => Some(running.clone()),
            _ => None,
        }
    }

    /// Starts members again that stopped themselves. Inside the envelope only a local fault may
    /// make a member do so.
    pub async fn supervise(self: Arc<Cluster>) {
        loop {
            let news = self.world.news.notified();
            for (member, incarnation, reason) in self.world.take_failed() {
                self.stopped(member, incarnation, &reason);
            }
            news.await;
        }
    }

    fn stopped(self: &Arc<Cluster>, member: usize, incarnation: u64, reason: &str) {
        {
            let slots = lock(&self.slots);
            let current = match &slots[member].process {
                Process::Down => return,
                Process::Booting(life) => life.incarnation(),
                Process::Up { running, .. } => running.life.incarnation(),
            };
            if current != incarnation {
                return;
            }
        }
        self.world.count("cluster: stops");
        if self.ends_removed(member, reason) {
            return;
        }
        let is_excused = self.world.take_excuse(member) || self.is_damaged(member);
        if !is_excused {
            let text = format!("member {} stopped itself without a fault: {reason}", member + 1);
            self.world.judge(Err(Violation { check: "R16", text }));
        }
        self.crash(member);
        if self.is_damaged(member) && reason.starts_with(REFUSAL) {
            // Starting again would not help: an operator must replace it.
            lock(&self.slots)[member].refuses = true;
            self.world.count("cluster: damaged members that refuse to start");
            lock(&self.world.checks).tally().hit("L2");
            return;
        }
        let cluster = self.clone();
        madsim::task::spawn(async move {
            cluster.world.clock.sleep(RESTART_TIME).await;
            cluster.start(member);
        });
    }

    /// Ends all members, so that the runtime drops their tasks.
    pub fn end(&self) {
        let mut slots = lock(&self.slots);
        for slot in slots.iter_mut() {
            if let Process::Booting(life) | Process::Up { running: Running { life, .. }, .. } =
                &slot.process
            {
                life.end();
            }
            if std::mem::take(&mut slot.is_paused) {
                self.handle.resume(slot.node);
            }
            self.handle.kill(slot.node);
        }
        let processes: Vec<Process> = slots
            .iter_mut()
            .map(|slot| std::mem::replace(&mut slot.process, Process::Down))
            .collect();
        drop(slots);
        drop(processes);
    }
}
