//! Codecs against themselves, against bytes of etcd, and against damage.

use base::{ClusterId, Index, LeaseId, MemberId, Prng, Term};
use bytes::{Bytes, BytesMut};
use proto::etcdserverpb as pb;
use raft::{Body, ConfState, Entry, EntryKind, Message, RejectHint, SnapshotMeta};

use super::{
    AppendDecoder, AppendEncoder, EnvelopeDecoder, MessageDecoder, MessageEncoder, PeerCodecError,
    PeerHeaders, Received, Rejection, check_headers, check_stream, decode_message, decode_request,
    decode_response, encode_envelope, encode_message, encode_request, encode_response,
    members_from_json, members_to_json,
};
use crate::ApiError;
use crate::auth::Token;
use crate::env::{CallError, PeerRequest, PeerResponse};

const FROM: MemberId = MemberId(0xa);
const TO: MemberId = MemberId(0xb);

fn message(term: u64, body: Body) -> Message {
    Message { from: FROM, to: TO, term: Term(term), body }
}

fn entry(term: u64, index: u64, data: &'static [u8]) -> Entry {
    Entry {
        term: Term(term),
        index: Index(index),
        kind: EntryKind::Normal,
        data: Bytes::from_static(data),
    }
}

fn append(term: u64, prev: (u64, u64), entries: Vec<Entry>, commit: u64) -> Message {
    let (prev_term, prev_index) = (Term(prev.0), Index(prev.1));
    message(term, Body::Append { prev_index, prev_term, entries, commit: Index(commit) })
}

fn snapshot() -> Message {
    let voters = vec![FROM, TO];
    let conf_state = ConfState { voters, auto_leave: true, ..ConfState::default() };
    let meta = SnapshotMeta { index: Index(9), term: Term(2), conf_state };
    message(3, Body::Snapshot { meta, data: Bytes::from_static(b"members") })
}

fn every_message() -> Vec<Message> {
    let context = Bytes::from_static(b"context");
    let (last_index, last_term) = (Index(7), Term(2));
    let hint = RejectHint { hint_index: Index(4), hint_term: Term(1) };
    let proposals =
        vec![(EntryKind::Normal, context.clone()), (EntryKind::ConfChange, Bytes::new())];
    let bodies = vec![
        Body::AppendReply { index: Index(7), reject: None },
        Body::AppendReply { index: Index(7), reject: Some(hint) },
        Body::Vote { last_index, last_term, force: true },
        Body::Vote { last_index, last_term, force: false },
        Body::VoteReply { granted: true },
        Body::VoteReply { granted: false },
        Body::PreVote { last_index, last_term },
        Body::PreVoteReply { granted: true },
        Body::PreVoteReply { granted: false },
        Body::Heartbeat { commit: Index(3), context: context.clone() },
        Body::Heartbeat { commit: Index(0), context: Bytes::new() },
        Body::HeartbeatReply { context: context.clone() },
        Body::Propose { entries: proposals },
        Body::ReadIndex { context: context.clone() },
        Body::ReadIndexReply { index: Index(7), context },
        Body::TimeoutNow,
        Body::ForgetLeader,
    ];
    let mut all: Vec<Message> = bodies.into_iter().map(|body| message(3, body)).collect();
    all.push(append(3, (2, 5), vec![entry(2, 6, b"six"), entry(3, 7, b"")], 4));
    all.push(snapshot());
    let transfer = Body::TransferLeader { transferee: FROM };
    all.push(message(3, transfer));
    all
}

#[test]
fn every_message_is_read_back_as_it_was_written() {
    for message in every_message() {
        let bytes = Bytes::from(encode_message(&message));
        assert_eq!(decode_message(bytes), Ok(message));
    }
}

#[test]
fn zeros_that_older_members_write_out_read_like_absent_fields() {
    // A heartbeat reply of a member that writes every field and an empty snapshot.
    let bytes: &[u8] = &[
        0x08, 0x09, 0x10, 0x0b, 0x18, 0x0a, 0x20, 0x03, 0x28, 0x00, 0x30, 0x00, 0x40, 0x00, 0x4a,
        0x08, 0x12, 0x06, 0x0a, 0x02, 0x28, 0x00, 0x10, 0x00, 0x50, 0x00, 0x58, 0x00, 0x68, 0x00,
    ];
    let expected = message(3, Body::HeartbeatReply { context: Bytes::new() });
    assert_eq!(decode_message(Bytes::from_static(bytes)), Ok(expected));
}

