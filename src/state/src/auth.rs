//! Users, roles and permissions as the log defines them, and what a user may do.
//!
//! Every change but switching on raises the revision. A request carries the revision at which its
//! user was authenticated; one that is older than the last change is refused, so that no right to a
//! key outlives its revocation. Keys, keys of leases, and users and roles themselves are decided
//! when an entry is applied, on every member alike; what else is root's is decided, as in etcd, on
//! the view of the member that is asked, and a watch keeps what it was opened with.
//!
//! Invariants: the rights of a user are those of their roles, merged; roles of a user, and
//! permissions of a role by key, ascend.

mod change;
mod error;
mod ranges;
mod request;

pub use error::AuthError;
pub use ranges::Ranges;
pub(crate) use request::{check_delete_range, check_lease_keys, check_put};
pub use request::{check_range, check_txn};

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use bytes::Bytes;
use proto::authpb;
use proto::authpb::permission::Type;

/// The user that must exist while authentication is on.
pub const ROOT_USER: &str = "root";
/// The role that may do everything.
pub const ROOT_ROLE: &str = "root";

/// Who asks, as the header of an entry says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity<'a> {
    /// The user's name; empty for nobody.
    pub user: &'a str,
    /// The revision of users and roles at which the user was authenticated; zero for nobody.
    pub revision: u64,
}

/// What a request does with keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads them.
    Read,
    /// Changes them.
    Write,
}

/// What a user may do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Rights {
    is_admin: bool,
    read: Ranges,
    write: Ranges,
}

#[derive(Clone, Debug, PartialEq)]
struct Account {
    user: authpb::User,
    rights: Rights,
}

/// All users and roles.
#[derive(Clone, Debug, PartialEq)]
pub struct Auth {
    /// `None` until it was switched on for the first time: then nothing is recorded of it.
    enabled: Option<bool>,
    revision: u64,
    users: BTreeMap<String, Account>,
    roles: BTreeMap<String, authpb::Role>,
}

/// What is recorded of users and roles.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedAuth {
    /// Whether authentication is on; `None` until it was switched for the first time.
    pub enabled: Option<bool>,
    /// The revision of users and roles, one in the beginning.
    pub revision: u64,
    /// Users.
    pub users: Vec<authpb::User>,
    /// Roles.
    pub roles: Vec<authpb::Role>,
}

impl Default for RecordedAuth {
    fn default() -> RecordedAuth {
        RecordedAuth { enabled: None, revision: 1, users: Vec::new(), roles: Vec::new() }
    }
}

impl Default for Auth {
    fn default() -> Auth {
        Auth::of(&RecordedAuth::default())
    }
}

/// A name as text; etcd takes names from text fields only.
fn text(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}

impl Auth {
    /// What a record describes.
    #[must_use]
    pub fn of(recorded: &RecordedAuth) -> Auth {
        let roles = recorded.roles.iter().map(|role| (text(&role.name), role.clone())).collect();
        let revision = recorded.revision.max(1);
        let mut auth = Auth { enabled: recorded.enabled, revision, users: BTreeMap::new(), roles };
        for user in &recorded.users {
            auth.set_user(user.clone());
        }
        auth
    }

    /// What is to be recorded.
    #[must_use]
    pub fn recorded(&self) -> RecordedAuth {
        RecordedAuth {
            enabled: self.enabled,
            revision: self.revision,
            users: self.users.values().map(|account| account.user.clone()).collect(),
            roles: self.roles.values().cloned().collect(),
        }
    }

