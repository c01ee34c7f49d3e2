//! Which values the fields of requests are given by the inputs of the machine's fuzzer: all of what
//! the model's generator is audited for, drawn anew at each step, and what is not a client's.

use fuzz::{TARGETS, machine, mutate};
use model::{Audit, REQUESTS};
use prost::Message;

/// Inputs that are made.
const INPUTS: u64 = 150;

/// What is in a log beside the requests that the generator draws.
const OTHERS: [&str; 6] = [
    "etcdserverpb.RequestHeader",
    "etcdserverpb.LeaseCheckpointRequest",
    "membershippb.ClusterVersionSetRequest",
    "membershippb.ClusterMemberAttrSetRequest",
    "membershippb.Attributes",
    "membershippb.DowngradeInfoSetRequest",
];

#[test]
fn every_field_of_every_request_is_varied() {
    let inputs = TARGETS[0].inputs().expect("a folder of kept inputs");
    let made = (0..INPUTS).map(|number| mutate::input(1, number, &inputs));
    let mut audit = Audit::default();
    for input in inputs.iter().cloned().chain(made) {
        machine::run_and_see(&input, |request| {
            audit.record("etcdserverpb.InternalRaftRequest", &request.encode_to_vec());
        });
    }
    let messages = [&REQUESTS[..], &OTHERS].concat();
    let gaps = audit.gaps(&messages);
    assert!(gaps.is_empty(), "not varied:\n{}\nall:\n{}", gaps.join("\n"), audit.report(&messages));
}
