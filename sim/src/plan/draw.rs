//! A seed gives a plan. Swarm testing: each plan leaves out a random part of the fault kinds, and
//! draws shape, knobs, rates and load of the rest.

use std::collections::BTreeMap;

use base::Prng;
use node::Knobs;

use super::fault::{Fault, TimedFault};
use super::{ClusterPlan, Plan, Workload, WorkloadKind};
use crate::disk::{CrashRule, SyncFailure};
use crate::env::clock::MemberClock;
use crate::net::LinkFaults;

/// Kinds of faults, drawn with equal weight from those that a plan has switched on.
const FAULT_KINDS: u64 = 18;
/// Members that may join; the last one is kept for the end.
const SPARES: usize = 4;
/// Kinds that need other members.
const CLUSTER_KINDS: [u64; 5] = [5, 6, 7, 8, 16];

/// The plan of a seed; `members` overrides the drawn cluster size.
#[must_use]
pub fn plan(seed: u64, members: Option<usize>) -> Plan {
    let mut prng = Prng::new(seed ^ 0x0063_6169_726e_2121);
    let drawn = *prng.pick(&[1, 1, 3, 3, 3, 5]);
    let members = members.unwrap_or(drawn);
    let duration_s = prng.between(60, 75);
    let workloads = workloads(&mut prng);
    let is_idle = workloads.iter().all(|workload| workload.kind == WorkloadKind::Idle);
    let mut faults = faults(&mut prng, members, duration_s * 1_000, is_idle);
    // The operator's draws are apart, so that they change nothing in the rest of a plan.
    let mut operator = Prng::new(seed ^ 0x6f70_6572_6174_6f72);
    if operator.chance(0.6) {
        faults.extend(operations(&mut operator, members, duration_s * 1_000));
        faults.sort_by_key(|fault| fault.at_ms);
    }
    let mut plan = Plan {
        seed: prng.next_u64(),
        duration_s,
        // From a source of its own, so that the rest of a seed's plan stays what it was.
        cluster: store_settings(&mut Prng::new(seed ^ 0x5175_6f74), cluster(&mut prng, members)),
        links: LinkFaults {
            delay_min_us: prng.between(50, 500),
            delay_mean_us: prng.between(50, 2_000),
            // Snapshots are few, and meet bad links too seldom.
            reset: *prng.pick(&[0.0, 0.03]),
            garble: *prng.pick(&[0.0, 0.03]),
            ..LinkFaults::default()
        },
        sync_min_us: prng.between(50, 1_000),
        sync_mean_us: prng.between(100, 3_000),
        crash: CrashRule {
            keep: *prng.pick(&[0.0, 0.1, 0.5, 0.9, 1.0]),
            garble: *prng.pick(&[0.0, 0.0, 0.1, 0.5]),
            keep_name: *prng.pick(&[0.0, 0.5, 1.0]),
        },
        workloads,
        faults,
        black_box: prng.chance(0.05),
    };
    // As the operator's, so that a seed's plan stays what it was but for this.
    let mut users = Prng::new(seed ^ 0x7573_6572_7321);
    if !is_idle && users.chance(0.25) {
        let keys = plan.workloads[0].keys;
        let (kind, timeout_ms) = (WorkloadKind::Auth, users.between(1_000, 8_000));
        plan.workloads.push(Workload { kind, clients: 2, pause_ms: 300, keys, timeout_ms });
    }
    plan.cluster.clocks.extend((0..SPARES).map(|_| clock(&mut operator)));
    plan
}

fn clock(prng: &mut Prng) -> MemberClock {
    MemberClock { offset_nanos: prng.below(1 << 40), drift_ppm: prng.between(0, 400) as i64 - 200 }
}

fn cluster(prng: &mut Prng, members: usize) -> ClusterPlan {
    let defaults: BTreeMap<&str, u64> = Knobs::default().entries().collect();
    let drawn = if prng.chance(0.7) { Knobs::drawn(prng) } else { Knobs::default() };
    let mut knobs: BTreeMap<String, u64> = drawn
        .entries()
        .filter(|(name, value)| defaults.get(name) != Some(value))
        .map(|(name, value)| (name.to_string(), value))
        .collect();
    // A segment of production size is mostly zeros, which every boot would read.
    knobs.entry("segment_bytes".into()).or_insert(*prng.pick(&[16 << 10, 64 << 10, 512 << 10]));
    if members > 1 && prng.chance(0.5) {
        release_early(prng, &mut knobs);
    }
    let heartbeat_ms = *prng.pick(&[50, 100, 100]);
    let clocks = (0..members).map(|_| clock(prng));
    let clocks = clocks.collect();
    ClusterPlan {
        members,
        spares: SPARES,
        knobs,
        election_ms: heartbeat_ms * 10,
        heartbeat_ms,
        pre_vote: prng.chance(0.8),
        progress_ms: *prng.pick(&[500, 2_000, 600_000]),
        quota_bytes: None,
        lease_checkpoint_ms: None,
        compare_ms: None,
        differing: Vec::new(),
        clocks,
    }
}

