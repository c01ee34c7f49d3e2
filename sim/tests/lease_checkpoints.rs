//! A lease that outlives its leader does not begin anew: with checkpoints, each change of the
//! leader gives it back no more than what passed since the last one. That none ends early is judged
//! in each run (E1).

use sim::plan::{Fault, Plan, TimedFault, Workload, WorkloadKind, draw};
use sim::run;
use sim::workload::long_lease::TTL_SECONDS;

const CHECKPOINT_MS: u64 = 1_000;
const ELECTION_MS: u64 = 1_000;
/// Time between two changes of the leader: far less than a lease's time to live.
const CHANGE_MS: u64 = 6_000;

/// Leadership goes round, and nothing else happens.
fn plan(seed: u64, checkpoint_ms: Option<u64>) -> Plan {
    let mut plan = draw::plan(seed, Some(3));
    plan.duration_s = 90;
    plan.cluster.knobs.clear();
    plan.cluster.knobs.insert("segment_bytes".into(), 64 << 10);
    plan.cluster.differing.clear();
    plan.cluster.quota_bytes = None;
    plan.cluster.lease_checkpoint_ms = checkpoint_ms;
    (plan.cluster.election_ms, plan.cluster.heartbeat_ms) = (ELECTION_MS, 100);
    let kind = WorkloadKind::LongLease;
    plan.workloads = vec![Workload { kind, clients: 4, pause_ms: 300, keys: 1, timeout_ms: 5_000 }];
    let change = |number: u64| TimedFault {
        at_ms: 2_000 + CHANGE_MS * number,
        fault: Fault::Transfer { member: number as usize % 3, ms: 1_000 },
    };
    plan.faults = (0..14).map(change).collect();
    plan
}

/// Leases that ended, and how long they lived on average, in milliseconds.
fn lived(seed: u64, checkpoint_ms: Option<u64>) -> (u64, u64) {
    let outcome = run::execute(&plan(seed, checkpoint_ms), false);
    if let Some(found) = &outcome.found {
        panic!("seed {seed}: {}", found.violation);
    }
    let count = |what: &str| outcome.counts.get(what).copied().unwrap_or(0);
    let ended = count("lease: long one ended");
    (ended, count("lease: milliseconds lived") / ended.max(1))
}

#[test]
fn a_change_of_the_leader_gives_back_no_more_than_since_the_last_checkpoint() {
    let ttl_ms = u64::try_from(TTL_SECONDS).expect("a time") * 1_000;
    for seed in 1..=3 {
        let (ended, average) = lived(seed, Some(CHECKPOINT_MS));
        assert!(ended >= 4, "seed {seed}: only {ended} leases ended");
        // Since the last checkpoint, the extension of a new leader, and how often it looks.
        let each = CHECKPOINT_MS + 1_000 + ELECTION_MS + 500;
        let most = ttl_ms * CHANGE_MS / (CHANGE_MS - each) + each;
        assert!((ttl_ms..=most).contains(&average), "seed {seed}: {average} ms of {most}");
        // Without them a lease begins anew each time, until changes end.
        let (_, average) = lived(seed, None);
        assert!(average == 0 || average > 2 * ttl_ms, "seed {seed}: {average} ms without");
    }
}
