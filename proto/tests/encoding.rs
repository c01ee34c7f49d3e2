//! The encodings that hashes, files and older members depend on, as bytes.

use bytes::Bytes;
use prost::Message;
use proto::{etcdserverpb, mvccpb, raftpb, walpb};

#[test]
fn key_values_are_written_canonically() {
    let pair = mvccpb::KeyValue {
        key: Bytes::from_static(b"k"),
        create_revision: 2,
        mod_revision: 300,
        version: 1,
        value: Bytes::from_static(b"v"),
        lease: 0,
    };
    let bytes = b"\x0a\x01k\x10\x02\x18\xac\x02\x20\x01\x2a\x01v";
    assert_eq!(pair.encode_to_vec(), bytes, "ascending fields, no zero lease");
    assert_eq!(mvccpb::KeyValue::decode(&bytes[..]), Ok(pair));
}

#[test]
fn tombstone_holds_its_key_only() {
    let pair = mvccpb::KeyValue { key: Bytes::from_static(b"k"), ..Default::default() };
    assert_eq!(pair.encode_to_vec(), b"\x0a\x01k");
}

#[test]
fn log_messages_keep_present_zeros() {
    let record = walpb::Record { r#type: Some(4), crc: Some(0), data: None };
    assert_eq!(record.encode_to_vec(), b"\x08\x04\x10\x00");
    assert_eq!(walpb::Record::default().encode_to_vec(), b"");
}

#[test]
fn absent_and_zero_read_alike() {
    let (absent, zero) = (&b""[..], &b"\x08\x00\x10\x00\x18\x00"[..]);
    for bytes in [absent, zero] {
        let state = raftpb::HardState::decode(bytes).expect("it decodes");
        assert_eq!((state.term(), state.vote(), state.commit()), (0, 0, 0), "{bytes:?}");
    }
}

#[test]
fn unknown_fields_are_skipped() {
    let bytes = [b"\x12\x03\x01\x02\x03", &b"\x08\x07"[..]].concat();
    let request = etcdserverpb::InternalRaftRequest::decode(&bytes[..]).expect("it decodes");
    assert_eq!(request.id, 7, "field 2 is the reserved request of the second version of the API");
}

#[test]
fn bytes_fields_share_the_buffer_they_are_decoded_from() {
    let put = etcdserverpb::PutRequest { value: Bytes::from(vec![7; 4096]), ..Default::default() };
    let buffer = Bytes::from(put.encode_to_vec());
    let decoded = etcdserverpb::PutRequest::decode(buffer.clone()).expect("it decodes");
    let within = buffer.as_ptr_range().contains(&decoded.value.as_ptr());
    assert!(within, "the value was copied");
}

#[test]
fn member_urls_keep_their_wire_numbers_under_their_rust_names() {
    let member = etcdserverpb::Member {
        id: 1,
        peer_urls: vec!["p".into()],
        client_urls: vec!["c".into()],
        ..Default::default()
    };
    assert_eq!(member.encode_to_vec(), b"\x08\x01\x1a\x01p\x22\x01c");
}