/// Checkpoints every few entries, and next to nothing kept behind them: who was away for a moment
/// needs a snapshot (O8, B4).
fn release_early(prng: &mut Prng, knobs: &mut BTreeMap<String, u64>) {
    let small = [
        ("checkpoint_entries", prng.between(1, 10)),
        ("catch_up_entries", prng.between(0, 3)),
        ("segment_bytes", prng.between(2_048, 4_096)),
        ("snapshot_chunk_bytes", prng.between(4_096, 8_192)),
    ];
    knobs.extend(small.map(|(name, value)| (name.to_string(), value)));
}

/// Adds the quota, and what differs between members.
fn store_settings(prng: &mut Prng, plan: ClusterPlan) -> ClusterPlan {
    let quota_bytes = prng.chance(0.2).then(|| prng.between(2_000, 20_000) as i64);
    let differing = (0..plan.members).map(|_| differing(prng)).collect();
    // Drawn last, so that the rest of a seed's plan stays what it was.
    let lease_checkpoint_ms = prng.chance(0.6).then(|| prng.between(300, 2_000));
    let compare_ms = prng.chance(0.5).then(|| prng.between(200, 3_000));
    ClusterPlan { quota_bytes, differing, lease_checkpoint_ms, compare_ms, ..plan }
}

/// Values of the knobs in which members differ.
fn differing(prng: &mut Prng) -> BTreeMap<String, u64> {
    let mut knobs = BTreeMap::new();
    let mut set = |name: &str, value| knobs.insert(name.to_string(), value);
    set("compaction_keys_max", *prng.pick(&[1, 2, 7, 256]));
    set("compaction_pause_us", *prng.pick(&[1, 1_000, 50_000]));
    let store = mvcc::Knobs::drawn(prng);
    let defaults: BTreeMap<&str, u64> = mvcc::Knobs::default().entries().collect();
    for (name, value) in store.entries().filter(|(name, value)| defaults[name] != *value) {
        set(name, value);
    }
    // Segments as small as a flush, so that there is something to clean.
    set("segment_bytes", *prng.pick(&[1, 500, 4_000, 1 << 20]));
    knobs
}

fn workloads(prng: &mut Prng) -> Vec<Workload> {
    if prng.chance(0.02) {
        let kind = WorkloadKind::Idle;
        return vec![Workload { kind, clients: 1, pause_ms: 1_000, keys: 1, timeout_ms: 5_000 }];
    }
    use WorkloadKind::{Kv, Lease, Lock, Txn, Watch};
    let mut kinds = vec![Kv, Txn, Watch, Lease, Lock];
    prng.shuffle(&mut kinds);
    kinds.truncate(prng.between(1, 3) as usize);
    if kinds.iter().all(|kind| [Lease, Lock].contains(kind)) {
        kinds.push(Kv);
    }
    let keys = *prng.pick(&[1, 3, 10, 40]);
    let count = kinds.len() as u64;
    kinds
        .into_iter()
        .map(|kind| {
            let clients = prng.between(2, 4);
            // About 15 operations a second over all clients: 900 in a minute.
            let pause_ms = clients * count * 1_000 / prng.between(13, 22);
            Workload { kind, clients, pause_ms, keys, timeout_ms: prng.between(1_000, 8_000) }
        })
        .collect()
}

fn faults(prng: &mut Prng, members: usize, duration_ms: u64, is_idle: bool) -> Vec<TimedFault> {
    let mut kinds: Vec<u64> = (0..FAULT_KINDS)
        .filter(|kind| members > 1 || !CLUSTER_KINDS.contains(kind))
        .filter(|_| prng.chance(0.4))
        .collect();
    if kinds.is_empty() {
        kinds = vec![0, 3];
    }
    let count = if is_idle { prng.between(0, 3) } else { prng.between(3, 9) };
    let mut rotten = false;
    let mut faults: Vec<TimedFault> = (0..count)
        .map(|_| {
            let mut kind = *prng.pick(&kinds);
            // One damaged log is within what the cluster promises to survive, two need not be.
            if kind == 16 && std::mem::replace(&mut rotten, true) {
                kind = 0;
            }
            let at_ms = prng.between(1_000, duration_ms - 8_000);
            TimedFault { at_ms, fault: fault(prng, kind, members) }
        })
        .collect();
    faults.sort_by_key(|fault| fault.at_ms);
    faults
}

