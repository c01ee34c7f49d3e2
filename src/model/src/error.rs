//! The errors that a request can deserve by etcd's rules, with the text and the code of each.
//!
//! Clients match on the text, so the text is the contract; the code is gRPC's. Local faults,
//! timeouts and loss of leadership are no errors of the oracle: it has no disk and no network.

use core::fmt;

/// Why the oracle refuses a request. Each is a pure function of the state and the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Error {
    /// A key is empty where one is required.
    EmptyKey,
    /// An `ignore_*` put of a key that is absent, or an empty operation in a transaction.
    KeyNotFound,
    /// `ignore_value` together with a value.
    ValueProvided,
    /// `ignore_lease` together with a lease.
    LeaseProvided,
    /// More operations in a transaction than the limit allows.
    TooManyOps,
    /// One branch of a transaction could change a key twice.
    DuplicateKey,
    /// A sort order or target that the protocol does not have.
    InvalidSortOption,
    /// The lease does not exist.
    LeaseNotFound,
    /// A lease with the requested id exists.
    LeaseExist,
    /// The requested time to live is above the limit.
    LeaseTtlTooLarge,
    /// The cluster has the alarm NOSPACE.
    NoSpace,
    /// The cluster has the alarm CORRUPT.
    Corrupt,
    /// The revision lies below the last compaction.
    Compacted,
    /// The revision lies above the current one.
    FutureRevision,
    /// A request names no user, or nobody was authenticated for it.
    UserEmpty,
    /// A request names no role.
    RoleEmpty,
    /// Unknown user or wrong password.
    AuthFailed,
    /// A grant without a permission.
    PermissionNotGiven,
    /// A change that would lock everybody out, or an empty range.
    InvalidAuthMgmt,
    /// Users or roles have changed since the user was authenticated.
    AuthOldRevision,
    /// The user may not do this.
    PermissionDenied,
    /// There is no user `root`.
    RootUserNotExist,
    /// The user `root` does not have the role `root`.
    RootRoleNotExist,
    /// A user of this name exists.
    UserAlreadyExist,
    /// There is no such user.
    UserNotFound,
    /// A role of this name exists.
    RoleAlreadyExist,
    /// There is no such role.
    RoleNotFound,
    /// The user does not have the role.
    RoleNotGranted,
    /// The role does not have the permission.
    PermissionNotGranted,
    /// Authentication is off.
    AuthNotEnabled,
    /// The oracle has no rule for this request; the name says which.
    Unimplemented(&'static str),
}

impl Error {
    /// The text that etcd answers.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Error::EmptyKey => "etcdserver: key is not provided",
            Error::KeyNotFound => "etcdserver: key not found",
            Error::ValueProvided => "etcdserver: value is provided",
            Error::LeaseProvided => "etcdserver: lease is provided",
            Error::TooManyOps => "etcdserver: too many operations in txn request",
            Error::DuplicateKey => "etcdserver: duplicate key given in txn request",
            Error::InvalidSortOption => "etcdserver: invalid sort option",
            Error::LeaseNotFound => "etcdserver: requested lease not found",
            Error::LeaseExist => "etcdserver: lease already exists",
            Error::LeaseTtlTooLarge => "etcdserver: too large lease TTL",
            Error::NoSpace => "etcdserver: mvcc: database space exceeded",
            Error::Corrupt => "etcdserver: corrupt cluster",
            Error::Compacted => "etcdserver: mvcc: required revision has been compacted",
            Error::FutureRevision => "etcdserver: mvcc: required revision is a future revision",
            Error::UserEmpty => "etcdserver: user name is empty",
            Error::RoleEmpty => "etcdserver: role name is empty",
            Error::AuthFailed => "etcdserver: authentication failed, invalid user ID or password",
            Error::PermissionNotGiven => "etcdserver: permission not given",
            Error::InvalidAuthMgmt => "etcdserver: invalid auth management",
            Error::AuthOldRevision => "etcdserver: revision of auth store is old",
            Error::PermissionDenied => "etcdserver: permission denied",
            Error::RootUserNotExist => "etcdserver: root user does not exist",
            Error::RootRoleNotExist => "etcdserver: root user does not have root role",
            Error::UserAlreadyExist => "etcdserver: user name already exists",
            Error::UserNotFound => "etcdserver: user name not found",
            Error::RoleAlreadyExist => "etcdserver: role name already exists",
            Error::RoleNotFound => "etcdserver: role name not found",
            Error::RoleNotGranted => "etcdserver: role is not granted to the user",
            Error::PermissionNotGranted => "etcdserver: permission is not granted to the role",
            Error::AuthNotEnabled => "etcdserver: authentication is not enabled",
            Error::Unimplemented(what) => what,
        }
    }

    /// The gRPC status code that etcd answers.
    #[must_use]
    pub const fn code(self) -> i32 {
        match self {
            Error::EmptyKey
            | Error::KeyNotFound
            | Error::ValueProvided
            | Error::LeaseProvided
            | Error::TooManyOps
            | Error::DuplicateKey
            | Error::InvalidSortOption
            | Error::UserEmpty
            | Error::RoleEmpty
            | Error::AuthFailed
            | Error::PermissionNotGiven
            | Error::InvalidAuthMgmt
            | Error::AuthOldRevision => 3,
            Error::LeaseNotFound => 5,
            Error::NoSpace => 8,
            Error::PermissionDenied => 7,
            Error::LeaseExist
            | Error::RootUserNotExist
            | Error::RootRoleNotExist
            | Error::UserAlreadyExist
            | Error::UserNotFound
            | Error::RoleAlreadyExist
            | Error::RoleNotFound
            | Error::RoleNotGranted
            | Error::PermissionNotGranted
            | Error::AuthNotEnabled => 9,
            Error::Compacted | Error::FutureRevision | Error::LeaseTtlTooLarge => 11,
            Error::Unimplemented(_) => 12,
            Error::Corrupt => 15,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl core::error::Error for Error {}
