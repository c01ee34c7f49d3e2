//! The mapping of requests and answers, and how a body becomes messages, without sockets. The
//! error texts are those that etcd 3.7.1 answered.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use prost::Message;
use proto::etcdserverpb as pb;

use super::bindings::{Binding, Bindings};
use super::json::{Limits, Values, json_from_message, line_of_error, message_from_json};
use super::requests::{self, Chunks};
use crate::grpc::Status;

fn binding(path: &str) -> Binding {
    Bindings::of_descriptors().find(path).expect("it is bound").clone()
}

/// What a request of this path is in the end.
fn read<M: Message + Default>(path: &str, json: &str) -> Result<M, String> {
    let message = message_from_json(json.as_bytes(), &binding(path).input);
    let message = message.map_err(|status| status.text.into_owned())?;
    Ok(M::decode(&message.encode_to_vec()[..]).expect("the same message"))
}

fn range(json: &str) -> Result<pb::RangeRequest, String> {
    read("/v3/kv/range", json)
}

#[test]
fn fields_have_both_names_and_every_form_of_value() {
    let expected = pb::RangeRequest {
        key: Bytes::from_static(&[0xfb, 0xff]),
        limit: 10,
        revision: -3,
        sort_order: 2,
        sort_target: 3,
        keys_only: true,
        ..pb::RangeRequest::default()
    };
    for json in [
        r#"{"key":"+/8=","limit":10,"revision":-3,"sort_order":"DESCEND","sort_target":3,
            "keys_only":true}"#,
        r#"{"key":"-_8","limit":"10","revision":"-3","sortOrder":2,"sortTarget":"MOD",
            "keysOnly":true,"unknown":{"a":[1,{"b":"]}"}],"c":null},"count_only":null}"#,
        r#"{"key":"+/8","limit":1e1,"revision":-3.0,"sort_order":"DESCEND","sort_target":"MOD",
            "keys_only":true,"min_mod_revision":"0"}"#,
        r#"{"\u006bey":"\u002b\/8=","limit":"100e-1","revision":"-3","sort_order":2,
            "sort_target":3,"keys_only":true,"sort_target_":1}"#,
    ] {
        assert_eq!(range(json), Ok(expected.clone()), "{json}");
    }
    let unknown_enum = range(r#"{"sort_order":"NOPE"}"#).expect("it is as if it was not there");
    assert_eq!(unknown_enum, pb::RangeRequest::default());
}

#[test]
fn messages_within_messages_and_oneofs_are_read() {
    let json = r#"{"compare":[{"target":"VALUE","key":"YQ==","value":""}],
        "success":[{"requestPut":{"key":"YQ==","lease":"9223372036854775807"}},
                   {"request_txn":{"failure":[{"request_range":{}}]}}]}"#;
    let txn: pb::TxnRequest = read("/v3/kv/txn", json).expect("a transaction");
    let target = txn.compare[0].target_union.as_ref();
    assert_eq!(target, Some(&pb::compare::TargetUnion::Value(Bytes::new())));
    let Some(pb::request_op::Request::RequestPut(put)) = &txn.success[0].request else {
        panic!("{txn:?}")
    };
    assert_eq!(put.lease, i64::MAX);
    let Some(pb::request_op::Request::RequestTxn(inner)) = &txn.success[1].request else {
        panic!("{txn:?}")
    };
    assert_eq!(inner.failure.len(), 1);
}