fn fault(prng: &mut Prng, kind: u64, members: usize) -> Fault {
    let member = prng.below(members as u64) as usize;
    let other = (member + 1 + prng.below((members as u64 - 1).max(1)) as usize) % members;
    let down_ms = *prng.pick(&[1, 50, 500, 2_000, 5_000]);
    let ms = *prng.pick(&[100, 700, 1_500, 3_000, 6_000]);
    match kind {
        0 => Fault::Crash { member, down_ms },
        1 => Fault::CrashInSync { member, down_ms },
        2 => Fault::CrashLoop { member, times: prng.between(2, 5) as u32 },
        3 => Fault::PowerLoss { down_ms },
        4 => Fault::Pause { member, ms },
        5 => Fault::Partition { side: side(prng, members), ms },
        6 => Fault::OneWay { from: member, to: other, ms },
        7 => Fault::BadLinks { links: bad_links(prng), ms },
        8 => Fault::Clog { from: member, to: other, ms },
        9 => Fault::ClientCut { member, answers_only: prng.chance(0.5), ms },
        10 => Fault::DiskStall { member, ms },
        11 => Fault::SlowDisk { member, factor: prng.between(5, 50) as u32, ms },
        12 => {
            let failures = [
                SyncFailure::PagesMarkedClean,
                SyncFailure::PagesReverted,
                SyncFailure::PagesLeftDirty,
            ];
            Fault::SyncFailure { member, failure: *prng.pick(&failures), down_ms }
        }
        13 => Fault::WriteError { member, down_ms },
        14 => {
            let left_bytes = *prng.pick(&[0, 500, 5_000, 20_000, 200_000]);
            Fault::DiskFull { member, left_bytes, ms }
        }
        15 => Fault::BackendError { member, down_ms },
        16 => Fault::BitRot { member, down_ms },
        _ => {
            let drawn = prng.below(12) as u32;
            let (operations, behind_drop) = match drawn.checked_sub(8) {
                Some(operations) => (operations, true),
                None => (drawn, false),
            };
            Fault::CrashInBackend { member, operations, behind_drop, down_ms }
        }
    }
}

/// What an operator does (O3, O4, P7).
fn operations(prng: &mut Prng, members: usize, duration_ms: u64) -> Vec<TimedFault> {
    let count = prng.between(1, 3);
    let operation = |_| {
        let member = prng.below(members as u64 + 1) as usize;
        let ms = *prng.pick(&[8_000, 12_000, 20_000]);
        let fault = match prng.below(6) {
            0 => Fault::AddVoter { ms },
            1 => Fault::AddLearner { promote: prng.chance(0.7), ms },
            2 => Fault::Remove { member, ms },
            3 => Fault::Replace { member, as_learner: prng.chance(0.5), ms },
            4 => Fault::RemoveLeader { ms },
            _ => Fault::Transfer { member, ms },
        };
        TimedFault { at_ms: prng.between(1_000, duration_ms - 8_000), fault }
    };
    (0..count).map(operation).collect()
}

/// Any non-empty proper subset; isolating one member is the most frequent.
fn side(prng: &mut Prng, members: usize) -> Vec<usize> {
    let mut all: Vec<usize> = (0..members).collect();
    prng.shuffle(&mut all);
    let size = if prng.chance(0.5) { 1 } else { prng.between(1, members as u64 - 1) };
    all.truncate(size as usize);
    all.sort_unstable();
    all
}

fn bad_links(prng: &mut Prng) -> LinkFaults {
    LinkFaults {
        delay_min_us: prng.between(50, 5_000),
        delay_mean_us: *prng.pick(&[100, 1_000, 20_000, 100_000]),
        loss: *prng.pick(&[0.0, 0.05, 0.3]),
        duplicate: *prng.pick(&[0.0, 0.1, 0.5]),
        replay_ms_max: *prng.pick(&[0, 100, 5_000, 60_000]),
        reorder: *prng.pick(&[0.0, 0.2, 0.7]),
        reset: *prng.pick(&[0.0, 0.2]),
        garble: *prng.pick(&[0.0, 0.0, 0.5]),
    }
}
