//! Why a request about users and roles, or one of a user, is refused.

use core::fmt;

/// A rule of authentication, the same on every member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthError {
    /// Enabling needs a user `root`.
    RootUserMissing,
    /// Enabling needs that user to have the role `root`.
    RootRoleMissing,
    /// A user of this name exists.
    UserExists,
    /// A request names no user, or nobody has authenticated.
    UserEmpty,
    /// No such user.
    UserNotFound,
    /// A role of this name exists.
    RoleExists,
    /// No such role.
    RoleNotFound,
    /// A request names no role.
    RoleEmpty,
    /// A grant without a permission.
    PermissionNotGiven,
    /// Unknown user or wrong password.
    Failed,
    /// The user has no password, or what was given is not a hash.
    NoPasswordUser,
    /// The user may not do this.
    PermissionDenied,
    /// The user does not have the role.
    RoleNotGranted,
    /// The role does not have the permission.
    PermissionNotGranted,
    /// Authentication is off.
    NotEnabled,
    /// The caller's token is older than the last change of users and roles.
    OldRevision,
    /// A change that would lock everybody out, or an empty range.
    InvalidManagement,
}

impl fmt::Display for AuthError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "auth: {self:?}")
    }
}

impl core::error::Error for AuthError {}
