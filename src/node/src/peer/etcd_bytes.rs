//! Bytes that two members of etcd 3.7.1 exchanged over both streams, recorded on the wire: what a
//! reader makes of them, and that a writer gives the same bytes back.

use base::{Index, MemberId, Term};
use bytes::BytesMut;
use raft::{Body, Message};

use super::{
    AppendDecoder, AppendEncoder, FRAME_BYTES_MAX, MessageDecoder, MessageEncoder, Received,
};

const A: MemberId = MemberId(0xa023_d910_eeb2_41cb);
const B: MemberId = MemberId(0x2b7b_de53_0de0_59f4);

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| {
        let text = core::str::from_utf8(pair).expect("digits are text");
        u8::from_str_radix(text, 16).expect("digits are hexadecimal")
    };
    digits.chunks(2).map(pair).collect()
}

#[test]
fn an_append_stream_of_etcd_is_read_and_written_back() {
    let stream = bytes(include_str!("testdata/etcd-3.7.1-appends.hex"));
    let mut decoder = AppendDecoder::new(B, A, FRAME_BYTES_MAX);
    decoder.push(&stream);
    let (mut again, mut encoder) = (BytesMut::new(), AppendEncoder::default());
    let (mut last, mut committed, mut heartbeats) = (Index(2), Index(0), 0);
    while let Some(frame) = decoder.next_frame().expect("sound") {
        let Received::Message(message, _) = frame else {
            heartbeats += 1;
            encoder.encode_link_heartbeat(&mut again);
            continue;
        };
        encoder.encode(&message, &mut again);
        assert_eq!((message.from, message.to, message.term), (A, B, Term(2)));
        let Body::Append { prev_index, entries, commit, .. } = message.body else {
            panic!("not an append");
        };
        assert_eq!(prev_index, last);
        last = last.plus(entries.len() as u64);
        committed = committed.max(commit);
    }
    assert_eq!((last, committed, heartbeats), (Index(12), Index(12), 9));
    assert_eq!(again, stream);
}

#[test]
fn a_message_stream_of_etcd_is_read_and_written_back() {
    let stream = bytes(include_str!("testdata/etcd-3.7.1-messages.hex"));
    let mut decoder = MessageDecoder::new(FRAME_BYTES_MAX);
    decoder.push(&stream);
    let (mut again, mut encoder) = (BytesMut::new(), MessageEncoder);
    let mut messages: Vec<Message> = Vec::new();
    while let Some(frame) = decoder.next_frame().expect("sound") {
        match frame {
            Received::LinkHeartbeat => encoder.encode_link_heartbeat(&mut again),
            Received::Message(message, _) => {
                encoder.encode(&message, &mut again);
                messages.push(message);
            }
        }
    }
    assert_eq!(again, stream);
    let has = |is: fn(&Body) -> bool| messages.iter().any(|message| is(&message.body));
    assert!(has(|body| matches!(body, Body::Vote { force: true, .. })));
    assert!(has(|body| matches!(body, Body::VoteReply { granted: true })));
    assert!(has(|body| matches!(body, Body::PreVoteReply { granted: true })));
    assert!(has(|body| matches!(body, Body::TimeoutNow)));
    assert!(has(|body| matches!(body, Body::AppendReply { reject: None, .. })));
    assert!(has(|body| matches!(body, Body::HeartbeatReply { .. })));
    assert!(has(|body| matches!(body, Body::Propose { entries } if entries.len() == 1)));
}