    /// Whether authentication is on.
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.enabled == Some(true)
    }

    /// The revision of users and roles.
    #[must_use]
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// A user by name.
    #[must_use]
    pub fn user(&self, name: &str) -> Option<&authpb::User> {
        self.users.get(name).map(|account| &account.user)
    }

    /// The names of all users in byte order.
    #[must_use]
    pub fn user_names(&self) -> Vec<String> {
        self.users.keys().cloned().collect()
    }

    /// The names of all roles in byte order.
    #[must_use]
    pub fn role_names(&self) -> Vec<String> {
        self.roles.keys().cloned().collect()
    }

    /// Whether a user exists and has a role.
    #[must_use]
    pub fn has_role(&self, user: &str, role: &str) -> bool {
        self.user(user).is_some_and(|user| user.roles.iter().any(|held| held == role))
    }

    /// The permissions of a role; of the root role, the one that covers everything.
    ///
    /// # Errors
    /// `RoleNotFound`.
    pub fn role_permissions(&self, role: &str) -> Result<Vec<authpb::Permission>, AuthError> {
        let found = self.roles.get(role).ok_or(AuthError::RoleNotFound)?;
        if role == ROOT_ROLE {
            return Ok(alloc::vec![authpb::Permission {
                perm_type: Type::Readwrite as i32,
                key: Bytes::new(),
                range_end: Bytes::from_static(&[0]),
            }]);
        }
        Ok(found.key_permission.clone())
    }

    /// The password hash that an authentication is checked against, with the revision at which it
    /// holds. Comparing takes long; the caller does it elsewhere.
    ///
    /// # Errors
    /// `NotEnabled`, `Failed` for an unknown user, `NoPasswordUser`.
    pub fn password_hash(&self, user: &str) -> Result<(Bytes, u64), AuthError> {
        if !self.is_enabled() {
            return Err(AuthError::NotEnabled);
        }
        let user = self.user(user).ok_or(AuthError::Failed)?;
        match has_no_password(user) {
            true => Err(AuthError::NoPasswordUser),
            false => Ok((user.password.clone(), self.revision)),
        }
    }

    /// Whether a user may get a token, whose password was checked before.
    ///
    /// # Errors
    /// `NotEnabled`, `Failed`.
    pub fn check_authenticate(&self, user: &str) -> Result<(), AuthError> {
        match self.password_hash(user) {
            Err(AuthError::NoPasswordUser) => Err(AuthError::Failed),
            known => known.map(drop),
        }
    }

    /// Whether the user has the root role. Revisions are not compared: only changes of users and
    /// roles, and maintenance, are decided by it.
    ///
    /// # Errors
    /// `UserEmpty`, `UserNotFound`, `PermissionDenied`; none while authentication is off.
    pub fn check_admin(&self, user: &str) -> Result<(), AuthError> {
        if !self.is_enabled() {
            return Ok(());
        }
        if user.is_empty() {
            return Err(AuthError::UserEmpty);
        }
        match self.users.get(user) {
            None => Err(AuthError::UserNotFound),
            Some(account) if account.rights.is_admin => Ok(()),
            Some(_) => Err(AuthError::PermissionDenied),
        }
    }

    /// Whether a user may access a range of keys.
    ///
    /// # Errors
    /// `UserEmpty`, `OldRevision`, `PermissionDenied`; none while authentication is off.
    pub fn check_keys(
        &self,
        who: Identity<'_>,
        access: Access,
        key: &[u8],
        range_end: &[u8],
    ) -> Result<(), AuthError> {
        if !self.is_enabled() {
            return Ok(());
        }
        if who.revision == 0 {
            return Err(AuthError::UserEmpty);
        }
        if who.revision < self.revision {
            return Err(AuthError::OldRevision);
        }
        let account = self.users.get(who.user).ok_or(AuthError::PermissionDenied)?;
        let ranges = match access {
            Access::Read => &account.rights.read,
            Access::Write => &account.rights.write,
        };
        let may = account.rights.is_admin || ranges.contains(key, range_end);
        may.then_some(()).ok_or(AuthError::PermissionDenied)
    }

    fn set_user(&mut self, user: authpb::User) {
        let rights = self.rights(&user);
        self.users.insert(text(&user.name), Account { user, rights });
    }

    /// Derives the rights of whoever has a role anew.
    fn refresh(&mut self, role: &str) {
        self.holders(role).into_iter().for_each(|user| self.set_user(user));
    }

    /// The users who have a role.
    fn holders(&self, role: &str) -> Vec<authpb::User> {
        let holds = |account: &&Account| account.user.roles.iter().any(|held| held == role);
        self.users.values().filter(holds).map(|account| account.user.clone()).collect()
    }

    fn rights(&self, user: &authpb::User) -> Rights {
        let roles = user.roles.iter().filter_map(|role| self.roles.get(role));
        let permissions: Vec<&authpb::Permission> =
            roles.flat_map(|role| &role.key_permission).collect();
        let granting = |types: [Type; 2]| {
            let has =
                move |p: &&&authpb::Permission| types.iter().any(|&t| t as i32 == p.perm_type);
            Ranges::of(permissions.iter().filter(has).map(|p| (&p.key, &p.range_end)))
        };
        Rights {
            is_admin: user.roles.iter().any(|role| role == ROOT_ROLE),
            read: granting([Type::Read, Type::Readwrite]),
            write: granting([Type::Write, Type::Readwrite]),
        }
    }

    /// Checks the invariants; O(n log n).
    pub fn check(&self) {
        for (name, account) in &self.users {
            assert_eq!(account.rights, self.rights(&account.user), "rights of {name} are stale");
            assert!(account.user.roles.is_sorted(), "roles of {name} are not in order");
            assert_eq!(text(&account.user.name), name.to_string(), "a user under another name");
        }
        for (name, role) in &self.roles {
            let ascend = role.key_permission.is_sorted_by(|a, b| a.key <= b.key);
            assert!(ascend, "permissions of {name} are not in order");
            assert_eq!(text(&role.name), name.to_string(), "a role under another name");
        }
        assert!(self.revision > 0, "the revision of users and roles begins at one");
    }
}

fn has_no_password(user: &authpb::User) -> bool {
    user.options.is_some_and(|options| options.no_password)
}

#[cfg(test)]
mod tests;
