//! Executes the faults of a plan at their times, and heals at the end.

use std::sync::Arc;
use std::time::Duration;

use base::Instant;

use crate::backend::Operation;
use crate::cluster::Cluster;
use crate::net::{self, LinkFaults};
use crate::operator::Operator;
use crate::plan::{Fault, Plan};
use crate::sync::lock;
use crate::workload::Doors;
use crate::world::World;

/// Time after a fault until the cluster is as it was.
const CALMING_TIME: Duration = Duration::from_secs(3);

/// What a fault may touch.
#[derive(Clone)]
pub struct Nemesis {
    /// The world.
    pub world: Arc<World>,
    /// The members.
    pub cluster: Arc<Cluster>,
    /// The ways between clients and members.
    pub doors: Arc<Doors>,
    /// Who changes the members.
    pub operator: Operator,
    /// How links behave without a fault.
    pub links: LinkFaults,
}

impl Nemesis {
    /// Lets all faults of a plan happen, counted from `start`; each runs beside the others.
    pub fn unleash(&self, plan: &Plan, start: Instant) {
        for timed in &plan.faults {
            let nemesis = self.clone();
            let fault = timed.fault.clone();
            let at = start + Duration::from_millis(timed.at_ms);
            madsim::task::spawn(async move {
                nemesis.world.clock.sleep_until(at).await;
                nemesis.world.say(0, format_args!("{fault:?}"));
                nemesis.world.record(0, fault.name(), &[]);
                nemesis.world.count(fault.name());
                let fault = nemesis.aimed(fault);
                nemesis.note_noise(&fault);
                nemesis.execute(fault).await;
            });
        }
    }

    /// While anything but deaths goes on, an outage says nothing about the election.
    fn note_noise(&self, fault: &Fault) {
        let mut outages = self.world.outages();
        outages.disturbed();
        if !fault.is_death() {
            let lasts = Duration::from_millis(fault.lasts_ms()) + CALMING_TIME;
            outages.noisy_until(self.world.clock.now() + lasts);
        }
    }

    /// A fault hits those who are members when it happens: a number counts them.
    fn aimed(&self, mut fault: Fault) -> Fault {
        let aim = |number: &mut usize| *number = self.cluster.active_at(*number);
        fault.targets().into_iter().for_each(aim);
        if let Fault::OneWay { from, to, .. } | Fault::Clog { from, to, .. } = &mut fault
            && from == to
        {
            *to = self.cluster.active_at(*to + 1);
        }
        fault
    }

    async fn wait(&self, ms: u64) {
        self.world.clock.sleep(Duration::from_millis(ms)).await;
    }

    async fn execute(&self, fault: Fault) {
        match fault {
            Fault::Crash { member, down_ms } => self.crash(&[member], down_ms).await,
            Fault::CrashInSync { member, down_ms } => self.crash_in_sync(member, down_ms).await,
            Fault::CrashLoop { member, times } => {
                self.cluster.crash_boots(member, times);
                self.crash(&[member], 1).await;
            }
            Fault::PowerLoss { down_ms } => {
                let all = self.cluster.active();
                self.crash(&all, down_ms).await;
            }
            Fault::Pause { member, ms } => {
                self.cluster.pause(member, true);
                self.wait(ms).await;
                self.cluster.pause(member, false);
            }
            Fault::BitRot { member, down_ms } => self.bit_rot(member, down_ms).await,
            fault => self.execute_rest(fault).await,
        }
    }

    async fn execute_rest(&self, fault: Fault) {
        match fault {
            Fault::Partition { side, ms } => self.partition(&side, ms).await,
            Fault::OneWay { from, to, ms } => {
                self.cut(&[(from, to)], true);
                self.wait(ms).await;
                self.cut(&[(from, to)], false);
            }
            Fault::BadLinks { links, ms } => {
                self.set_links(&links);
                self.wait(ms).await;
                self.set_links(&self.links);
            }
            Fault::Clog { from, to, ms } => {
                net::clog(&self.world, from, to, true);
                self.wait(ms).await;
                net::clog(&self.world, from, to, false);
            }
            Fault::ClientCut { member, answers_only, ms } => {
                self.doors.cut(member, answers_only, true);
                self.wait(ms).await;
                self.doors.cut(member, answers_only, false);
            }
            Fault::AddVoter { .. }
            | Fault::AddLearner { .. }
            | Fault::Remove { .. }
            | Fault::RemoveLeader { .. }
            | Fault::Replace { .. }
            | Fault::Transfer { .. } => self.operate(fault).await,
            fault => self.break_disk(fault).await,
        }
    }

    async fn operate(&self, fault: Fault) {
        let until = self.world.clock.now() + Duration::from_millis(fault.lasts_ms());
        match fault {
            Fault::AddLearner { promote, .. } => {
                let added = self.operator.add(true, until).await;
                if let Some(added) = added.filter(|_| promote) {
                    self.operator.promote(added, until).await;
                }
            }
            Fault::Remove { member, .. } => {
                self.operator.remove(member, until).await;
            }
            Fault::RemoveLeader { .. } => {
                if let Some(leader) = self.cluster.leader() {
                    self.operator.remove(leader, until).await;
                }
            }
            Fault::Replace { member, as_learner, .. } => {
                self.operator.replace(member, as_learner, until).await;
            }
            Fault::Transfer { member, .. } => self.operator.transfer(member, until).await,
            _ => {
                self.operator.add(false, until).await;
            }
        }
    }

