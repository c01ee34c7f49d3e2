//! Envelopes of watch responses around bytes that are shared by all watchers of an event.

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;
use prost::encoding::{WireType, encode_key, encode_varint};
use proto::etcdserverpb as pb;
use watch::{Response, WatchEvent};

/// How far a response may exceed the request limit before a watcher that agreed gets fragments.
pub(super) const FRAGMENT_SLACK: usize = 512 * 1024;

/// Field numbers of `WatchResponse` and `mvccpb.Event`.
const HEADER: u32 = 1;
const WATCH_ID: u32 = 2;
const FRAGMENT: u32 = 7;
const EVENTS: u32 = 11;
const EVENT_TYPE: u32 = 1;
const EVENT_KV: u32 = 2;
const EVENT_PREV_KV: u32 = 3;
const TYPE_DELETE: u64 = 1;

/// The encoded responses for one queued response: several when it is fragmented. The header comes
/// without its revision.
pub(super) fn responses(
    response: &Response,
    mut header: pb::ResponseHeader,
    bytes_max: usize,
) -> Vec<Bytes> {
    if let Response::Events { watch_id, revision, events, prev_kv, fragment } = response {
        header.revision = *revision;
        let parts = match *fragment {
            true => fragments(events, *prev_kv, bytes_max),
            false => vec![&events[..]],
        };
        let last = parts.len() - 1;
        let encode = |(at, part)| encode_events(&header, *watch_id, part, *prev_kv, at < last);
        return parts.into_iter().enumerate().map(encode).collect();
    }
    let (message, revision) = control(response);
    header.revision = revision;
    let message = pb::WatchResponse { header: Some(header), ..message };
    vec![Bytes::from(message.encode_to_vec())]
}

/// A response without events, and the revision of its header.
fn control(response: &Response) -> (pb::WatchResponse, i64) {
    let empty = pb::WatchResponse::default();
    match *response {
        Response::Created { watch_id, revision } => {
            (pb::WatchResponse { watch_id, created: true, ..empty }, revision)
        }
        Response::Refused { ref error, revision } => {
            let cancel_reason = error.reason().to_string();
            let refused = pb::WatchResponse {
                watch_id: -1,
                created: true,
                canceled: true,
                cancel_reason,
                ..empty
            };
            (refused, revision)
        }
        Response::Progress { watch_id, revision } => {
            (pb::WatchResponse { watch_id, ..empty }, revision)
        }
        Response::Canceled { watch_id, revision } => {
            (pb::WatchResponse { watch_id, canceled: true, ..empty }, revision)
        }
        // etcd leaves the header's revision and the reason empty here.
        Response::Compacted { watch_id, compact_revision } => {
            (pb::WatchResponse { watch_id, canceled: true, compact_revision, ..empty }, 0)
        }
        Response::Events { revision, .. } => (empty, revision),
    }
}

/// Cuts events into parts below `bytes_max`, each with at least one event.
fn fragments(events: &[WatchEvent], prev_kv: bool, bytes_max: usize) -> Vec<&[WatchEvent]> {
    let mut parts = Vec::new();
    let (mut start, mut bytes) = (0, 0);
    for (at, event) in events.iter().enumerate() {
        let size = event_len(event, prev_kv) + 8;
        if at > start && bytes + size >= bytes_max {
            parts.push(&events[start..at]);
            (start, bytes) = (at, 0);
        }
        bytes += size;
    }
    parts.push(&events[start..]);
    parts
}

fn previous(event: &WatchEvent, prev_kv: bool) -> Option<&Bytes> {
    event.prev_kv.as_ref().filter(|_| prev_kv)
}

/// Bytes of an event without its own key and length.
fn event_len(event: &WatchEvent, prev_kv: bool) -> usize {
    let field = |bytes: &Bytes| 1 + varint_len(bytes.len()) + bytes.len();
    let kind = if event.is_delete { 2 } else { 0 };
    kind + field(&event.kv) + previous(event, prev_kv).map_or(0, field)
}

