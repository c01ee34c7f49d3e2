//! Makes the answers of two clusters comparable: what must differ is set to a fixed value.
//!
//! That is: ids of cluster, member and request, terms and log positions, ids that a server chose,
//! tokens, remaining times, sizes and versions of the program. Everything else is kept, so that a
//! difference in it is seen; one test changes every field of every answer to prove that.

mod encoded;

use proto::etcdserverpb as pb;
use proto::etcdserverpb::response_op::Response as Op;
use proto::{v3electionpb, v3lockpb};

pub use encoded::normalise_encoded;

/// An answer whose accidental parts can be set to a fixed value.
pub trait Normalise {
    /// Sets what may differ between two clusters that behave alike to a fixed value.
    fn normalise(&mut self);
}

impl Normalise for Option<pb::ResponseHeader> {
    fn normalise(&mut self) {
        if let Some(header) = self {
            *header =
                pb::ResponseHeader { revision: header.revision, ..pb::ResponseHeader::default() };
        }
    }
}

/// Answers in which only the header is accidental.
macro_rules! header_only {
    ($($answer:ty),* $(,)?) => {
        $(impl Normalise for $answer {
            fn normalise(&mut self) {
                self.header.normalise();
            }
        })*
    };
}

header_only!(
    v3lockpb::LockResponse,
    v3lockpb::UnlockResponse,
    v3electionpb::CampaignResponse,
    v3electionpb::ProclaimResponse,
    v3electionpb::LeaderResponse,
    v3electionpb::ResignResponse,
    pb::RangeResponse,
    pb::PutResponse,
    pb::DeleteRangeResponse,
    pb::CompactionResponse,
    pb::HashKvResponse,
    pb::WatchResponse,
    pb::LeaseRevokeResponse,
    pb::LeaseCheckpointResponse,
    pb::DefragmentResponse,
    pb::MoveLeaderResponse,
    pb::DowngradeResponse,
    pb::AuthEnableResponse,
    pb::AuthDisableResponse,
    pb::AuthStatusResponse,
    pb::AuthUserAddResponse,
    pb::AuthUserGetResponse,
    pb::AuthUserDeleteResponse,
    pb::AuthUserChangePasswordResponse,
    pb::AuthUserGrantRoleResponse,
    pb::AuthUserRevokeRoleResponse,
    pb::AuthUserListResponse,
    pb::AuthRoleAddResponse,
    pb::AuthRoleGetResponse,
    pb::AuthRoleListResponse,
    pb::AuthRoleDeleteResponse,
    pb::AuthRoleGrantPermissionResponse,
    pb::AuthRoleRevokePermissionResponse,
);

impl Normalise for pb::RangeStreamResponse {
    fn normalise(&mut self) {
        if let Some(chunk) = &mut self.range_response {
            chunk.normalise();
        }
    }
}

impl Normalise for pb::TxnResponse {
    fn normalise(&mut self) {
        self.header.normalise();
        for op in &mut self.responses {
            match &mut op.response {
                Some(Op::ResponseRange(answer)) => answer.normalise(),
                Some(Op::ResponsePut(answer)) => answer.normalise(),
                Some(Op::ResponseDeleteRange(answer)) => answer.normalise(),
                Some(Op::ResponseTxn(answer)) => answer.normalise(),
                None => {}
            }
        }
    }
}

/// The id is kept: a client that lets the server choose one compares without it.
impl Normalise for pb::LeaseGrantResponse {
    fn normalise(&mut self) {
        self.header.normalise();
    }
}

/// A renewed lease is told from a missing one, whatever the clock says.
impl Normalise for pb::LeaseKeepAliveResponse {
    fn normalise(&mut self) {
        self.header.normalise();
        self.ttl = self.ttl.signum();
    }
}

/// Keys come in no particular order.
impl Normalise for pb::LeaseTimeToLiveResponse {
    fn normalise(&mut self) {
        self.header.normalise();
        self.ttl = self.ttl.signum();
        self.keys.sort();
    }
}

/// etcd lists leases by remaining time.
impl Normalise for pb::LeaseLeasesResponse {
    fn normalise(&mut self) {
        self.header.normalise();
        self.leases.sort_by_key(|lease| lease.id);
    }
}

/// etcd lists alarms in the order of a hash map.
impl Normalise for pb::AlarmResponse {
    fn normalise(&mut self) {
        self.header.normalise();
        self.alarms.sort_by_key(|member| (member.alarm, member.member_id));
    }
}

impl Normalise for pb::AuthenticateResponse {
    fn normalise(&mut self) {
        self.header.normalise();
        self.token.clear();
    }
}

/// The hash of the whole file depends on its layout.
impl Normalise for pb::HashResponse {
    fn normalise(&mut self) {
        self.header.normalise();
        self.hash = 0;
    }
}

impl Normalise for pb::StatusResponse {
    fn normalise(&mut self) {
        self.header.normalise();
        self.db_size = 0;
        self.db_size_in_use = 0;
        self.leader = u64::from(self.leader != 0);
        self.raft_index = 0;
        self.raft_term = 0;
        self.raft_applied_index = 0;
        self.version.clear();
        self.storage_version.clear();
    }
}

/// Members keep their names and URLs; ids follow from addresses, and with them the order.
fn members(list: &mut [pb::Member]) {
    list.iter_mut().for_each(|member| member.id = 0);
    list.sort_by(|a, b| (&a.name, &a.peer_urls).cmp(&(&b.name, &b.peer_urls)));
}

/// Answers that list the members.
macro_rules! member_lists {
    ($($answer:ident),* $(,)?) => {
        $(impl Normalise for pb::$answer {
            fn normalise(&mut self) {
                self.header.normalise();
                members(&mut self.members);
            }
        })*
    };
}

member_lists!(
    MemberListResponse,
    MemberRemoveResponse,
    MemberUpdateResponse,
    MemberPromoteResponse,
);

impl Normalise for pb::MemberAddResponse {
    fn normalise(&mut self) {
        self.header.normalise();
        if let Some(member) = &mut self.member {
            member.id = 0;
        }
        members(&mut self.members);
    }
}
