//! A bounded run of every fuzzer, the same on every machine.

use base::Prng;
use prost::Message;
use proto::raftpb;

/// Inputs for each fuzzer.
const RUNS: u64 = 3_000;

/// Frames and messages as a peer sends them.
fn messages() -> Vec<Vec<u8>> {
    let entry = raftpb::Entry {
        term: Some(2),
        index: Some(7),
        r#type: Some(0),
        data: Some("payload".into()),
    };
    let message = raftpb::Message {
        r#type: Some(3),
        to: Some(1),
        from: Some(2),
        term: Some(2),
        log_term: Some(2),
        index: Some(6),
        entries: vec![entry],
        commit: Some(6),
        ..raftpb::Message::default()
    };
    let body = message.encode_to_vec();
    let mut frame = vec![body.len() as u8];
    frame.extend((body.len() as u64).to_be_bytes());
    frame.extend(&body);
    vec![body, frame]
}

#[test]
fn peer_bytes_never_panic() {
    let mut prng = Prng::new(1);
    let samples = messages();
    for _ in 0..RUNS {
        fuzz::peer::run(&fuzz::input(&mut prng, &samples));
    }
}

#[test]
fn snapshot_files_never_panic() {
    let mut prng = Prng::new(2);
    for _ in 0..RUNS {
        fuzz::bbolt::run(&fuzz::input(&mut prng, &[]));
    }
}