fn varint_len(value: usize) -> usize {
    prost::encoding::encoded_len_varint(value as u64)
}

fn put_bytes(out: &mut BytesMut, field: u32, bytes: &[u8]) {
    encode_key(field, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.put_slice(bytes);
}

fn encode_events(
    header: &pb::ResponseHeader,
    watch_id: i64,
    events: &[WatchEvent],
    prev_kv: bool,
    more: bool,
) -> Bytes {
    let sizes = events.iter().map(|event| event_len(event, prev_kv) + 8);
    let mut out = BytesMut::with_capacity(64 + sizes.sum::<usize>());
    put_bytes(&mut out, HEADER, &header.encode_to_vec());
    if watch_id != 0 {
        prost::encoding::int64::encode(WATCH_ID, &watch_id, &mut out);
    }
    if more {
        prost::encoding::bool::encode(FRAGMENT, &true, &mut out);
    }
    for event in events {
        encode_key(EVENTS, WireType::LengthDelimited, &mut out);
        encode_varint(event_len(event, prev_kv) as u64, &mut out);
        if event.is_delete {
            encode_key(EVENT_TYPE, WireType::Varint, &mut out);
            encode_varint(TYPE_DELETE, &mut out);
        }
        put_bytes(&mut out, EVENT_KV, &event.kv);
        if let Some(before) = previous(event, prev_kv) {
            put_bytes(&mut out, EVENT_PREV_KV, before);
        }
    }
    out.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::mvccpb::{Event, KeyValue};

    fn event(key: &'static str, is_delete: bool, before: Option<&'static str>) -> WatchEvent {
        let kv = |value: &'static str| {
            let (key, value) =
                (Bytes::from_static(key.as_bytes()), Bytes::from_static(value.as_bytes()));
            Bytes::from(KeyValue { key, value, ..KeyValue::default() }.encode_to_vec())
        };
        let key = Bytes::from_static(key.as_bytes());
        WatchEvent { key, is_delete, kv: kv("v"), prev_kv: before.map(kv) }
    }

    fn decoded(response: &Response, bytes_max: usize) -> Vec<pb::WatchResponse> {
        let header = pb::ResponseHeader { member_id: 5, ..pb::ResponseHeader::default() };
        let parts = responses(response, header, bytes_max);
        parts.into_iter().map(|part| pb::WatchResponse::decode(part).expect("valid")).collect()
    }

    #[test]
    fn events_decode_as_the_messages_they_are() {
        let events = vec![event("a", false, Some("old")), event("b", true, None)];
        let response =
            Response::Events { watch_id: 3, revision: 9, events, prev_kv: true, fragment: false };
        let [message] = &decoded(&response, 10)[..] else { panic!("one response") };
        let header = message.header.expect("a header");
        assert_eq!((message.watch_id, header.revision, header.member_id), (3, 9, 5));
        let [put, delete]: &[Event] = &message.events[..] else { panic!("two events") };
        assert_eq!((put.r#type, delete.r#type), (0, 1));
        assert_eq!(put.prev_kv.as_ref().map(|kv| &kv.value[..]), Some(&b"old"[..]));
        assert_eq!(delete.kv.as_ref().map(|kv| &kv.key[..]), Some(&b"b"[..]));
    }

    #[test]
    fn fragments_carry_the_flag_but_for_the_last() {
        let events =
            vec![event("a", false, None), event("b", false, None), event("c", false, None)];
        let response =
            Response::Events { watch_id: 0, revision: 2, events, prev_kv: false, fragment: true };
        let parts = decoded(&response, 1);
        let flags: Vec<bool> = parts.iter().map(|part| part.fragment).collect();
        assert_eq!(flags, [true, true, false]);
        assert!(parts.iter().all(|part| part.events.len() == 1));
        assert_eq!(decoded(&response, 1 << 20).len(), 1);
    }
}