#[test]
fn local_types_and_gaps_are_refused() {
    let of_type = |number: u8| decode_message(Bytes::from(vec![0x08, number]));
    for local in [0, 1, 10, 11, 12, 19, 22] {
        assert_eq!(of_type(local), Err(PeerCodecError::MessageType(local.into())));
    }
    assert_eq!(of_type(99), Err(PeerCodecError::MessageType(99)));
    assert_eq!(of_type(7), Err(PeerCodecError::Incomplete(7)));
    let gap = append(3, (2, 5), vec![entry(2, 7, b"")], 4);
    let bytes = Bytes::from(encode_message(&gap));
    assert_eq!(decode_message(bytes), Err(PeerCodecError::Gap { last: 5, found: 7 }));
}

/// Gives a stream to a decoder in pieces of random length.
fn in_pieces(
    bytes: &[u8],
    seed: u64,
    mut take: impl FnMut(&[u8]) -> Vec<Received>,
) -> Vec<Received> {
    let mut random = Prng::new(seed);
    let (mut rest, mut received) = (bytes, Vec::new());
    while !rest.is_empty() {
        let length = 1 + usize::try_from(random.next_u64() % 9).expect("small");
        let (piece, tail) = rest.split_at(length.min(rest.len()));
        received.extend(take(piece));
        rest = tail;
    }
    received
}

#[test]
fn the_message_stream_survives_every_cut() {
    let mut bytes = BytesMut::new();
    let mut encoder = MessageEncoder;
    for message in every_message() {
        encoder.encode_link_heartbeat(&mut bytes);
        encoder.encode(&message, &mut bytes);
    }
    for seed in 0..50 {
        let mut decoder = MessageDecoder::new(1 << 20);
        let received = in_pieces(&bytes, seed, |piece| {
            decoder.push(piece);
            core::iter::from_fn(|| decoder.next_frame().expect("sound")).collect()
        });
        let messages: Vec<Message> = received.iter().filter_map(message_of).collect();
        assert_eq!(messages, every_message());
        assert_eq!(received.len(), 2 * messages.len());
    }
}

fn message_of(received: &Received) -> Option<Message> {
    match received {
        Received::Message(message, _) => Some(message.clone()),
        Received::LinkHeartbeat => None,
    }
}

fn appends() -> Vec<Message> {
    vec![
        append(3, (2, 5), vec![entry(3, 6, b"six")], 4),
        append(3, (3, 6), vec![entry(3, 7, b"seven"), entry(3, 8, b"")], 6),
        append(3, (3, 8), vec![], 8),
        // A step back, then a new term: both need whole messages.
        append(3, (3, 6), vec![entry(3, 7, b"seven")], 8),
        append(4, (3, 7), vec![entry(4, 8, b"other")], 8),
        append(4, (4, 8), vec![entry(4, 9, b"nine")], 9),
    ]
}

#[test]
fn appends_that_continue_leave_out_what_is_known() {
    let mut encoder = AppendEncoder::default();
    let mut bytes = BytesMut::new();
    let mut kinds = Vec::new();
    for message in appends() {
        let start = bytes.len();
        encoder.encode(&message, &mut bytes);
        kinds.push(bytes[start]);
        encoder.encode_link_heartbeat(&mut bytes);
    }
    assert_eq!(kinds, [2, 1, 1, 2, 2, 1]);
    for seed in 0..50 {
        let mut decoder = AppendDecoder::new(TO, FROM, 1 << 20);
        let received = in_pieces(&bytes, seed, |piece| {
            decoder.push(piece);
            core::iter::from_fn(|| decoder.next_frame().expect("sound")).collect()
        });
        assert_eq!(received.iter().filter_map(message_of).collect::<Vec<_>>(), appends());
    }
}

#[test]
fn frames_beyond_the_limit_end_the_stream_before_they_are_held() {
    let mut decoder = MessageDecoder::new(10);
    decoder.push(&11u64.to_be_bytes());
    let too_large = PeerCodecError::TooLarge { length: 11, limit: 10 };
    assert_eq!(decoder.next_frame(), Err(too_large));
    let mut decoder = AppendDecoder::new(TO, FROM, 100);
    decoder.push(&[1]);
    decoder.push(&u64::MAX.to_be_bytes());
    decoder.push(&u64::MAX.to_be_bytes());
    assert!(matches!(decoder.next_frame(), Err(PeerCodecError::TooLarge { .. })));
    let mut decoder = AppendDecoder::new(TO, FROM, 100);
    decoder.push(&[3]);
    assert_eq!(decoder.next_frame(), Err(PeerCodecError::FrameType(3)));
}

