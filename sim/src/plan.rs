//! A plan: everything that decides a run, as plain data. A seed gives a plan ([`draw`]); a plan can
//! be written down, read back, and made smaller ([`shrink`]).

pub mod draw;
pub mod fault;
pub mod shrink;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::disk::CrashRule;
use crate::env::clock::MemberClock;
use crate::net::LinkFaults;
pub use fault::{Fault, TimedFault};

/// A run, before it runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Seeds all random choices of the executor.
    pub seed: u64,
    /// Simulated seconds of load and faults; healing comes after.
    pub duration_s: u64,
    /// The members.
    pub cluster: ClusterPlan,
    /// How links behave while no fault is on.
    pub links: LinkFaults,
    /// Shortest sync, in microseconds.
    pub sync_min_us: u64,
    /// Mean of the exponential part of a sync, in microseconds.
    pub sync_mean_us: u64,
    /// What a crash does to what was not synced.
    pub crash: CrashRule,
    /// Who does what.
    pub workloads: Vec<Workload>,
    /// What goes wrong, in order of time.
    pub faults: Vec<TimedFault>,
    /// Whether the history is also judged without any knowledge of the log (V11).
    pub black_box: bool,
}

/// The members of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClusterPlan {
    /// How many at first; all vote.
    pub members: usize,
    /// How many more may join.
    #[serde(default)]
    pub spares: usize,
    /// Knobs that differ from their defaults, for all members.
    pub knobs: BTreeMap<String, u64>,
    /// Election timeout in milliseconds.
    pub election_ms: u64,
    /// Heartbeat interval in milliseconds.
    pub heartbeat_ms: u64,
    /// Whether members ask before they raise their term.
    pub pre_vote: bool,
    /// Time between progress notifications, in milliseconds.
    pub progress_ms: u64,
    /// Logical bytes from which writes are refused; small ones make clients run into it.
    #[serde(default)]
    pub quota_bytes: Option<i64>,
    /// Knobs of the compaction and of the store, in which members differ: none of them may show
    /// (A4).
    #[serde(default)]
    pub differing: Vec<BTreeMap<String, u64>>,
    /// Milliseconds between two checkpoints of a lease; none without.
    #[serde(default)]
    pub lease_checkpoint_ms: Option<u64>,
    /// Milliseconds between two comparisons of what members hold, and whether a member compares
    /// itself before it takes part; none without.
    #[serde(default)]
    pub compare_ms: Option<u64>,
    /// Each member's clock.
    pub clocks: Vec<MemberClock>,
}

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum WorkloadKind {
    /// Puts, deletes, ranges of all kinds and compactions.
    Kv,
    /// Transactions with compares, nested ones too.
    Txn,
    /// Watches of all kinds beside writes, with slow readers and broken streams.
    Watch,
    /// Leases: granted, renewed, attached, revoked, left to expire.
    Lease,
    /// Locks and elections: queues of leases.
    Lock,
    /// Leases that nobody renews, to be waited for; drawn by no seed.
    LongLease,
    /// Users whose rights change.
    Auth,
    /// Nothing but timers.
    Idle,
}

impl WorkloadKind {
    /// The kinds, each with the name under which it is counted.
    pub const ALL: [(WorkloadKind, &'static str); 7] = [
        (WorkloadKind::Kv, "workload: kv"),
        (WorkloadKind::Txn, "workload: txn"),
        (WorkloadKind::Watch, "workload: watch"),
        (WorkloadKind::Lease, "workload: lease"),
        (WorkloadKind::Lock, "workload: lock"),
        (WorkloadKind::Auth, "workload: auth"),
        (WorkloadKind::Idle, "workload: idle"),
    ];

    /// The name under which it is counted.
    #[must_use]
    pub fn name(self) -> &'static str {
        let found = WorkloadKind::ALL.iter().find(|(kind, _)| *kind == self);
        found.map_or("workload", |(_, name)| name)
    }
}

/// Some clients that do the same kind of thing.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Workload {
    /// What.
    pub kind: WorkloadKind,
    /// How many clients.
    pub clients: u64,
    /// Mean pause between two operations of a client, in milliseconds.
    pub pause_ms: u64,
    /// Keys that they share.
    pub keys: u64,
    /// Time after which a client gives up, in milliseconds (K1).
    pub timeout_ms: u64,
}

/// A class of degenerate values of RELIABILITY.md.
struct KnobClass {
    name: &'static str,
    knob: &'static str,
    most: u64,
}

const KNOB_CLASSES: [KnobClass; 8] = [
    KnobClass { name: "knob: B1 one entry an append", knob: "append_entries_max", most: 1 },
    KnobClass { name: "knob: B2 one append in flight", knob: "inflight_max", most: 1 },
    KnobClass { name: "knob: B3 tiny segments", knob: "segment_bytes", most: 8_192 },
    KnobClass { name: "knob: B4 checkpoint every 3", knob: "checkpoint_entries", most: 3 },
    KnobClass { name: "knob: B5 watch queue of one", knob: "watch_queue_bytes", most: 64 },
    KnobClass { name: "knob: B6 compaction by one", knob: "compaction_keys_max", most: 1 },
    KnobClass { name: "knob: B8 apply one by one", knob: "apply_entries_max", most: 1 },
    KnobClass { name: "knob: O8 checkpoint every 10", knob: "checkpoint_entries", most: 10 },
];

impl Plan {
    /// Whether nothing but timers runs.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.workloads.iter().all(|workload| workload.kind == WorkloadKind::Idle)
    }

    /// The classes of degenerate knobs that it sets, each under the name by which it is counted.
    pub fn knob_classes(&self) -> impl Iterator<Item = &'static str> {
        let set = |class: &KnobClass| {
            let of = |knobs: &BTreeMap<String, u64>| {
                knobs.get(class.knob).is_some_and(|value| *value <= class.most)
            };
            // Each member has a compaction slice of its own, where members differ.
            let differs = class.knob == "compaction_keys_max" && !self.cluster.differing.is_empty();
            match differs {
                true => self.cluster.differing.iter().any(of),
                false => of(&self.cluster.knobs),
            }
        };
        KNOB_CLASSES.iter().filter(move |class| set(class)).map(|class| class.name)
    }

    /// The plan as it is saved.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a plan is numbers and names")
    }

    /// A saved plan.
    ///
    /// # Errors
    /// What is wrong with the text.
    pub fn from_json(text: &str) -> Result<Plan, serde_json::Error> {
        serde_json::from_str(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_survives_being_written_down() {
        for seed in 0..50 {
            let plan = draw::plan(seed, None);
            assert_eq!(Plan::from_json(&plan.to_json()).expect("just written"), plan);
            assert!(plan.is_idle() || plan.faults.len() >= 3, "{} faults", plan.faults.len());
            assert_eq!(plan, draw::plan(seed, None), "a seed gives one plan");
        }
    }
}
