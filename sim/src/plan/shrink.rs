//! Makes a failing plan smaller: each candidate leaves something out. The caller runs a candidate
//! and goes on from it when it still fails.

use super::{Plan, WorkloadKind};

/// Plans that are a step smaller, the greatest steps first.
#[must_use]
pub fn candidates(plan: &Plan) -> Vec<Plan> {
    let mut all = Vec::new();
    let half = plan.faults.len() / 2;
    if half > 0 {
        all.push(with(plan, |plan| plan.faults.truncate(half)));
        all.push(with(plan, |plan| plan.faults = plan.faults.split_off(half)));
    }
    for at in 0..plan.faults.len() {
        all.push(with(plan, |plan| {
            plan.faults.remove(at);
        }));
    }
    if plan.workloads.len() > 1 {
        for at in 0..plan.workloads.len() {
            all.push(with(plan, |plan| {
                plan.workloads.remove(at);
            }));
        }
    }
    for name in plan.cluster.knobs.keys() {
        all.push(with(plan, |plan| {
            plan.cluster.knobs.remove(name);
        }));
    }
    if plan.cluster.quota_bytes.is_some() {
        all.push(with(plan, |plan| plan.cluster.quota_bytes = None));
    }
    if !plan.cluster.differing.is_empty() {
        all.push(with(plan, |plan| plan.cluster.differing.clear()));
    }
    for at in 0..plan.workloads.len() {
        let workload = plan.workloads[at];
        if workload.clients > 1 && workload.kind != WorkloadKind::Idle {
            all.push(with(plan, |plan| plan.workloads[at].clients = 1));
        }
    }
    let last_ms = plan.faults.last().map_or(0, |fault| fault.at_ms + fault.fault.lasts_ms());
    let needed_s = (last_ms / 1_000 + 3).max(5);
    if needed_s < plan.duration_s {
        all.push(with(plan, |plan| plan.duration_s = needed_s));
    }
    all
}

fn with(plan: &Plan, change: impl FnOnce(&mut Plan)) -> Plan {
    let mut smaller = plan.clone();
    change(&mut smaller);
    smaller
}

/// Goes from candidate to candidate as long as `fails` says that one still fails, for at most
/// `tries` runs.
pub fn shrink(plan: Plan, tries: usize, mut fails: impl FnMut(&Plan) -> bool) -> Plan {
    let mut best = plan;
    let mut left = tries;
    'smaller: loop {
        for candidate in candidates(&best) {
            if left == 0 {
                return best;
            }
            left -= 1;
            if fails(&candidate) {
                best = candidate;
                continue 'smaller;
            }
        }
        return best;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::draw;
    use crate::plan::fault::Fault;

    #[test]
    fn what_a_failure_does_not_need_is_left_out() {
        let crashes = |plan: &Plan| {
            plan.faults.iter().any(|fault| matches!(fault.fault, Fault::PowerLoss { .. }))
        };
        let plan = (0..500)
            .map(|seed| draw::plan(seed, Some(3)))
            .find(|plan| crashes(plan) && plan.faults.len() > 4 && plan.workloads.len() > 1)
            .expect("a plan with a power loss among five hundred");
        let small = shrink(plan, 500, crashes);
        assert_eq!((small.faults.len(), small.workloads.len()), (1, 1));
        assert!(small.cluster.knobs.is_empty());
    }
}
