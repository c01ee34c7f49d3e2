//! The same for encoded answers, by the name of their message.

use alloc::vec::Vec;

use prost::Message;
use proto::etcdserverpb as pb;
use proto::{v3electionpb, v3lockpb};

use super::Normalise;

/// The normaliser of a message of this full name.
macro_rules! by_name {
    ($($name:literal: $answer:ty),* $(,)?) => {
        fn find(message: &str) -> Option<fn(&[u8]) -> Option<Vec<u8>>> {
            match message {
                $($name => Some(normalised::<$answer>),)*
                _ => None,
            }
        }
    };
}

fn normalised<A: Message + Default + Normalise>(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut answer = A::decode(bytes).ok()?;
    answer.normalise();
    Some(answer.encode_to_vec())
}

/// Normalises an encoded answer of this full name. A message in which nothing is accidental stays
/// as it is, and so does what is no such message.
#[must_use]
pub fn normalise_encoded(message: &str, bytes: &[u8]) -> Vec<u8> {
    let changed = find(message).and_then(|normalise| normalise(bytes));
    changed.unwrap_or_else(|| bytes.into())
}

by_name!(
    "etcdserverpb.RangeResponse": pb::RangeResponse,
    "etcdserverpb.RangeStreamResponse": pb::RangeStreamResponse,
    "etcdserverpb.PutResponse": pb::PutResponse,
    "etcdserverpb.DeleteRangeResponse": pb::DeleteRangeResponse,
    "etcdserverpb.TxnResponse": pb::TxnResponse,
    "etcdserverpb.CompactionResponse": pb::CompactionResponse,
    "etcdserverpb.WatchResponse": pb::WatchResponse,
    "etcdserverpb.LeaseGrantResponse": pb::LeaseGrantResponse,
    "etcdserverpb.LeaseRevokeResponse": pb::LeaseRevokeResponse,
    "etcdserverpb.LeaseKeepAliveResponse": pb::LeaseKeepAliveResponse,
    "etcdserverpb.LeaseTimeToLiveResponse": pb::LeaseTimeToLiveResponse,
    "etcdserverpb.LeaseLeasesResponse": pb::LeaseLeasesResponse,
    "etcdserverpb.MemberAddResponse": pb::MemberAddResponse,
    "etcdserverpb.MemberRemoveResponse": pb::MemberRemoveResponse,
    "etcdserverpb.MemberUpdateResponse": pb::MemberUpdateResponse,
    "etcdserverpb.MemberListResponse": pb::MemberListResponse,
    "etcdserverpb.MemberPromoteResponse": pb::MemberPromoteResponse,
    "etcdserverpb.AlarmResponse": pb::AlarmResponse,
    "etcdserverpb.StatusResponse": pb::StatusResponse,
    "etcdserverpb.DefragmentResponse": pb::DefragmentResponse,
    "etcdserverpb.HashResponse": pb::HashResponse,
    "etcdserverpb.HashKVResponse": pb::HashKvResponse,
    "etcdserverpb.MoveLeaderResponse": pb::MoveLeaderResponse,
    "etcdserverpb.DowngradeResponse": pb::DowngradeResponse,
    "etcdserverpb.AuthEnableResponse": pb::AuthEnableResponse,
    "etcdserverpb.AuthDisableResponse": pb::AuthDisableResponse,
    "etcdserverpb.AuthStatusResponse": pb::AuthStatusResponse,
    "etcdserverpb.AuthenticateResponse": pb::AuthenticateResponse,
    "etcdserverpb.AuthUserAddResponse": pb::AuthUserAddResponse,
    "etcdserverpb.AuthUserGetResponse": pb::AuthUserGetResponse,
    "etcdserverpb.AuthUserListResponse": pb::AuthUserListResponse,
    "etcdserverpb.AuthUserDeleteResponse": pb::AuthUserDeleteResponse,
    "etcdserverpb.AuthUserChangePasswordResponse": pb::AuthUserChangePasswordResponse,
    "etcdserverpb.AuthUserGrantRoleResponse": pb::AuthUserGrantRoleResponse,
    "etcdserverpb.AuthUserRevokeRoleResponse": pb::AuthUserRevokeRoleResponse,
    "etcdserverpb.AuthRoleAddResponse": pb::AuthRoleAddResponse,
    "etcdserverpb.AuthRoleGetResponse": pb::AuthRoleGetResponse,
    "etcdserverpb.AuthRoleListResponse": pb::AuthRoleListResponse,
    "etcdserverpb.AuthRoleDeleteResponse": pb::AuthRoleDeleteResponse,
    "etcdserverpb.AuthRoleGrantPermissionResponse": pb::AuthRoleGrantPermissionResponse,
    "etcdserverpb.AuthRoleRevokePermissionResponse": pb::AuthRoleRevokePermissionResponse,
    "v3lockpb.LockResponse": v3lockpb::LockResponse,
    "v3lockpb.UnlockResponse": v3lockpb::UnlockResponse,
    "v3electionpb.CampaignResponse": v3electionpb::CampaignResponse,
    "v3electionpb.ProclaimResponse": v3electionpb::ProclaimResponse,
    "v3electionpb.LeaderResponse": v3electionpb::LeaderResponse,
    "v3electionpb.ResignResponse": v3electionpb::ResignResponse,
);
