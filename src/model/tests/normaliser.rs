//! The normaliser hides only what is allowed to differ: every other field of every answer is
//! changed in turn, found through the schema, and the change must survive.

use model::Normalise;
use model::normalise::normalise_encoded;
use model::schema::{Field, Kind, Schema};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use proto::etcdserverpb as pb;

/// Fields whose change may go unseen, as `message.field`.
const ACCIDENTAL: [&str; 16] = [
    "ResponseHeader.cluster_id",
    "ResponseHeader.member_id",
    "ResponseHeader.raft_term",
    "LeaseKeepAliveResponse.TTL",
    "LeaseTimeToLiveResponse.TTL",
    "AuthenticateResponse.token",
    "HashResponse.hash",
    "Member.ID",
    "StatusResponse.version",
    "StatusResponse.dbSize",
    "StatusResponse.leader",
    "StatusResponse.raftIndex",
    "StatusResponse.raftTerm",
    "StatusResponse.raftAppliedIndex",
    "StatusResponse.dbSizeInUse",
    "StatusResponse.storageVersion",
];

/// How deep messages inside messages are filled in; transactions nest without end.
const DEPTH_MAX: usize = 4;

/// An encoded message with every field set, where the field of the path has another value.
fn filled(schema: &Schema, message: &str, changed: &[u32]) -> Vec<u8> {
    filled_at(schema, message, changed, 0)
}

fn filled_at(schema: &Schema, message: &str, changed: &[u32], depth: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut last_of_oneof = None;
    for field in schema.fields(message) {
        let on_path = changed.first() == Some(&field.number);
        if field.in_oneof && (last_of_oneof.is_some() && !on_path) {
            continue;
        }
        last_of_oneof = field.in_oneof.then_some(field.number).or(last_of_oneof);
        let inner = if on_path { &changed[1..] } else { &[] };
        append(schema, field, on_path, inner, depth, &mut bytes);
    }
    bytes
}

fn append(
    schema: &Schema,
    field: &Field,
    on_path: bool,
    inner: &[u32],
    depth: usize,
    bytes: &mut Vec<u8>,
) {
    let changed = on_path && inner.is_empty();
    match &field.kind {
        Kind::Message(name) => {
            if depth == DEPTH_MAX {
                return;
            }
            let value = filled_at(schema, name, inner, depth + 1);
            encode_key(field.number, WireType::LengthDelimited, bytes);
            encode_varint(value.len() as u64, bytes);
            bytes.extend(value);
        }
        Kind::Bytes => {
            let value: &[u8] = if changed { b"other" } else { b"usual" };
            encode_key(field.number, WireType::LengthDelimited, bytes);
            encode_varint(value.len() as u64, bytes);
            bytes.extend(value);
        }
        Kind::Bool | Kind::Enum(_) | Kind::Signed | Kind::Unsigned => {
            encode_key(field.number, WireType::Varint, bytes);
            encode_varint(if changed { 0 } else { 1 }, bytes);
        }
    }
}

/// The paths to every field below a message, with the name under which each may be excused.
fn paths(schema: &Schema, message: &str, depth: usize) -> Vec<(Vec<u32>, String)> {
    let mut found = Vec::new();
    for field in schema.fields(message) {
        let short = message.rsplit('.').next().expect("a name has a last part");
        match &field.kind {
            Kind::Message(inner) if depth < DEPTH_MAX => {
                for (path, name) in paths(schema, inner, depth + 1) {
                    found.push(([vec![field.number], path].concat(), name));
                }
            }
            Kind::Message(_) => {}
            _ => found.push((vec![field.number], format!("{short}.{}", field.name))),
        }
    }
    found
}

/// The fields whose change the normaliser hides, and all fields that were changed.
fn judge<A: Message + Default + Normalise + PartialEq>(message: &str) -> (Vec<String>, usize) {
    let schema = Schema::of_protocol();
    let normal = |changed: &[u32]| {
        let bytes = filled(&schema, message, changed);
        let mut answer = A::decode(bytes.as_slice()).expect("the schema encodes what decodes");
        answer.normalise();
        answer
    };
    let paths = paths(&schema, message, 0);
    let total = paths.len();
    let base_of = |path: &[u32]| {
        // The same oneof members on the way, the last field unchanged.
        let bytes = filled(&schema, message, &[path, &[u32::MAX]].concat());
        let mut answer = A::decode(bytes.as_slice()).expect("the schema encodes what decodes");
        answer.normalise();
        answer
    };
    let hidden = paths.into_iter().filter(|(path, _)| normal(path) == base_of(path));
    (hidden.map(|(_, name)| name).collect(), total)
}

