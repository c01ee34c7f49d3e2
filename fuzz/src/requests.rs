//! Bytes that a client sends: every request of the API, and the payload of a log entry.
//!
//! The first byte chooses the message. Held against: what is decoded is no larger than the input
//! allows, encodes to the same message again, and is checked without panic and by the same rules as
//! the model's; a payload of any bytes is applied without panic, twice with the same outcome,
//! unless it is a request that no member proposes: a log holds only what passed the checks.

use base::{Index, Term};
use bytes::Bytes;
use model::Oracle;
use mvcc::memory::MemoryBackend;
use mvcc::{Knobs, Store};
use prost::Message;
use proto::{etcdserverpb as pb, v3electionpb, v3lockpb};
use state::{Committed, Machine, Recorded};

use crate::machine::validate;

/// How much longer a message may become when it is decoded and encoded again. All fields of the
/// decoded message stood in the input; the most that a field grows is from the five bytes of an
/// enum's value cut to 32 bits to the ten bytes of the same value as a negative number.
const GROWTH_MAX: usize = 2;

/// Decodes a message, encodes it and decodes it again.
fn again<M: Message + Default + PartialEq + std::fmt::Debug>(data: &Bytes) {
    let Ok(message) = M::decode(data.clone()) else { return };
    let encoded = message.encode_to_vec();
    assert_eq!(encoded.len(), message.encoded_len());
    assert!(encoded.len() <= data.len() * GROWTH_MAX, "{} of {}", encoded.len(), data.len());
    let read = M::decode(encoded.as_slice()).expect("what was encoded can be decoded");
    assert_eq!(read, message);
}

/// The decoders of a list of messages.
macro_rules! decoders {
    ($($message:ty),* $(,)?) => {
        [$(again::<$message>),*]
    };
}

const DECODERS: [fn(&Bytes); 46] = decoders![
    pb::RangeRequest,
    pb::PutRequest,
    pb::DeleteRangeRequest,
    pb::TxnRequest,
    pb::CompactionRequest,
    pb::WatchRequest,
    pb::LeaseGrantRequest,
    pb::LeaseRevokeRequest,
    pb::LeaseCheckpointRequest,
    pb::LeaseKeepAliveRequest,
    pb::LeaseTimeToLiveRequest,
    pb::LeaseLeasesRequest,
    pb::MemberAddRequest,
    pb::MemberRemoveRequest,
    pb::MemberUpdateRequest,
    pb::MemberListRequest,
    pb::MemberPromoteRequest,
    pb::AlarmRequest,
    pb::StatusRequest,
    pb::DefragmentRequest,
    pb::HashRequest,
    pb::HashKvRequest,
    pb::SnapshotRequest,
    pb::MoveLeaderRequest,
    pb::DowngradeRequest,
    pb::AuthEnableRequest,
    pb::AuthDisableRequest,
    pb::AuthStatusRequest,
    pb::AuthenticateRequest,
    pb::AuthUserAddRequest,
    pb::AuthUserGetRequest,
    pb::AuthUserDeleteRequest,
    pb::AuthUserListRequest,
    pb::AuthUserChangePasswordRequest,
    pb::AuthUserGrantRoleRequest,
    pb::AuthUserRevokeRoleRequest,
    pb::AuthRoleAddRequest,
    pb::AuthRoleGetRequest,
    pb::AuthRoleDeleteRequest,
    pb::AuthRoleGrantPermissionRequest,
    pb::AuthRoleRevokePermissionRequest,
    v3lockpb::LockRequest,
    v3lockpb::UnlockRequest,
    v3electionpb::CampaignRequest,
    v3electionpb::ProclaimRequest,
    pb::InternalRaftRequest,
];

/// Runs one input.
///
/// # Panics
/// When a promise is broken.
pub fn run(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let data = Bytes::copy_from_slice(rest);
    DECODERS[usize::from(first) % DECODERS.len()](&data);
    apply(&data);
    check(&data, first);
}

/// Applies the bytes as a payload of the log, as a newer peer could send it.
fn apply(data: &Bytes) {
    let request = pb::InternalRaftRequest::decode(data.clone());
    if request.is_ok_and(|request| !is_proposed(&request)) {
        return;
    }
    let outcome = || {
        let store = Store::new(&MemoryBackend::new(), Knobs::default()).expect("memory holds");
        let mut machine = Machine::new(store, &Recorded::default(), 1);
        let entry = Committed { term: Term(1), index: Index(1), data };
        let applied = machine.apply(&entry);
        machine.check();
        (format!("{:?}", applied.outcome), applied.revision, machine.chain())
    };
    assert_eq!(outcome(), outcome());
}

/// Whether a member may have proposed it: one request, which passed the checks.
fn is_proposed(request: &pb::InternalRaftRequest) -> bool {
    let pb::InternalRaftRequest { range, put, delete_range, txn, .. } = request;
    let kinds = [range.is_some(), put.is_some(), delete_range.is_some(), txn.is_some()];
    kinds.iter().filter(|is_set| **is_set).count() <= 1 && validate(&Oracle::default(), request)
}

/// The checks before a proposal, against the model's.
fn check(data: &Bytes, first: u8) {
    let mut request = pb::InternalRaftRequest::default();
    match usize::from(first) % DECODERS.len() {
        0 => request.range = pb::RangeRequest::decode(data.clone()).ok(),
        1 => request.put = pb::PutRequest::decode(data.clone()).ok(),
        2 => request.delete_range = pb::DeleteRangeRequest::decode(data.clone()).ok(),
        3 => request.txn = pb::TxnRequest::decode(data.clone()).ok(),
        _ => return,
    }
    validate(&Oracle::default(), &request);
}

/// One sound message of each kind that has fields worth changing.
#[must_use]
pub fn samples() -> Vec<Vec<u8>> {
    let mut samples = Vec::new();
    for request in crate::machine::requests(40) {
        let kind = |kind: u8, message: Vec<u8>| [vec![kind], message].concat();
        if let Some(range) = &request.range {
            samples.push(kind(0, range.encode_to_vec()));
        } else if let Some(put) = &request.put {
            samples.push(kind(1, put.encode_to_vec()));
        } else if let Some(delete) = &request.delete_range {
            samples.push(kind(2, delete.encode_to_vec()));
        } else if let Some(txn) = &request.txn {
            samples.push(kind(3, txn.encode_to_vec()));
        }
        samples.push(kind(DECODERS.len() as u8 - 1, request.encode_to_vec()));
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_of_growth_is_nearly_reached() {
        // sort_order, as a varint of 32 bits that are all set.
        let data = Bytes::from_static(&[0x28, 0xff, 0xff, 0xff, 0xff, 0x0f]);
        let message = pb::RangeRequest::decode(data.clone()).expect("an enum holds any number");
        assert_eq!((message.sort_order, message.encoded_len()), (-1, 11));
        again::<pb::RangeRequest>(&data);
    }
}
