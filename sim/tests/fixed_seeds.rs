//! A fixed set of seeds for each cluster size, and determinism. What a longer sweep finds is run by
//! the program; these few must always pass.

use sim::plan::{Plan, draw};
use sim::run;

fn passes(seeds: impl Iterator<Item = u64>, members: usize) {
    let mut begun = 0;
    for seed in seeds {
        let plan: Plan = draw::plan(seed, Some(members));
        let outcome = run::execute(&plan, false);
        if let Some(found) = &outcome.found {
            panic!("seed {seed}, {members} members: {}\n{}", found.violation, plan.to_json());
        }
        let operations = outcome.counts.get("operation: begun").copied().unwrap_or(0);
        assert!(plan.is_idle() || operations >= 500, "seed {seed} began {operations} operations");
        assert!(outcome.simulated.as_secs() >= 60, "seed {seed} ended early");
        begun += operations;
    }
    assert!(begun > 0, "no operation in any run");
}

#[test]
fn one_member() {
    passes(1..=12, 1);
}

#[test]
fn three_members() {
    passes(1..=10, 3);
}

#[test]
fn five_members() {
    passes(1..=4, 5);
}

#[test]
fn two_runs_of_a_plan_are_equal() {
    for (seed, members) in [(1, 1), (2, 3)] {
        let plan = draw::plan(seed, Some(members));
        let (one, two) = (run::execute(&plan, false), run::execute(&plan, false));
        assert_eq!(one.trace.first_difference(&two.trace), None, "seed {seed}");
        assert!(one.trace.events() > 1_000, "{} events", one.trace.events());
    }
}
