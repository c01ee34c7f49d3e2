//! A cluster under random faults: messages lost, doubled and reordered, members cut off, crashed
//! with whatever was not durable lost, leaders handed over, configurations changed, logs released.
//! The ghost checks R1, R2, R3, R5, R6 and R7 at every step; afterwards everything heals and the
//! cluster must agree (a small G1).

use std::time::Duration;

use base::Prng;
use bytes::Bytes;
use raft::{ConfChange, ConfChangeKind, ConfState, Config, EntryKind, Index, MemberId, Role};

use crate::cluster::member::Member;
use crate::cluster::{Cluster, codec};

/// What one run is like.
struct World {
    cluster: Cluster,
    prng: Prng,
    proposals: u64,
    reads: u64,
    damaged: u64,
    /// Configurations change in this run, or logs are damaged in it. Both at once can leave a
    /// damaged member that waits to hear from one that was removed: it stalls, as it must.
    changes: bool,
}

impl World {
    fn new(seed: u64) -> World {
        let mut prng = Prng::new(seed);
        let count = prng.between(1, 5);
        let voters = (1..=count).map(MemberId).collect();
        let learners = if prng.chance(0.5) { vec![MemberId(count + 1)] } else { Vec::new() };
        let state = ConfState { voters, learners, ..ConfState::default() };
        let (pre_vote, check_quorum) = (prng.chance(0.5), prng.chance(0.5));
        let (entries, inflight) = (prng.between(1, 4), prng.between(1, 4));
        let cache = if prng.chance(0.5) { 1 } else { 1 << 20 };
        let tune = |config: &mut Config| {
            config.seed = seed ^ config.id.get();
            (config.pre_vote, config.check_quorum) = (pre_vote, check_quorum);
            (config.append_entries_max, config.inflight_max) =
                (entries as usize, inflight as usize);
            config.cache_bytes_max = cache;
            config.committed_bytes_max = 100;
        };
        let mut cluster = Cluster::new(&state, tune);
        cluster.start_all();
        let changes = prng.chance(0.5);
        World { cluster, prng, proposals: 0, reads: 0, damaged: 0, changes }
    }

    fn any(&mut self) -> MemberId {
        let ids: Vec<MemberId> = self.cluster.members.keys().copied().collect();
        *self.prng.pick(&ids)
    }

    fn step(&mut self) {
        let id = self.any();
        let running = self.cluster.member(id.get()).raft.is_some();
        match self.prng.below(1_000) {
            0..=279 => self.deliver(),
            280..=519 if running => while self.cluster.output(id).is_some() {},
            520..=669 if running => drop(self.cluster.member(id.get()).persist_one()),
            670..=749 if running => drop(self.cluster.member(id.get()).apply_one()),
            750..=809 if running => drop(self.cluster.member(id.get()).answer_fetch(true)),
            810..=869 => {
                let millis = self.prng.below(100);
                self.cluster.advance(Duration::from_millis(millis));
            }
            870..=959 if running => self.ask(id),
            960..=965 => self.fault(id, running),
            966..=989 if running => self.snapshots(id),
            990..=999 if running => {
                let applied = self.cluster.member(id.get()).applied.0;
                let index = Index(self.prng.below(applied.get() + 1));
                self.cluster.member(id.get()).release(index);
            }
            _ if !running && self.prng.chance(0.02) => {
                let now = self.cluster.now;
                self.cluster.member(id.get()).start(now);
            }
            _ => {}
        }
        if let Some(raft) = &self.cluster.member(id.get()).raft {
            raft.check();
        }
    }

    /// One message arrives, in any order; it may be lost or arrive again later.
    fn deliver(&mut self) {
        if self.cluster.network.is_empty() {
            return;
        }
        let place = self.prng.below(self.cluster.network.len() as u64) as usize;
        let message = self.cluster.network.swap_remove(place);
        if self.prng.chance(0.05) {
            self.cluster.network.push(message.clone());
        }
        if !self.prng.chance(0.03) {
            self.cluster.deliver(message);
        }
        // The oldest go first when too many wait: a network holds only so much.
        let excess = self.cluster.network.len().saturating_sub(300);
        self.cluster.network.drain(..excess);
    }

    fn ask(&mut self, id: MemberId) {
        let other = self.any();
        let kind = self.prng.below(40).saturating_sub(28).min(9);

        let (change, changes) = (self.change(), self.changes);
        (self.proposals, self.reads) = (self.proposals + 1, self.reads + 1);
        let payload = Bytes::from(format!("p{}", self.proposals));
        let context = Bytes::from(format!("r{}", self.reads));
        let raft = self.cluster.raft(id.get());
        match kind {
            0..=5 => drop(raft.propose(vec![payload])),
            6 => drop(raft.read_index(context)),
            7 => drop(raft.transfer_leadership(other)),
            8 if changes => {
                let data = codec::encode(&change);
                let _refused = raft.propose_configuration(EntryKind::ConfChangeV2, data, &change);
            }
            8 => {}
            _ => raft.campaign(),
        }
    }

    /// A change of one or two members, joint now and then.
    fn change(&mut self) -> ConfChange {
        let kinds =
            [ConfChangeKind::AddVoter, ConfChangeKind::AddLearner, ConfChangeKind::RemoveMember];
        let kind = *self.prng.pick(&kinds);
        let mut change = ConfChange::single(kind, self.any());
        match self.prng.below(4) {
            0 => ConfChange::default(),
            1 => {
                let other = ConfChange::single(*self.prng.pick(&kinds), self.any());
                change.steps.extend(other.steps);
                change
            }
            _ => change,
        }
    }

