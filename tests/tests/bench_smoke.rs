//! The benchmark itself, a few requests of each case against the server built beside it, so that it
//! cannot rot. It says nothing about speed.

use std::process::Command;

use tests::binaries::built;

#[test]
fn many_leases_are_granted_renewed_and_gone() {
    let _cairn = built("cairn");
    let run = Command::new(built("bench")).args(["--smoke", "--leases", "2000"]).output();
    let run = run.expect("the benchmark starts");
    let errors = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{errors}");
    let report = String::from_utf8_lossy(&run.stdout).into_owned();
    for members in ["cairn of 1: 2000 leases", "cairn of 3: 2000 leases"] {
        assert!(report.contains(members), "{report}");
    }
}

#[test]
fn every_case_of_the_benchmark_is_answered_by_one_and_by_three_members() {
    // Named before the run: the benchmark starts it from beside itself.
    let _cairn = built("cairn");
    let run = Command::new(built("bench")).args(["--smoke", "--format", "json"]).output();
    let run = run.expect("the benchmark starts");
    let errors = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{errors}");
    let table: serde_json::Value = serde_json::from_slice(&run.stdout).expect("JSON");
    let rows = table["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 2 * 14, "a case is missing:\n{table:#}");
    for row in rows {
        assert!(row["measured"]["requests"].as_u64() > Some(0), "nothing was answered: {row:#}");
    }
    assert!(table["rest"][0]["footprint"]["full_mib"].as_f64() > Some(0.0), "{table:#}");
}
