//! What applying an entry answers: the same on every member, but for the header that the answering
//! member puts on.

use alloc::string::String;
use alloc::vec::Vec;

use base::checksum::{crc32c, crc32c_append};
use base::{LeaseId, MemberId};
use mvcc::KvError;
use prost::Message;
use proto::authpb;
use proto::etcdserverpb::AlarmMember;

use crate::auth::AuthError;
use crate::lease::LeaseError;
use crate::membership::{Member, MemberError};

/// The answer to an applied request.
#[derive(Clone, Debug, PartialEq)]
pub enum Reply {
    /// Nothing to say: a leader's first entry, or a request without an answer of its own.
    Nothing,
    /// A change or read of keys.
    Kv(mvcc::Answer),
    /// A lease was granted.
    LeaseGranted {
        /// Its id.
        id: LeaseId,
        /// Its effective time to live.
        ttl_seconds: i64,
    },
    /// A lease ended.
    LeaseRevoked {
        /// Its id.
        id: LeaseId,
    },
    /// The alarms that the request names.
    Alarms(Vec<AlarmMember>),
    /// The members after a change.
    Members {
        /// The member that the change named.
        changed: MemberId,
        /// All members, by id.
        members: Vec<Member>,
    },
    /// Users or roles were changed or asked for.
    Auth(AuthReply),
}

/// The answer to a request about users and roles.
#[derive(Clone, Debug, PartialEq)]
pub enum AuthReply {
    /// It is done, and there is nothing more to say.
    Done,
    /// Whether authentication is on, and the revision of users and roles.
    Status {
        /// Whether it is on.
        enabled: bool,
        /// The revision.
        revision: u64,
    },
    /// A user may have a token.
    Authenticated {
        /// The token, if tokens are simple.
        simple_token: String,
        /// The revision of users and roles that it is valid from.
        revision: u64,
    },
    /// Names: roles of a user, all users, or all roles.
    Names(Vec<String>),
    /// Permissions of a role.
    Permissions(Vec<authpb::Permission>),
}

impl AuthReply {
    fn checksum(&self) -> u32 {
        match self {
            AuthReply::Done => 6,
            AuthReply::Status { enabled, revision } => {
                crc32c_append(7 + u32::from(*enabled), &revision.to_le_bytes())
            }
            AuthReply::Authenticated { simple_token, revision } => {
                crc32c_append(crc32c_append(9, simple_token.as_bytes()), &revision.to_le_bytes())
            }
            AuthReply::Names(names) => {
                names.iter().fold(10, |crc, name| crc32c_append(crc, name.as_bytes()))
            }
            AuthReply::Permissions(permissions) => {
                permissions.iter().fold(11, |crc, p| crc32c_append(crc, &p.encode_to_vec()))
            }
        }
    }
}

/// A deterministic error: the request had no effect, on every member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A rule of keys and transactions.
    Kv(KvError),
    /// A rule of leases.
    Lease(LeaseError),
    /// A rule of membership.
    Member(MemberError),
    /// A rule of authentication.
    Auth(AuthError),
    /// Alarm NOSPACE is active.
    NoSpace,
    /// Alarm CORRUPT is active.
    Corrupt,
    /// A request that this version does not know, or a malformed one.
    NotSupported,
}

impl Reply {
    /// CRC-32C of the answer without its header, equal on every member (A3).
    #[must_use]
    pub fn checksum(&self) -> u32 {
        match self {
            Reply::Nothing => 0,
            Reply::Kv(answer) => crc32c_append(1, &answer.checksum().to_le_bytes()),
            Reply::LeaseGranted { id, ttl_seconds } => {
                let crc = crc32c_append(2, &id.get().to_le_bytes());
                crc32c_append(crc, &ttl_seconds.to_le_bytes())
            }
            Reply::LeaseRevoked { id } => crc32c_append(3, &id.get().to_le_bytes()),
            Reply::Alarms(alarms) => {
                alarms.iter().fold(4, |crc, alarm| crc32c_append(crc, &alarm.encode_to_vec()))
            }
            Reply::Members { members, .. } => members.iter().fold(5, |crc, member| {
                let crc = crc32c_append(crc, &member.id.to_le_bytes());
                member.peer_urls.iter().fold(crc, |crc, url| crc32c_append(crc, url.as_bytes()))
            }),
            Reply::Auth(reply) => reply.checksum(),
        }
    }
}

impl Refusal {
    /// CRC-32C of the refusal.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        crc32c(alloc::format!("{self:?}").as_bytes())
    }
}

impl From<KvError> for Refusal {
    fn from(error: KvError) -> Refusal {
        Refusal::Kv(error)
    }
}

impl From<LeaseError> for Refusal {
    fn from(error: LeaseError) -> Refusal {
        Refusal::Lease(error)
    }
}

impl From<AuthError> for Refusal {
    fn from(error: AuthError) -> Refusal {
        Refusal::Auth(error)
    }
}

impl From<MemberError> for Refusal {
    fn from(error: MemberError) -> Refusal {
        Refusal::Member(error)
    }
}
