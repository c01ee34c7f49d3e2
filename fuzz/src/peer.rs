//! Bytes of a peer: stream frames, messages, envelopes and calls. Nothing may panic, and what is
//! read is written and read back the same.

use base::MemberId;
use bytes::{Bytes, BytesMut};
use node::peer::{
    AppendDecoder, AppendEncoder, EnvelopeDecoder, MessageDecoder, Received, decode_message,
    decode_request, encode_message, members_from_json,
};
use prost::Message;
use proto::raftpb;

const LIMIT: usize = 1 << 20;

/// Feeds one input to every decoder.
pub fn run(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let cut = usize::from(first).min(rest.len());
    messages(&rest[..cut], &rest[cut..]);
    appends(&rest[..cut], &rest[cut..]);
    let _ = EnvelopeDecoder::new(LIMIT).push(rest);
    let _ = members_from_json(rest);
    for path in ["/leases", "/leases/internal", "/members/hashkv", "/members/promote/1"] {
        let _ = decode_request("POST", path, rest, None);
        let _ = decode_request("GET", path, rest, Some(path));
    }
    if let Ok(message) = decode_message(Bytes::copy_from_slice(rest)) {
        again(&message);
    }
}

fn messages(first: &[u8], second: &[u8]) {
    let mut decoder = MessageDecoder::new(LIMIT);
    for piece in [first, second] {
        decoder.push(piece);
        while let Ok(Some(frame)) = decoder.next_frame() {
            if let Received::Message(message, _) = frame {
                again(&message);
            }
        }
    }
}

fn appends(first: &[u8], second: &[u8]) {
    let (local, remote) = (MemberId(1), MemberId(2));
    let mut decoder = AppendDecoder::new(local, remote, LIMIT);
    let mut encoder = AppendEncoder::default();
    let mut reader = AppendDecoder::new(local, remote, 2 * LIMIT);
    for piece in [first, second] {
        decoder.push(piece);
        while let Ok(Some(frame)) = decoder.next_frame() {
            let Received::Message(message, _) = frame else { continue };
            if !matches!(message.body, raft::Body::Append { .. }) {
                return;
            }
            // A short frame names its members by the connection.
            let message = raft::Message { from: remote, to: local, ..message };
            let mut bytes = BytesMut::new();
            encoder.encode(&message, &mut bytes);
            reader.push(&bytes);
            let read = reader.next_frame().expect("what was written is sound");
            assert!(matches!(read, Some(Received::Message(read, _)) if read == message));
        }
    }
}

/// Frames and messages as a peer sends them, each cut into two pieces somewhere.
#[must_use]
pub fn samples() -> Vec<Vec<u8>> {
    let entry = raftpb::Entry {
        term: Some(2),
        index: Some(7),
        r#type: Some(0),
        data: Some("payload".into()),
    };
    let append = raftpb::Message {
        r#type: Some(3),
        to: Some(1),
        from: Some(2),
        term: Some(2),
        log_term: Some(2),
        index: Some(6),
        entries: vec![entry.clone()],
        commit: Some(6),
        ..raftpb::Message::default()
    };
    let vote = raftpb::Message { r#type: Some(5), entries: Vec::new(), ..append.clone() };
    let mut samples = Vec::new();
    for message in [&append, &vote] {
        let body = message.encode_to_vec();
        let framed = [&(body.len() as u64).to_be_bytes(), body.as_slice()].concat();
        samples.push([&[9], body.as_slice()].concat());
        samples.push([&[20], framed.as_slice(), &[0; 8], framed.as_slice()].concat());
    }
    // The other stream: a whole message, entries that follow it, a link heartbeat.
    let mut appends = BytesMut::from(&[5_u8][..]);
    let mut encoder = AppendEncoder::default();
    for index in [6, 7] {
        let entry = raftpb::Entry { index: Some(index + 1), ..entry.clone() };
        let next = raftpb::Message { index: Some(index), entries: vec![entry], ..append.clone() };
        let next = decode_message(next.encode_to_vec().into()).expect("it is sound");
        encoder.encode(&next, &mut appends);
    }
    appends.extend([0]);
    samples.push(appends.to_vec());
    samples
}

fn again(message: &raft::Message) {
    let bytes = Bytes::from(encode_message(message));
    assert_eq!(decode_message(bytes).as_ref(), Ok(message));
}
