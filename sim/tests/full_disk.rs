//! A disk that others fill (S7, DESIGN X-e): writes are refused while it is full, no member stops
//! for it, and writes are taken again, without anybody's help, once there is room.

use sim::plan::{Fault, Plan, TimedFault, Workload, WorkloadKind, draw};
use sim::run;

/// A plan in which only disks are filled, one after the other, and members have their usual knobs
/// but for these.
fn plan(seed: u64, members: usize, left_bytes: u64, knobs: &[(&str, u64)]) -> Plan {
    let mut plan = draw::plan(seed, Some(members));
    plan.cluster.knobs = knobs.iter().map(|(name, value)| (name.to_string(), *value)).collect();
    (plan.cluster.quota_bytes, plan.cluster.differing) = (None, Vec::new());
    plan.links.delay_min_us = 100;
    plan.links.delay_mean_us = 200;
    plan.workloads = vec![Workload {
        kind: WorkloadKind::Kv,
        clients: 4,
        pause_ms: 50,
        keys: 10,
        timeout_ms: 5_000,
    }];
    let full = |member: usize| TimedFault {
        at_ms: 2_000 + 18_000 * member as u64,
        fault: Fault::DiskFull { member, left_bytes, ms: 9_000 },
    };
    plan.faults = (0..members).map(full).collect();
    plan
}

/// Runs a plan: many writes are refused, more are answered, and nobody stops.
fn check(name: &str, plan: &Plan) {
    let outcome = run::execute(plan, false);
    if let Some(found) = &outcome.found {
        panic!("{name}: {}", found.violation);
    }
    let count = |what: &str| outcome.counts.get(what).copied().unwrap_or(0);
    assert!(count("operation: refused for want of space") > 10, "{name}: none refused");
    assert_eq!(count("cluster: stops"), 0, "{name}: a member stopped");
    let (begun, answered) = (count("operation: begun"), count("operation: answered"));
    let refused = count("operation: refused for want of space");
    assert!(answered - refused > begun / 2, "{name}: {refused} of {begun} refused");
}

#[test]
fn writes_are_refused_while_a_disk_is_full_and_resume_by_themselves() {
    for (seed, members) in [(1, 1), (2, 3), (3, 3)] {
        for left_bytes in [0, 100_000] {
            let name = format!("seed {seed}, {members} members, {left_bytes} bytes left");
            check(&name, &plan(seed, members, left_bytes, &[("segment_bytes", 64 << 10)]));
        }
    }
}

/// Room is used up by segments that are prepared, before any mark is reached.
#[test]
fn room_that_runs_out_while_a_segment_is_prepared_stops_nobody() {
    let knobs = [("segment_bytes", 16 << 10), ("space_low_bytes", 1), ("reserve_bytes", 0)];
    for (seed, members) in [(4, 1), (5, 3)] {
        let name = format!("seed {seed}, {members} members");
        check(&name, &plan(seed, members, 1_000, &knobs));
    }
}