    fn fault(&mut self, id: MemberId, running: bool) {
        match self.prng.below(6) {
            0 | 1 if running => self.crash(id),
            2 if running => self.cluster.member(id.get()).checkpoint(),
            3 => {
                let other = self.any();
                self.cluster.cut.push((id, other));
            }
            _ => self.cluster.cut.clear(),
        }
    }

    /// Loses what was not durable; now and then, on one member at a time and where three voters can
    /// bear it, the end of what was durable too, and then the member knows that it may have.
    fn crash(&mut self, id: MemberId) {
        let suspect = |member: &Member| {
            member.raft.as_ref().map_or(member.disk.suspect.is_some(), |raft| raft.status().suspect)
        };
        let others_sound = !self.cluster.members.values().any(suspect);
        let tolerates = |member: &Member| member.applied.1.voters.len() >= 3;
        let tolerated = !self.changes && self.cluster.members.values().all(tolerates);
        let keeps = suspect(self.cluster.member(id.get()));
        let lost = self.prng.between(1, 3);
        let damaged = others_sound && tolerated && self.prng.chance(0.3);
        let member = self.cluster.member(id.get());
        member.crash();
        if !keeps {
            member.disk.suspect = None;
        }
        let reach = member.disk.last();
        if damaged && reach.get() >= member.disk.applied.0.get() + lost {
            self.damaged += 1;
            member.disk.suspect = Some(reach);
            let kept = member.disk.entries.len() - lost as usize;
            member.disk.entries.truncate(kept);
        }
    }

    /// Snapshots that were asked for are sent, and received ones installed or refused.
    fn snapshots(&mut self, id: MemberId) {
        let waiting = self.cluster.raft(id.get()).status().progress;
        let needy = waiting.iter().find(|peer| peer.state == raft::ProgressState::Snapshot);
        if let Some(peer) = needy {
            let message = self.cluster.snapshot(id.get(), peer.id.get());
            self.cluster.network.push(message);
            let ok = self.prng.chance(0.5);
            self.cluster.raft(id.get()).report_snapshot(peer.id, ok);
        }
        if self.cluster.member(id.get()).install.is_some() {
            if self.prng.chance(0.3) {
                self.cluster.member(id.get()).install = None;
                self.cluster.raft(id.get()).snapshot_refused();
            } else {
                self.cluster.member(id.get()).install();
            }
        }
    }

    /// Everything heals; time passes until all members of the configuration agree.
    fn heal(&mut self) {
        self.cluster.cut.clear();
        self.cluster.start_all();
        for _ in 0..200 {
            self.cluster.advance(Duration::from_millis(100));
            self.cluster.settle();
            let ids: Vec<MemberId> = self.cluster.members.keys().copied().collect();
            for id in ids {
                self.snapshots(id);
            }
            if self.agrees() {
                return;
            }
        }
        let all: Vec<_> = self.cluster.members.values().filter_map(|m| m.raft.as_ref()).collect();
        let all: Vec<_> = all.iter().map(|raft| raft.status()).collect();
        panic!("the cluster never agrees: {all:#?}");
    }

    fn agrees(&mut self) -> bool {
        let running = self.cluster.members.values().filter_map(|member| member.raft.as_ref());
        let statuses: Vec<raft::Status> = running.map(|raft| raft.status()).collect();
        let leads = |status: &&raft::Status| status.role == Role::Leader;
        let Some(leader) = statuses.iter().filter(leads).max_by_key(|status| status.term) else {
            return false;
        };
        let state = &leader.conf_state;
        let members = state.voters.iter().chain(&state.learners).chain(&state.voters_outgoing);
        let settled = leader.commit == leader.last && leader.applied == leader.last;
        let behind = |id: &MemberId| {
            statuses.iter().any(|status| status.id == *id && status.applied != leader.applied)
        };
        settled && !members.clone().any(behind)
    }
}

/// Elections, entries committed and logs damaged in one run.
fn run(seed: u64, steps: usize) -> (usize, usize, u64) {
    let mut world = World::new(seed);
    for _ in 0..steps {
        world.step();
    }
    world.heal();
    (world.cluster.ghost.elections(), world.cluster.ghost.committed().len(), world.damaged)
}

#[test]
fn no_fault_breaks_an_invariant_and_the_healed_cluster_agrees() {
    let runs = std::env::var("RAFT_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let first = std::env::var("RAFT_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or(1);
    let (mut elections, mut committed, mut damaged) = (0, 0, 0);
    for seed in first..first + runs {
        let result = std::panic::catch_unwind(|| run(seed, 10_000));
        let (elected, agreed, lost) =
            result.unwrap_or_else(|_| panic!("RAFT_SEED={seed} RAFT_RUNS=1"));
        (elections, committed) = (elections + elected, committed + agreed);
        damaged += lost;
    }
    // A run in which nothing happens would prove nothing.
    assert!(damaged * 10 >= runs, "{damaged} logs damaged in {runs} runs");
    assert!(elections as u64 >= runs, "{elections} elections in {runs} runs");
    assert!(committed as u64 >= 10 * runs, "{committed} entries committed in {runs} runs");
}