#[test]
fn an_envelope_is_followed_by_the_snapshot() {
    let mut bytes = encode_envelope(&snapshot()).to_vec();
    bytes.extend_from_slice(b"the file");
    for cut in 0..bytes.len() {
        let mut decoder = EnvelopeDecoder::new(1 << 20);
        let first = decoder.push(&bytes[..cut]).expect("sound");
        let (message, mut body) = match first {
            Some((message, body)) => (message, [body.as_ref(), &bytes[cut..]].concat()),
            None => {
                let (message, body) = decoder.push(&bytes[cut..]).expect("sound").expect("whole");
                (message, body.to_vec())
            }
        };
        assert_eq!((message, body.as_slice()), (snapshot(), b"the file".as_slice()));
        body.clear();
    }
    let other = encode_envelope(&message(3, Body::TimeoutNow));
    EnvelopeDecoder::new(1 << 20).push(&other).expect_err("not a snapshot");
}

#[test]
fn peers_are_turned_away_in_etcds_order() {
    let cluster = ClusterId(0xcafe);
    let good = PeerHeaders {
        server_version: Some("3.7.0"),
        min_cluster_version: Some("3.0.0"),
        cluster: Some("cafe"),
        to: Some("b"),
    };
    assert_eq!(check_headers(&good, cluster), Ok(()));
    assert_eq!(check_stream(&good, TO), Ok(()));
    let refused = |headers: PeerHeaders<'_>| check_headers(&headers, cluster).expect_err("refused");
    for version in [None, Some("2.3.0"), Some("nonsense")] {
        let old = PeerHeaders { server_version: version, cluster: Some("1"), ..good.clone() };
        assert_eq!(refused(old), Rejection::IncompatibleVersion);
    }
    let edge = PeerHeaders {
        server_version: Some("3.0.0"),
        min_cluster_version: Some("3.7.9"),
        ..good.clone()
    };
    assert_eq!(check_headers(&edge, cluster), Ok(()));
    let newer = PeerHeaders { min_cluster_version: Some("3.8.0"), ..good.clone() };
    assert_eq!(refused(newer), Rejection::IncompatibleVersion);
    for id in [None, Some("caff"), Some("")] {
        let other = PeerHeaders { cluster: id, ..good.clone() };
        assert_eq!(refused(other), Rejection::ClusterMismatch);
    }
    assert_eq!(check_stream(&good, FROM), Err(Rejection::ToMismatch));
    let all = [
        Rejection::IncompatibleVersion,
        Rejection::ClusterMismatch,
        Rejection::ToMismatch,
        Rejection::Removed,
        Rejection::UnknownSender,
    ];
    for rejection in all {
        let body = format!("{rejection}\n");
        assert_eq!(Rejection::of_answer(rejection.status(), &body), Some(rejection));
    }
}

#[test]
fn member_lists_are_gos_json() {
    let json = concat!(
        r#"[{"id":10276657743932975437,"peerURLs":["http://localhost:2380"],"name":"default","#,
        r#""clientURLs":["http://localhost:2379"]},"#,
        r#"{"id":2,"peerURLs":["http://b:2380"],"isLearner":true}]"#,
        "\n"
    );
    let members = members_from_json(json.as_bytes()).expect("a list");
    assert_eq!(members[0].id, 10_276_657_743_932_975_437);
    assert!(members[1].is_learner && members[1].name.is_empty());
    assert_eq!(members_to_json(&members), json);
    let nulls = br#"[{"id":1,"peerURLs":null}]"#;
    assert_eq!(members_from_json(nulls).expect("a list")[0].peer_urls.len(), 0);
}

fn calls() -> Vec<(PeerRequest, PeerResponse)> {
    let member = pb::Member { id: 7, peer_urls: vec!["http://a:1".into()], ..Default::default() };
    let renewed = pb::LeaseKeepAliveResponse { id: 5, ttl: 9, ..Default::default() };
    let left = pb::LeaseTimeToLiveResponse {
        header: Some(pb::ResponseHeader::default()),
        id: 5,
        ttl: 9,
        granted_ttl: 10,
        ..Default::default()
    };
    let hash = pb::HashKvResponse {
        header: Some(pb::ResponseHeader { revision: 4, ..Default::default() }),
        hash: 1234,
        compact_revision: -1,
        hash_revision: 4,
    };
    let version =
        PeerResponse::Version { server: "3.7.1".into(), cluster: "3.7.0".into(), is_cairn: true };
    let renew = pb::LeaseKeepAliveRequest { id: 5 };
    let ask = pb::LeaseTimeToLiveRequest { id: 5, keys: true };
    let promote = PeerRequest::MemberPromote { id: TO, token: Some(Token::new("abc.7")) };
    vec![
        (PeerRequest::LeaseKeepAlive(renew), PeerResponse::LeaseKeepAlive(renewed)),
        (
            PeerRequest::LeaseKeepAlives(vec![LeaseId(5), LeaseId(i64::MAX)]),
            PeerResponse::LeaseKeepAlives(vec![9, 0]),
        ),
        (PeerRequest::LeaseTimeToLive(ask), PeerResponse::LeaseTimeToLive(left)),
        (promote, PeerResponse::MemberPromote(vec![member.clone()])),
        (PeerRequest::HashKv(4), PeerResponse::HashKv(hash)),
        (PeerRequest::Members, PeerResponse::Members(vec![member])),
        (PeerRequest::Version, version),
        (PeerRequest::DowngradeEnabled, PeerResponse::DowngradeEnabled(true)),
    ]
}

