//! Bytes of a peer: stream frames, messages, envelopes and calls. Nothing may panic, and what is
//! read is written and read back the same.

use base::MemberId;
use bytes::{Bytes, BytesMut};
use node::peer::{
    AppendDecoder, AppendEncoder, EnvelopeDecoder, MessageDecoder, Received, decode_message,
    decode_request, encode_message, members_from_json,
};

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
        let _ = decode_request("POST", path, rest);
        let _ = decode_request("GET", path, rest);
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

fn again(message: &raft::Message) {
    let bytes = Bytes::from(encode_message(message));
    assert_eq!(decode_message(bytes).as_ref(), Ok(message));
}