    async fn break_disk(&self, fault: Fault) {
        let disk = |member: usize| lock(&self.world.seats[member].disk);
        match fault {
            Fault::DiskStall { member, ms } => {
                let until = self.world.clock.now() + Duration::from_millis(ms);
                disk(member).faults.stalled_until = until;
            }
            Fault::SlowDisk { member, factor, ms } => {
                disk(member).faults.slowness = factor;
                self.wait(ms).await;
                disk(member).faults.slowness = 1;
            }
            Fault::SyncFailure { member, failure, .. } => {
                disk(member).faults.fail_sync = Some(failure);
            }
            Fault::WriteError { member, .. } => disk(member).faults.fail_writes = 1,
            Fault::DiskFull { member, left_bytes, ms } => {
                disk(member).faults.left = Some(left_bytes);
                self.wait(ms).await;
                disk(member).faults.left = None;
            }
            Fault::CrashInBackend { member, operations, behind_drop, .. } => {
                let mut store = lock(&self.world.seats[member].store);
                match behind_drop {
                    true => store.crash_behind_drop = Some(operations),
                    false => store.crash_in = Some(operations),
                }
            }
            Fault::BackendError { member, .. } => {
                let operation = match self.world.choose(|prng| prng.chance(0.5)) {
                    true => Operation::Change,
                    false => Operation::Look,
                };
                lock(&self.world.seats[member].store).fail_next = Some(operation);
            }
            other => unreachable!("{other:?} is no fault of a disk"),
        }
    }

    async fn crash(&self, members: &[usize], down_ms: u64) {
        for &member in members {
            self.cluster.hold(member);
            self.cluster.crash(member);
        }
        self.wait(down_ms).await;
        for &member in members {
            self.cluster.release(member);
        }
    }

    /// Waits, for five seconds at most, until a write is unsynced, and takes the power then.
    async fn crash_in_sync(&self, member: usize, down_ms: u64) {
        for _ in 0..20_000 {
            if lock(&self.world.seats[member].disk).has_unsynced_content() {
                break;
            }
            self.world.clock.sleep(Duration::from_micros(250)).await;
        }
        self.crash(&[member], down_ms).await;
    }

    async fn partition(&self, side: &[usize], ms: u64) {
        let others: Vec<usize> =
            (0..self.cluster.size()).filter(|member| !side.contains(member)).collect();
        let pairs: Vec<(usize, usize)> = side
            .iter()
            .flat_map(|&one| others.iter().flat_map(move |&two| [(one, two), (two, one)]))
            .collect();
        self.cut(&pairs, true);
        self.wait(ms).await;
        self.cut(&pairs, false);
    }

    fn cut(&self, pairs: &[(usize, usize)], cut: bool) {
        let now = self.world.clock.now();
        let mut net = lock(&self.world.net);
        for &(from, to) in pairs {
            net.set_cut(now, from, to, cut);
        }
    }

    fn set_links(&self, links: &LinkFaults) {
        let mut net = lock(&self.world.net);
        for from in 0..self.cluster.size() {
            for to in 0..self.cluster.size() {
                net.set_faults(from, to, links.clone());
            }
        }
    }

    async fn bit_rot(&self, member: usize, down_ms: u64) {
        let turn = self.operator.hold().await;
        if !self.cluster.can_spare(member) {
            // The damage would be more than the cluster promises to survive.
            return;
        }
        self.cluster.hold(member);
        self.cluster.crash(member);
        let rot = lock(&self.world.seats[member].disk).rot_log();
        if let Some(rot) = rot {
            self.world.count("disk: bits rotten");
            if rot.is_middle {
                self.world.count("disk: bits rotten before the last batch");
            }
            self.world.say(member + 1, format_args!("{rot:?}"));
            self.cluster.damaged(member, rot.is_middle);
        }
        drop(turn);
        self.wait(down_ms).await;
        self.cluster.release(member);
    }

    /// Ends all faults and starts all members.
    pub fn heal(&self) {
        let size = self.cluster.size();
        for from in 0..size {
            for to in 0..size {
                net::clog(&self.world, from, to, false);
            }
        }
        lock(&self.world.net).heal(self.world.clock.now(), &self.links);
        self.doors.open();
        for member in 0..size {
            let seat = &self.world.seats[member];
            let mut disk = lock(&seat.disk);
            disk.faults.stalled_until = Instant::ORIGIN;
            disk.faults.slowness = 1;
            disk.faults.fail_sync = None;
            disk.faults.fail_writes = 0;
            disk.faults.left = None;
            drop(disk);
            let mut store = lock(&seat.store);
            store.fail_next = None;
            store.crash_in = None;
            store.crash_behind_drop = None;
            drop(store);
            self.cluster.pause(member, false);
            self.cluster.crash_boots(member, 0);
            self.cluster.start(member);
        }
    }
}
