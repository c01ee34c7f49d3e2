//! A bounded run of every fuzzer, the same on every machine: what is kept in the tree, and inputs
//! made from a fixed seed.

use fuzz::{TARGETS, Target, mutate};

/// Inputs made for each fuzzer.
const INPUTS: u64 = 1_500;

fn smoke(name: &str) {
    let found = TARGETS.iter().find(|target| target.name == name);
    let Target { run, samples, .. } = found.expect("a fuzzer of this name");
    let corpus = found.expect("a fuzzer of this name").corpus().expect("a folder of kept inputs");
    assert!(!corpus.is_empty(), "nothing is kept for {name}");
    for (_, input) in &corpus {
        run(input);
    }
    let mut samples = samples();
    samples.iter().for_each(|sample| run(sample));
    samples.extend(corpus.into_iter().map(|(_, input)| input));
    for number in 0..INPUTS {
        run(&mutate::input(1, number, &samples));
    }
}

#[test]
fn request_streams_answer_as_the_model_does() {
    smoke("machine");
}

#[test]
fn request_bytes_never_panic() {
    smoke("requests");
}

#[test]
fn log_bytes_never_panic() {
    smoke("wal");
}

#[test]
fn snapshot_files_never_panic() {
    smoke("bbolt");
}

#[test]
fn peer_bytes_never_panic() {
    smoke("peer");
}
