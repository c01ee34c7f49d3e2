//! Hand-written encodings against those of the generated messages.

use alloc::vec;
use alloc::vec::Vec;

use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb as pb;
use proto::mvccpb::KeyValue;

use super::{Answer, DeleteRangeAnswer, Header, OpAnswer, PutAnswer, RangeAnswer, TxnAnswer};
use crate::keyvalue;

const HEADER: Header =
    Header { cluster_id: 0xcafe, member_id: u64::MAX, raft_term: 7, revision: 300 };

fn pair(key: &'static str) -> KeyValue {
    KeyValue {
        key: Bytes::from_static(key.as_bytes()),
        create_revision: 4,
        mod_revision: 200,
        version: 3,
        value: Bytes::from(vec![b'v'; 200]),
        lease: -1,
    }
}

fn stored(keys: &[&'static str]) -> Vec<Bytes> {
    keys.iter().map(|key| keyvalue::encode(&pair(key))).collect()
}

fn header(header: Header) -> Option<pb::ResponseHeader> {
    let Header { cluster_id, member_id, raft_term, revision } = header;
    Some(pb::ResponseHeader { cluster_id, member_id, revision, raft_term })
}

fn nested(revision: i64) -> Option<pb::ResponseHeader> {
    header(Header { revision, ..Header::default() })
}

fn range() -> RangeAnswer {
    RangeAnswer { kvs: stored(&["a", "b"]), more: true, count: 1000, revision: 299 }
}

fn range_message(header: Option<pb::ResponseHeader>) -> pb::RangeResponse {
    pb::RangeResponse { header, kvs: vec![pair("a"), pair("b")], more: true, count: 1000 }
}

#[test]
fn each_kind_is_its_message() {
    let all = header(HEADER);
    assert_eq!(Answer::Range(range()).encode(&HEADER), range_message(all).encode_to_vec());
    let put = PutAnswer { revision: 300, prev_kv: stored(&["p"]).pop() };
    let message = pb::PutResponse { header: all, prev_kv: Some(pair("p")) };
    assert_eq!(Answer::Put(put).encode(&HEADER), message.encode_to_vec());
    let delete = DeleteRangeAnswer { revision: 300, deleted: 2, prev_kvs: stored(&["a", "b"]) };
    let prev_kvs = vec![pair("a"), pair("b")];
    let message = pb::DeleteRangeResponse { header: all, deleted: 2, prev_kvs };
    assert_eq!(Answer::DeleteRange(delete).encode(&HEADER), message.encode_to_vec());
    let message = pb::CompactionResponse { header: all };
    assert_eq!(Answer::Compact.encode(&HEADER), message.encode_to_vec());
    let empty = pb::RangeResponse { header: all, ..Default::default() };
    assert_eq!(Answer::Range(RangeAnswer::default()).encode(&HEADER), empty.encode_to_vec());
}

fn response(response: pb::response_op::Response) -> pb::ResponseOp {
    pb::ResponseOp { response: Some(response) }
}

#[test]
fn answers_inside_a_txn_have_the_headers_that_etcd_gives_them() {
    let put = PutAnswer { revision: 300, prev_kv: None };
    let delete = DeleteRangeAnswer { revision: 300, deleted: 0, prev_kvs: Vec::new() };
    let inner =
        TxnAnswer { revision: 300, succeeded: false, responses: vec![OpAnswer::Range(range())] };
    let responses = vec![
        OpAnswer::Put(put),
        OpAnswer::DeleteRange(delete),
        OpAnswer::Txn(inner),
        OpAnswer::Empty,
    ];
    let txn = Answer::Txn(TxnAnswer { revision: 300, succeeded: true, responses });
    let op = pb::response_op::Response::ResponseRange(range_message(nested(299)));
    let inner = pb::TxnResponse {
        header: Some(pb::ResponseHeader::default()),
        succeeded: false,
        responses: vec![response(op)],
    };
    let message = pb::TxnResponse {
        header: header(HEADER),
        succeeded: true,
        responses: vec![
            response(pb::response_op::Response::ResponsePut(pb::PutResponse {
                header: nested(300),
                prev_kv: None,
            })),
            response(pb::response_op::Response::ResponseDeleteRange(pb::DeleteRangeResponse {
                header: nested(300),
                ..Default::default()
            })),
            response(pb::response_op::Response::ResponseTxn(inner)),
            pb::ResponseOp::default(),
        ],
    };
    assert_eq!(txn.encode(&HEADER), message.encode_to_vec());
}

#[test]
fn only_the_last_part_of_a_stream_has_a_header() {
    let part = |header| pb::RangeStreamResponse { range_response: Some(range_message(header)) };
    assert_eq!(range().encode_streamed(None), part(None).encode_to_vec());
    assert_eq!(range().encode_streamed(Some(&HEADER)), part(header(HEADER)).encode_to_vec());
    assert_eq!(range().len_bytes(), range_message(None).encoded_len());
}

#[test]
fn the_checksum_is_of_the_answer_alone() {
    let one = Answer::Range(range());
    let other_revision = Answer::Range(RangeAnswer { revision: 1, ..range() });
    assert_eq!(one.checksum(), other_revision.checksum(), "the header is the member's");
    let other = Answer::Range(RangeAnswer { count: 999, ..range() });
    assert_ne!(one.checksum(), other.checksum());
    assert_ne!(Answer::Compact.checksum(), Answer::Put(PutAnswer::default()).checksum());
}