#[test]
fn calls_and_answers_are_read_back() {
    for (request, response) in calls() {
        let wire = encode_request(&request);
        let token = wire.token.as_ref().map(Token::text);
        let read = decode_request(wire.method, &wire.path, &wire.body, token);
        assert_eq!(read, Some(Ok(request.clone())));
        let answer = encode_response(&request, Ok(response.clone()));
        let read = decode_response(&request, answer.status, &answer.body, None);
        assert_eq!(read, Ok(response));
        let wrong = if wire.method == "GET" { "POST" } else { "GET" };
        let refused = decode_request(wrong, &wire.path, &wire.body, None).expect("known path");
        assert_eq!(refused.expect_err("wrong method").status, 405);
    }
    assert_eq!(decode_request("GET", "/members/other", b"", None), None);
}

#[test]
fn a_lease_is_never_told_without_a_header() {
    let request = PeerRequest::LeaseTimeToLive(pb::LeaseTimeToLiveRequest { id: 5, keys: false });
    let bare = PeerResponse::LeaseTimeToLive(pb::LeaseTimeToLiveResponse::default());
    let answer = encode_response(&request, Ok(bare));
    // Field 1 of the envelope holds field 1, the header, of no length: etcd needs it to be there.
    assert_eq!(answer.body, [0x0a, 0x02, 0x0a, 0x00]);
}

#[test]
fn refusals_are_etcds_and_still_name_the_error() {
    let renew = PeerRequest::LeaseKeepAlive(pb::LeaseKeepAliveRequest { id: 5 });
    let promote = PeerRequest::MemberPromote { id: TO, token: None };
    let cases = [
        (&renew, ApiError::LEASE_NOT_FOUND, 404, true),
        (&renew, ApiError::TIMEOUT, 408, true),
        (&renew, ApiError::NOT_LEADER, 400, false),
        (&promote, ApiError::MEMBER_NOT_FOUND, 404, true),
        (&promote, ApiError::MEMBER_NOT_LEARNER, 412, true),
        (&promote, ApiError::LEARNER_NOT_READY, 412, true),
        (&promote, ApiError::UNHEALTHY, 500, false),
        (&PeerRequest::HashKv(4), ApiError::COMPACTED, 400, true),
        (&PeerRequest::HashKv(4), ApiError::FUTURE_REVISION, 400, true),
    ];
    for (request, error, status, without_header) in cases {
        let text = error.text.to_string();
        let answer = encode_response(request, Err(text.clone()));
        assert_eq!(answer.status, status, "{text}");
        let header = answer.error.as_deref();
        let read = decode_response(request, status, &answer.body, header);
        assert_eq!(read, Err(CallError::Refused(text.clone())));
        let read = decode_response(request, status, &answer.body, None);
        assert_eq!(read == Err(CallError::Refused(text.clone())), without_header, "{text}");
    }
}

#[test]
fn a_hash_is_refused_in_the_words_of_etcds_members() {
    let request = PeerRequest::HashKv(4);
    let answer = encode_response(&request, Err(ApiError::COMPACTED.text.to_string()));
    assert_eq!(answer.body, b"mvcc: required revision has been compacted\n");
}

#[test]
fn damaged_streams_never_panic() {
    let mut bytes = BytesMut::new();
    let mut encoder = AppendEncoder::default();
    appends().iter().for_each(|message| {
        encoder.encode(message, &mut bytes);
    });
    let mut random = Prng::new(7);
    for _ in 0..2_000 {
        let mut damaged = bytes.to_vec();
        for _ in 0..=random.next_u64() % 4 {
            let at = usize::try_from(random.next_u64()).expect("64 bits") % damaged.len();
            damaged[at] ^= 1 << (random.next_u64() % 8);
        }
        let mut decoder = AppendDecoder::new(TO, FROM, 1 << 16);
        decoder.push(&damaged);
        while let Ok(Some(_)) = decoder.next_frame() {}
        let mut decoder = MessageDecoder::new(1 << 16);
        decoder.push(&damaged);
        while let Ok(Some(_)) = decoder.next_frame() {}
    }
}