macro_rules! answers {
    ($($answer:ident: $name:literal),* $(,)?) => {
        [$((stringify!($answer), judge::<pb::$answer>(concat!("etcdserverpb.", $name)))),*]
    };
}

#[test]
fn a_change_in_any_other_field_is_seen() {
    let judged = answers!(
        RangeResponse: "RangeResponse",
        RangeStreamResponse: "RangeStreamResponse",
        PutResponse: "PutResponse",
        DeleteRangeResponse: "DeleteRangeResponse",
        TxnResponse: "TxnResponse",
        CompactionResponse: "CompactionResponse",
        HashResponse: "HashResponse",
        HashKvResponse: "HashKVResponse",
        WatchResponse: "WatchResponse",
        LeaseGrantResponse: "LeaseGrantResponse",
        LeaseRevokeResponse: "LeaseRevokeResponse",
        LeaseCheckpointResponse: "LeaseCheckpointResponse",
        LeaseKeepAliveResponse: "LeaseKeepAliveResponse",
        LeaseTimeToLiveResponse: "LeaseTimeToLiveResponse",
        LeaseLeasesResponse: "LeaseLeasesResponse",
        AlarmResponse: "AlarmResponse",
        StatusResponse: "StatusResponse",
        DefragmentResponse: "DefragmentResponse",
        MoveLeaderResponse: "MoveLeaderResponse",
        DowngradeResponse: "DowngradeResponse",
        MemberAddResponse: "MemberAddResponse",
        MemberRemoveResponse: "MemberRemoveResponse",
        MemberUpdateResponse: "MemberUpdateResponse",
        MemberListResponse: "MemberListResponse",
        MemberPromoteResponse: "MemberPromoteResponse",
        AuthenticateResponse: "AuthenticateResponse",
        AuthStatusResponse: "AuthStatusResponse",
        AuthUserGetResponse: "AuthUserGetResponse",
        AuthUserListResponse: "AuthUserListResponse",
        AuthRoleGetResponse: "AuthRoleGetResponse",
        AuthRoleListResponse: "AuthRoleListResponse",
    );
    let mut fields = 0;
    for (answer, (hidden, total)) in judged {
        fields += total;
        // A leader is told from none, a live lease from a missing one: zero against one is seen.
        for name in hidden {
            assert!(ACCIDENTAL.contains(&name.as_str()), "{answer} hides {name}");
        }
    }
    assert!(fields > 250, "only {fields} fields were changed");
}

/// The same by name, over the answers of all methods, those included in which nothing is touched.
#[test]
fn a_change_in_an_encoded_answer_is_seen() {
    let schema = Schema::of_protocol();
    let mut fields = 0;
    for method in schema.methods() {
        let message = method.response.as_str();
        let normal =
            |changed: &[u32]| normalise_encoded(message, &filled(&schema, message, changed));
        for (path, name) in paths(&schema, message, 0) {
            fields += 1;
            let base = normal(&[&path[..], &[u32::MAX]].concat());
            let hidden = normal(&path) == base;
            assert!(!hidden || ACCIDENTAL.contains(&name.as_str()), "{message} hides {name}");
        }
    }
    assert!(fields > 300, "only {fields} fields were changed");
}

#[test]
fn what_must_differ_is_hidden() {
    let answer = |leader: u64, version: &str| {
        let header =
            Some(pb::ResponseHeader { cluster_id: leader, revision: 5, ..Default::default() });
        let mut status =
            pb::StatusResponse { header, leader, version: version.into(), ..Default::default() };
        status.normalise();
        status
    };
    assert_eq!(answer(7, "3.7.1"), answer(9, "3.7.3"));
    assert_ne!(answer(7, "3.7.1"), answer(0, "3.7.1"));
}
