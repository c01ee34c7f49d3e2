//! Log payloads of the frequent requests, encoded without an `InternalRaftRequest` in between: that
//! one has a field for every kind of request, and making, moving and dropping it costs more than
//! encoding a put.

use base::RequestId;
use bytes::Bytes;
use prost::Message;
use prost::encoding::message;
use proto::etcdserverpb::RequestHeader;

use crate::auth::Principal;

/// Fields of `InternalRaftRequest`.
pub(super) const PUT: u32 = 4;
pub(super) const DELETE_RANGE: u32 = 5;
pub(super) const TXN: u32 = 6;
pub(super) const COMPACTION: u32 = 7;
pub(super) const LEASE_GRANT: u32 = 8;
const HEADER: u32 = 100;

/// Who asks, and the id that the answer is found by.
pub(super) fn header(id: RequestId, who: Option<&Principal>) -> RequestHeader {
    let identity = Principal::identity(who);
    RequestHeader {
        id: id.get(),
        username: identity.user.to_owned(),
        auth_revision: identity.revision,
    }
}

/// The payload of the request in `field`.
pub(super) fn encode(
    id: RequestId,
    who: Option<&Principal>,
    field: u32,
    request: &impl Message,
) -> Bytes {
    assert!(field < HEADER, "fields ascend");
    let header = header(id, who);
    let length = message::encoded_len(field, request) + message::encoded_len(HEADER, &header);
    let mut bytes = Vec::with_capacity(length);
    message::encode(field, request, &mut bytes);
    message::encode(HEADER, &header, &mut bytes);
    assert_eq!(bytes.len(), length, "a payload has another length than was counted");
    Bytes::from(bytes)
}

#[cfg(test)]
mod tests {
    use proto::etcdserverpb as pb;

    use super::*;

    #[test]
    fn payloads_are_those_of_the_whole_message() {
        let principal = Principal { user: "root".into(), revision: 7 };
        let caller = Some(&principal);
        let id = RequestId(0xabcd_0000_0000_0123);
        let put =
            pb::PutRequest { key: "k".into(), value: "v".into(), lease: 3, ..Default::default() };
        let delete = pb::DeleteRangeRequest { key: "k".into(), ..Default::default() };
        let txn = pb::TxnRequest::default();
        let compaction = pb::CompactionRequest { revision: 9, physical: true };
        let grant = pb::LeaseGrantRequest { ttl: 10, id: 4 };
        let whole = pb::InternalRaftRequest {
            header: Some(header(id, caller)),
            put: Some(put.clone()),
            delete_range: Some(delete.clone()),
            txn: Some(txn.clone()),
            compaction: Some(compaction),
            lease_grant: Some(grant),
            ..Default::default()
        };
        let parts = [
            encode(id, caller, PUT, &put),
            encode(id, caller, DELETE_RANGE, &delete),
            encode(id, caller, TXN, &txn),
            encode(id, caller, COMPACTION, &compaction),
            encode(id, caller, LEASE_GRANT, &grant),
        ];
        let wanted = pb::InternalRaftRequest::decode(Bytes::from(parts.concat())).expect("sound");
        assert_eq!(wanted, whole);
        let alone = pb::InternalRaftRequest {
            header: whole.header.clone(),
            put: Some(put),
            ..Default::default()
        };
        assert_eq!(parts[0], alone.encode_to_vec());
    }
}
