//! The errors of the API: a gRPC code and a text, letter for letter what an etcd client expects.
//!
//! Clients match on the texts, so they are constants and never decorated.

use std::borrow::Cow;

/// The gRPC status codes in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Code {
    /// The client gave up.
    Canceled = 1,
    /// No code fits.
    Unknown = 2,
    /// The request is wrong, whatever the state.
    InvalidArgument = 3,
    /// Time ran out; the effect is unknown.
    DeadlineExceeded = 4,
    /// What the request names does not exist.
    NotFound = 5,
    /// The caller may not do this.
    PermissionDenied = 7,
    /// A quota or a bound is used up.
    ResourceExhausted = 8,
    /// The state forbids it.
    FailedPrecondition = 9,
    /// A revision out of the kept range.
    OutOfRange = 11,
    /// Not built.
    Unimplemented = 12,
    /// A broken invariant.
    Internal = 13,
    /// No leader, or the server is stopping.
    Unavailable = 14,
    /// Data is lost or corrupt.
    DataLoss = 15,
    /// The token is not valid.
    Unauthenticated = 16,
}

/// A refused or failed call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct ApiError {
    /// The gRPC code that goes over the wire.
    pub code: Code,
    /// The message that goes over the wire.
    pub text: Cow<'static, str>,
}

impl ApiError {
    /// An error with a fixed text.
    #[must_use]
    pub const fn new(code: Code, text: &'static str) -> ApiError {
        ApiError { code, text: Cow::Borrowed(text) }
    }

    /// An error whose text is made at run time.
    #[must_use]
    pub fn with_text(code: Code, text: String) -> ApiError {
        ApiError { code, text: Cow::Owned(text) }
    }

    /// What is not built yet says so.
    #[must_use]
    pub fn unimplemented(what: &str) -> ApiError {
        ApiError::with_text(Code::Unimplemented, format!("{what} is not implemented yet"))
    }
}

macro_rules! errors {
    ($($name:ident $code:ident $text:literal;)*) => {
        impl ApiError {
            $(
                #[doc = concat!("`", $text, "`")]
                pub const $name: ApiError = ApiError::new(Code::$code, $text);
            )*
        }
    };
}

