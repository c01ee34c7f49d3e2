//! The plans that once showed a bug: each runs clean now.

use std::fs;
use std::path::Path;

use sim::plan::Plan;
use sim::run;

#[test]
fn plans_that_showed_a_bug_run_clean() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("plans");
    let mut plans = 0;
    for entry in fs::read_dir(folder).expect("the plans are there") {
        let path = entry.expect("the folder is readable").path();
        let text = fs::read_to_string(&path).expect("plans are text");
        let plan = Plan::from_json(&text).expect("a plan of this version");
        let outcome = run::execute(&plan, false);
        if let Some(found) = &outcome.found {
            panic!("{}: {}", path.display(), found.violation);
        }
        plans += 1;
    }
    assert!(plans > 0, "no plan was found");
}
