//! Response headers and the translation of refusals into the errors of the API.

use bytes::Bytes;
use mvcc::KvError;
use mvcc::validate::RequestError;
use prost::Message;
use proto::etcdserverpb as pb;
use state::{AuthError, LeaseError, MemberError, Refusal};

use super::Api;
use crate::env::Env;
use crate::error::{ApiError, Code};

impl From<KvError> for ApiError {
    fn from(error: KvError) -> ApiError {
        match error {
            KvError::Compacted => ApiError::COMPACTED,
            KvError::FutureRevision => ApiError::FUTURE_REVISION,
            KvError::KeyNotFound => ApiError::KEY_NOT_FOUND,
            KvError::LeaseNotFound => ApiError::LEASE_NOT_FOUND,
        }
    }
}

impl From<RequestError> for ApiError {
    fn from(error: RequestError) -> ApiError {
        match error {
            RequestError::EmptyKey => ApiError::EMPTY_KEY,
            RequestError::InvalidSortOption => ApiError::INVALID_SORT_OPTION,
            RequestError::ValueProvided => ApiError::VALUE_PROVIDED,
            RequestError::LeaseProvided => ApiError::LEASE_PROVIDED,
            RequestError::TooManyOps => ApiError::TOO_MANY_OPS,
            RequestError::DuplicateKey => ApiError::DUPLICATE_KEY,
            RequestError::KeyNotFound => ApiError::KEY_NOT_FOUND,
            RequestError::StreamSortOrder => ApiError::STREAM_SORT,
            RequestError::StreamRevisionFilter => ApiError::STREAM_FILTER,
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> ApiError {
        match error {
            AuthError::RootUserMissing => ApiError::ROOT_USER_NOT_EXIST,
            AuthError::RootRoleMissing => ApiError::ROOT_ROLE_NOT_EXIST,
            AuthError::UserExists => ApiError::USER_EXISTS,
            AuthError::UserEmpty => ApiError::USER_EMPTY,
            AuthError::UserNotFound => ApiError::USER_NOT_FOUND,
            AuthError::RoleExists => ApiError::ROLE_EXISTS,
            AuthError::RoleNotFound => ApiError::ROLE_NOT_FOUND,
            AuthError::RoleEmpty => ApiError::ROLE_EMPTY,
            AuthError::PermissionNotGiven => ApiError::PERMISSION_NOT_GIVEN,
            AuthError::Failed => ApiError::AUTH_FAILED,
            AuthError::NoPasswordUser => ApiError::NO_PASSWORD_USER,
            AuthError::PermissionDenied => ApiError::PERMISSION_DENIED,
            AuthError::RoleNotGranted => ApiError::ROLE_NOT_GRANTED,
            AuthError::PermissionNotGranted => ApiError::PERMISSION_NOT_GRANTED,
            AuthError::NotEnabled => ApiError::AUTH_NOT_ENABLED,
            AuthError::OldRevision => ApiError::AUTH_OLD_REVISION,
            AuthError::InvalidManagement => ApiError::INVALID_AUTH_MGMT,
        }
    }
}

impl From<Refusal> for ApiError {
    fn from(refusal: Refusal) -> ApiError {
        match refusal {
            Refusal::Kv(error) => error.into(),
            Refusal::Lease(LeaseError::NotFound) => ApiError::LEASE_NOT_FOUND,
            Refusal::Lease(LeaseError::Exists) => ApiError::LEASE_EXISTS,
            Refusal::Lease(LeaseError::TtlTooLarge) => ApiError::LEASE_TTL_TOO_LARGE,
            Refusal::Member(MemberError::NotFound) => ApiError::MEMBER_NOT_FOUND,
            Refusal::Member(MemberError::Exists) => ApiError::MEMBER_EXISTS,
            Refusal::Member(MemberError::PeerUrlExists) => ApiError::PEER_URL_EXISTS,
            Refusal::Member(MemberError::NotLearner) => ApiError::MEMBER_NOT_LEARNER,
            Refusal::Member(MemberError::TooManyLearners) => ApiError::TOO_MANY_LEARNERS,
            Refusal::Auth(error) => error.into(),
            Refusal::NoSpace => ApiError::NO_SPACE,
            Refusal::Corrupt => ApiError::CORRUPT,
            Refusal::NotSupported => {
                ApiError::new(Code::Unimplemented, "the request is not supported by this version")
            }
        }
    }
}

impl<E: Env> Api<E> {
    /// A header that carries a revision.
    pub(super) fn header(&self, revision: i64) -> pb::ResponseHeader {
        pb::ResponseHeader {
            cluster_id: self.inner.cluster.get(),
            member_id: self.inner.member.get(),
            revision,
            raft_term: self.inner.shared.term().get(),
        }
    }

    /// The header in the form that encodes answers of the key space.
    pub(super) fn kv_header(&self, revision: i64) -> mvcc::Header {
        mvcc::Header {
            cluster_id: self.inner.cluster.get(),
            member_id: self.inner.member.get(),
            raft_term: self.inner.shared.term().get(),
            revision,
        }
    }
}

/// An encoded message.
pub(super) fn encoded(message: &impl Message) -> Bytes {
    Bytes::from(message.encode_to_vec())
}