#[test]
fn what_cannot_be_mapped_is_named_as_etcd_names_it() {
    let cases = [
        (r#"{"key":1}"#, "(line 1:8): invalid value for bytes field key: 1"),
        (r#"{"key":"!!"}"#, "(line 1:8): invalid value for bytes field key: \"!!\""),
        (r#"{"key":"Zg="}"#, "(line 1:8): invalid value for bytes field key: \"Zg=\""),
        (r#"{"key":{"a":1}}"#, "(line 1:8): invalid value for bytes field key: {"),
        ("[]", "syntax error (line 1:1): unexpected token ["),
        ("null", "syntax error (line 1:1): unexpected token null"),
        ("\"x\"", "syntax error (line 1:1): unexpected token \"x\""),
        (r#"{"limit":"x"}"#, "(line 1:10): invalid value for int64 field limit: \"x\""),
        (r#"{"limit":" 1"}"#, "(line 1:10): invalid value for int64 field limit: \" 1\""),
        (r#"{"limit":1.5}"#, "(line 1:10): invalid value for int64 field limit: 1.5"),
        (
            r#"{"limit":9223372036854775808}"#,
            "(line 1:10): invalid value for int64 field limit: 9223372036854775808",
        ),
        (
            "{\"a\":\"é\",\n \"keysOnly\": 1}",
            "(line 2:14): invalid value for bool field keysOnly: 1",
        ),
        (
            r#"{"é":1,"sort_order":true}"#,
            "(line 1:21): invalid value for enum field sortOrder: true",
        ),
        (r#"{"key":"","key":""}"#, "(line 1:11): duplicate field \"key\""),
        (r#"{"sort_order":1,"sortOrder":1}"#, "(line 1:17): duplicate field \"sortOrder\""),
    ];
    for (json, text) in cases {
        assert_eq!(range(json), Err(format!("proto: {text}")), "{json}");
    }
    let txn = |json| read::<pb::TxnRequest>("/v3/kv/txn", json).map(|_| ());
    let twice = r#"{"success":[{"request_range":{},"request_put":{}}]}"#;
    let text = "proto: (line 1:33): error parsing \"request_put\", oneof \
                etcdserverpb.RequestOp.request is already set";
    assert_eq!(txn(twice), Err(text.into()));
    let text = "proto: syntax error (line 1:12): unexpected token {";
    assert_eq!(txn(r#"{"success":{}}"#), Err(text.into()));
    let text = "proto: syntax error (line 1:13): unexpected token null";
    assert_eq!(txn(r#"{"success":[null]}"#), Err(text.into()));
    let invalid = message_from_json(b"{\"name\":\"a\xff\"}", &binding("/v3/auth/user/add").input);
    let text = "proto: syntax error (line 1:9): invalid UTF-8 in string";
    assert_eq!(invalid.map(drop).map_err(|status| status.text), Err(text.into()));
}

#[test]
fn nesting_is_bounded_and_what_is_read_can_be_decoded() {
    let nested = |depth: usize| {
        let open = r#"{"success":[{"request_txn":"#.repeat(depth);
        format!("{open}{{}}{}", "}]}".repeat(depth))
    };
    let deepest =
        (1..60).take_while(|depth| read::<pb::TxnRequest>("/v3/kv/txn", &nested(*depth)).is_ok());
    assert_eq!(deepest.last(), Some(50));
    let error = read::<pb::TxnRequest>("/v3/kv/txn", &nested(3000));
    assert_eq!(error, Err("proto: exceeded max recursion depth".into()));
    let brackets = format!("{{\"unknown\":{}{}}}", "[".repeat(9000), "]".repeat(9000));
    assert_eq!(range(&brackets), Ok(pb::RangeRequest::default()));
}

#[test]
fn answers_are_written_as_etcd_writes_them() {
    let write = |path: &str, message: Vec<u8>| {
        let json = json_from_message(message.into(), &binding(path).output, "", "");
        String::from_utf8(json.expect("its own message").into()).expect("JSON is text")
    };
    let kv = proto::mvccpb::KeyValue {
        key: "foo".into(),
        create_revision: 2,
        value: Bytes::from_static(&[0xfb, 0xff]),
        lease: i64::MIN,
        ..proto::mvccpb::KeyValue::default()
    };
    let header = pb::ResponseHeader { cluster_id: u64::MAX, ..pb::ResponseHeader::default() };
    let answer = pb::RangeResponse { header: Some(header), kvs: vec![kv], more: true, count: 0 };
    let expected = r#"{"header":{"cluster_id":"18446744073709551615"},"kvs":[{"key":"Zm9v","#
        .to_owned()
        + r#""create_revision":"2","value":"+/8=","lease":"-9223372036854775808"}],"more":true}"#;
    assert_eq!(write("/v3/kv/range", answer.encode_to_vec()), expected);
    let alarm = |alarm| pb::AlarmMember { member_id: 7, alarm };
    let answer = pb::AlarmResponse { header: None, alarms: vec![alarm(1), alarm(9)] };
    let expected = r#"{"alarms":[{"memberID":"7","alarm":"NOSPACE"},{"memberID":"7","alarm":9}]}"#;
    assert_eq!(write("/v3/maintenance/alarm", answer.encode_to_vec()), expected);
    let answer = pb::LeaseGrantResponse { id: 1, ttl: 2, error: "\"<>\n".into(), header: None };
    let expected = r#"{"ID":"1","TTL":"2","error":"\"<>\n"}"#;
    assert_eq!(write("/v3/lease/grant", answer.encode_to_vec()), expected);
    let line = line_of_error(&Status::from(node::ApiError::EMPTY_KEY));
    assert_eq!(line, "{\"error\":{\"code\":3,\"message\":\"etcdserver: key is not provided\"}}\n");
}

fn chunks(pieces: &[&'static str], breaks: bool) -> Chunks {
    let piece = |piece: &&'static str| Ok(Bytes::from_static(piece.as_bytes()));
    let mut pieces: Vec<Result<Bytes, ()>> = pieces.iter().map(piece).collect();
    pieces.extend(breaks.then_some(Err(())));
    stream::iter(pieces).boxed()
}

const LIMITS: Limits = Limits { json_bytes: 100 };

#[tokio::test]
async fn a_body_is_one_request_or_none() {
    let input = binding("/v3/kv/range").input;
    let only = async |pieces: &[&'static str], breaks| {
        let message = requests::only(chunks(pieces, breaks), &input, LIMITS).await;
        message.map_err(|status| (status.code, status.text.into_owned()))
    };
    let key = Ok(Bytes::from_static(b"\x0a\x01a"));
    assert_eq!(only(&["{\"key\"", ":\"YQ\"}"], false).await, key);
    assert_eq!(only(&["{\"key\":\"YQ\"} what ever follows"], false).await, key);
    assert_eq!(only(&[], false).await, Ok(Bytes::new()));
    assert_eq!(only(&[" \n"], false).await, Ok(Bytes::new()));
    assert_eq!(only(&["{"], false).await, Err((3, "unexpected EOF".into())));
    assert_eq!(only(&["{"], true).await, Err((3, "unexpected EOF".into())));
    let long: &'static str = Box::leak(format!("{{\"key\":\"{}\"}}", "a".repeat(100)).into());
    let text = "grpc: received message larger than max (101 vs. 100)";
    assert_eq!(only(&[long], false).await, Err((8, text.into())));
}

#[tokio::test]
async fn a_stream_of_requests_ends_at_one_that_cannot_be_read() {
    let input = binding("/v3/lease/keepalive").input;
    let all = async |pieces: &[&'static str], breaks| {
        requests::all(chunks(pieces, breaks), input.clone(), LIMITS).collect::<Vec<_>>().await
    };
    let (one, two) = (Bytes::from_static(b"\x08\x01"), Bytes::from_static(b"\x08\x02"));
    let both = vec![one.clone(), two];
    assert_eq!(all(&["{\"ID\":1}{\"ID", "\":\"2\"}\n"], false).await, both);
    assert_eq!(all(&["{\"ID\":1}", "{\"ID\":2} ", "{\"ID\":[]} {\"ID\":3}"], false).await, both);
    assert_eq!(all(&["{\"ID\":1} {\"ID"], true).await, vec![one]);
    assert_eq!(all(&[], false).await, Vec::<Bytes>::new());
}

/// Sound requests that are cut, doubled and overwritten at random: whatever comes of them is
/// refused, or a message that the router can decode.
#[test]
fn no_input_breaks_the_mapping() {
    let paths = ["/v3/kv/txn", "/v3/watch", "/v3/auth/role/grant", "/v3/maintenance/alarm"];
    let bindings = paths.map(binding);
    let samples = [
        r#"{"compare":[{"target":"VALUE","key":"YQ==","value":""}],"success":[{"requestPut":
            {"key":"-_8","lease":"9223372036854775807","prev_kv":true}},{"request_txn":{}}]}"#,
        r#"{"create_request":{"key":"\u00e9\ud83d\ude00","filters":["NOPUT",1],
            "watch_id":-1.0e2}}"#,
        r#" {"name":"r","perm":{"permType":"READWRITE","key":"YQ"}}{"action":2,"alarm":null} 12 "#,
    ];
    let mut random = base::Prng::new(7);
    let mut mapped = 0;
    for round in 0..20_000 {
        let sample = samples[round % samples.len()].as_bytes();
        let mut body = sample.to_vec();
        for _ in 0..random.below(4) {
            let (at, other) = (below(&mut random, body.len()), below(&mut random, sample.len()));
            match random.below(4) {
                0 => body.truncate(at.max(1)),
                1 => body.splice(at..at, sample[other..].iter().copied()).for_each(drop),
                2 => body[at] = sample[other],
                _ => body[at] = u8::try_from(random.below(256)).expect("below 256"),
            }
        }
        let binding = &bindings[round % bindings.len()];
        let mut values = Values::new(4096);
        values.push(&body);
        while let Ok(Some(value)) = values.next() {
            let Ok(message) = message_from_json(&value, &binding.input) else { continue };
            let encoded = Bytes::from(message.encode_to_vec());
            json_from_message(encoded, &binding.input, "", "").expect("it decodes");
            mapped += 1;
        }
    }
    assert!(mapped > 1000, "only {mapped} requests were mapped");
}

fn below(random: &mut base::Prng, bound: usize) -> usize {
    usize::try_from(random.below(bound.max(1) as u64)).expect("below a length")
}
