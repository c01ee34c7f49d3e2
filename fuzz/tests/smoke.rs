//! A bounded run of every fuzzer, the same on every machine: what is kept in the tree, and inputs
//! made from a fixed seed.

use fuzz::{TARGETS, Target, mutate};

/// Inputs made for each fuzzer.
const INPUTS: u64 = 1_500;

fn smoke(target: &Target) {
    let corpus = target.corpus().expect("a folder of kept inputs");
    assert!(!corpus.is_empty(), "nothing is kept for {}", target.name);
    let inputs = target.inputs().expect("a folder of kept inputs");
    assert!(inputs.len() > corpus.len(), "{} has no sound input", target.name);
    inputs.iter().for_each(|input| (target.run)(input));
    for number in 0..INPUTS {
        (target.run)(&mutate::input(1, number, &inputs));
    }
}

/// A test of each fuzzer, and one that none is left out.
macro_rules! smoke {
    ($($test:ident: $name:literal),* $(,)?) => {
        $(
            #[test]
            fn $test() {
                let found = TARGETS.iter().find(|target| target.name == $name);
                smoke(found.expect("a fuzzer of this name"));
            }
        )*

        #[test]
        fn no_fuzzer_is_left_out() {
            assert_eq!(TARGETS.map(|target| target.name), [$($name),*]);
        }
    };
}

smoke! {
    request_streams_answer_as_the_model_does: "machine",
    request_bytes_never_panic: "requests",
    log_bytes_never_panic: "wal",
    peer_bytes_never_panic: "peer",
    snapshot_files_never_panic: "bbolt",
}

#[test]
#[should_panic(expected = "an input that was made")]
fn a_failure_of_one_made_input_is_a_failure() {
    let samples = || vec![b"sound".to_vec()];
    let run = |input: &[u8]| assert!(input.len() < 3_500, "an input that was made");
    smoke(&Target { samples, run, ..TARGETS[0] });
}

#[test]
#[should_panic(expected = "a sound input")]
fn a_failure_of_a_sound_input_is_a_failure() {
    let samples = || vec![b"sound".to_vec()];
    smoke(&Target {
        samples,
        run: |input| assert_ne!(input, b"sound", "a sound input"),
        ..TARGETS[0]
    });
}