errors! {
    WATCH_CANCELED Canceled "etcdserver: watch canceled";
    CANCELED Canceled "etcdserver: request canceled";
    EMPTY_KEY InvalidArgument "etcdserver: key is not provided";
    KEY_NOT_FOUND InvalidArgument "etcdserver: key not found";
    VALUE_PROVIDED InvalidArgument "etcdserver: value is provided";
    LEASE_PROVIDED InvalidArgument "etcdserver: lease is provided";
    TOO_MANY_OPS InvalidArgument "etcdserver: too many operations in txn request";
    DUPLICATE_KEY InvalidArgument "etcdserver: duplicate key given in txn request";
    INVALID_CLIENT_API_VERSION InvalidArgument "etcdserver: invalid client api version";
    INVALID_SORT_OPTION InvalidArgument "etcdserver: invalid sort option";
    MEMBER_BAD_URLS InvalidArgument "etcdserver: given member URLs are invalid";
    REQUEST_TOO_LARGE InvalidArgument "etcdserver: request is too large";
    DEADLINE_EXCEEDED DeadlineExceeded "etcdserver: context deadline exceeded";
    USER_EMPTY InvalidArgument "etcdserver: user name is empty";
    ROLE_EMPTY InvalidArgument "etcdserver: role name is empty";
    AUTH_FAILED InvalidArgument
        "etcdserver: authentication failed, invalid user ID or password";
    PERMISSION_NOT_GIVEN InvalidArgument "etcdserver: permission not given";
    INVALID_AUTH_MGMT InvalidArgument "etcdserver: invalid auth management";
    AUTH_OLD_REVISION InvalidArgument "etcdserver: revision of auth store is old";
    ROOT_USER_NOT_EXIST FailedPrecondition "etcdserver: root user does not exist";
    ROOT_ROLE_NOT_EXIST FailedPrecondition "etcdserver: root user does not have root role";
    USER_EXISTS FailedPrecondition "etcdserver: user name already exists";
    USER_NOT_FOUND FailedPrecondition "etcdserver: user name not found";
    ROLE_EXISTS FailedPrecondition "etcdserver: role name already exists";
    ROLE_NOT_FOUND FailedPrecondition "etcdserver: role name not found";
    ROLE_NOT_GRANTED FailedPrecondition "etcdserver: role is not granted to the user";
    PERMISSION_NOT_GRANTED FailedPrecondition
        "etcdserver: permission is not granted to the role";
    AUTH_NOT_ENABLED FailedPrecondition "etcdserver: authentication is not enabled";
    // etcd gives the next two no code of their own, and no text of the API.
    NO_PASSWORD_USER Unknown
        "auth: authentication failed, password was given for no password user";
    VERIFY_ONLY Unknown "auth: token signing attempted with verify-only key";
    LEASE_NOT_FOUND NotFound "etcdserver: requested lease not found";
    MEMBER_NOT_FOUND NotFound "etcdserver: member not found";
    PERMISSION_DENIED PermissionDenied "etcdserver: permission denied";
    NO_SPACE ResourceExhausted "etcdserver: mvcc: database space exceeded";
    // etcd maps this one to a type without a code, so it reaches the wire as Unknown.
    TOO_MANY_REQUESTS Unknown "etcdserver: too many requests";
    LEASE_EXISTS FailedPrecondition "etcdserver: lease already exists";
    MEMBER_EXISTS FailedPrecondition "etcdserver: member ID already exist";
    PEER_URL_EXISTS FailedPrecondition "etcdserver: Peer URLs already exists";
    // As with TOO_MANY_REQUESTS, Unknown on the wire.
    NOT_ENOUGH_STARTED Unknown
        "etcdserver: re-configuration failed due to not enough started members";
    MEMBER_NOT_LEARNER FailedPrecondition "etcdserver: can only promote a learner member";
    LEARNER_NOT_READY FailedPrecondition
        "etcdserver: can only promote a learner member which is in sync with leader";
    TOO_MANY_LEARNERS FailedPrecondition "etcdserver: too many learner members in cluster";
    CLUSTER_ID_MISMATCH FailedPrecondition "etcdserver: cluster ID mismatch";
    NOT_LEADER FailedPrecondition "etcdserver: not leader";
    NOT_CAPABLE FailedPrecondition "etcdserver: not capable";
    NOT_SUPPORTED_FOR_LEARNER FailedPrecondition "etcdserver: rpc not supported for learner";
    BAD_LEADER_TRANSFEREE FailedPrecondition "etcdserver: bad leader transferee";
    COMPACTED OutOfRange "etcdserver: mvcc: required revision has been compacted";
    FUTURE_REVISION OutOfRange "etcdserver: mvcc: required revision is a future revision";
    LEASE_TTL_TOO_LARGE OutOfRange "etcdserver: too large lease TTL";
    NO_LEADER Unavailable "etcdserver: no leader";
    LEADER_CHANGED Unavailable "etcdserver: leader changed";
    STOPPED Unavailable "etcdserver: server stopped";
    TIMEOUT Unavailable "etcdserver: request timed out";
    TIMEOUT_LEADER_FAIL Unavailable
        "etcdserver: request timed out, possibly due to previous leader failure";
    TIMEOUT_CONNECTION_LOST Unavailable
        "etcdserver: request timed out, possibly due to connection lost";
    TIMEOUT_WAIT_APPLIED Unavailable
        "etcdserver: request timed out, waiting for the applied index took too long";
    UNHEALTHY Unavailable "etcdserver: unhealthy cluster";
    CORRUPT DataLoss "etcdserver: corrupt cluster";
    WRONG_DOWNGRADE_VERSION InvalidArgument "etcdserver: wrong downgrade target version format";
    INVALID_DOWNGRADE_VERSION InvalidArgument "etcdserver: invalid downgrade target version";
    CLUSTER_VERSION_UNAVAILABLE FailedPrecondition
        "etcdserver: cluster version not found during downgrade";
    DOWNGRADE_IN_PROCESS FailedPrecondition
        "etcdserver: cluster has a downgrade job in progress";
    NO_INFLIGHT_DOWNGRADE FailedPrecondition "etcdserver: no inflight downgrade job";
    UNKNOWN_METHOD Unknown "etcdserver: unknown method";
    INVALID_AUTH_TOKEN Unauthenticated "etcdserver: invalid auth token";
    LEADER_TRANSFER_TIMEOUT Unknown
        "etcdserver: request timed out, leader transfer took too long";
    STREAM_SORT Unimplemented "RangeStream does not support custom sort orders";
    STREAM_FILTER Unimplemented "RangeStream does not support revision filters";
}
