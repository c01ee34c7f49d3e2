//! The generator varies every field of every request (C5), and a seed decides its stream.

use model::{Audit, Generator, Oracle, REQUESTS, Weights};
use prost::Message;

/// What is asked beside the log.
const OTHERS: [&str; 4] = [
    "etcdserverpb.LeaseKeepAliveRequest",
    "etcdserverpb.LeaseTimeToLiveRequest",
    "etcdserverpb.WatchCreateRequest",
    "etcdserverpb.WatchCancelRequest",
];

fn messages() -> Vec<&'static str> {
    [&REQUESTS[..], &OTHERS].concat()
}

/// Draws from a generator that follows an oracle, as a client that reads the answers would.
fn audited(seed: u64, count: usize) -> Audit {
    let mut audit = Audit::default();
    let mut oracle = Oracle::default();
    let mut generator = Generator::new(seed, Weights::default());
    for _ in 0..count {
        generator.observe(oracle.revision(), oracle.compacted());
        let request = generator.request();
        audit.record("etcdserverpb.InternalRaftRequest", &request.encode_to_vec());
        oracle.call(&request);
        oracle.check();
        audit.record("etcdserverpb.WatchRequest", &generator.watch().encode_to_vec());
        let keep_alive = generator.lease_keep_alive().encode_to_vec();
        audit.record("etcdserverpb.LeaseKeepAliveRequest", &keep_alive);
        let time_to_live = generator.lease_time_to_live().encode_to_vec();
        audit.record("etcdserverpb.LeaseTimeToLiveRequest", &time_to_live);
    }
    audit
}

#[test]
fn every_field_of_every_request_is_varied() {
    let audit = audited(1, 3_000);
    let messages = messages();
    let gaps = audit.gaps(&messages);
    assert!(gaps.is_empty(), "not varied:\n{}\nall:\n{}", gaps.join("\n"), audit.report(&messages));
}

#[test]
fn the_audit_notices_what_was_never_drawn() {
    let gaps = audited(1, 3).gaps(&messages());
    assert!(gaps.len() > 20, "three requests vary nearly everything: {gaps:?}");
    let none = Audit::default().gaps(&["etcdserverpb.PutRequest"]);
    assert_eq!(none.len(), 6, "{none:?}");
}

#[test]
fn a_seed_decides_the_stream() {
    let stream = |seed| {
        let mut generator = Generator::new(seed, Weights::default());
        (0..200).map(|_| generator.request().encode_to_vec()).collect::<Vec<_>>()
    };
    assert_eq!(stream(5), stream(5));
    assert_ne!(stream(5), stream(6));
}
