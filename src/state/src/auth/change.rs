//! Changes of users and roles: one function for each request, with etcd's rules and errors in
//! etcd's order. Each notes what must be recorded.

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
use bytes::Bytes;
use mvcc::Change;
use proto::authpb;
use proto::etcdserverpb as pb;

use super::ranges::is_grantable;
use super::{Auth, AuthError, ROOT_ROLE, ROOT_USER, has_no_password};
use crate::record;

type Changed = Result<(), AuthError>;

/// Standard base64 that, like Go's, takes any bits behind the last byte.
const HASHES: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

impl Auth {
    pub(crate) fn enable(&mut self, log: &mut Vec<Change>) -> Changed {
        if self.is_enabled() {
            return Ok(());
        }
        self.user(ROOT_USER).ok_or(AuthError::RootUserMissing)?;
        if !self.has_role(ROOT_USER, ROOT_ROLE) {
            return Err(AuthError::RootRoleMissing);
        }
        self.switch(true, log);
        Ok(())
    }

    pub(crate) fn disable(&mut self, log: &mut Vec<Change>) {
        if self.is_enabled() {
            self.switch(false, log);
            self.rise(log);
        }
    }

    fn switch(&mut self, on: bool, log: &mut Vec<Change>) {
        self.enabled = Some(on);
        log.push(record::auth_enabled(on));
    }

    fn rise(&mut self, log: &mut Vec<Change>) {
        self.revision += 1;
        log.push(record::auth_revision(self.revision));
    }

    fn put_user(&mut self, user: authpb::User, log: &mut Vec<Change>) {
        log.push(record::user(&user));
        self.set_user(user);
    }

    pub(crate) fn add_user(
        &mut self,
        request: &pb::AuthUserAddRequest,
        log: &mut Vec<Change>,
    ) -> Changed {
        if request.name.is_empty() {
            return Err(AuthError::UserEmpty);
        }
        if self.user(&request.name).is_some() {
            return Err(AuthError::UserExists);
        }
        let options = request.options.unwrap_or_default();
        let password = match options.no_password {
            true => Bytes::new(),
            false => hash(&request.hashed_password)?,
        };
        let name = Bytes::from(request.name.clone());
        let user =
            authpb::User { name, password, options: Some(options), ..authpb::User::default() };
        self.put_user(user, log);
        self.rise(log);
        Ok(())
    }

    pub(crate) fn delete_user(&mut self, name: &str, log: &mut Vec<Change>) -> Changed {
        if self.is_enabled() && name == ROOT_USER {
            return Err(AuthError::InvalidManagement);
        }
        self.users.remove(name).ok_or(AuthError::UserNotFound)?;
        log.push(record::user_gone(name));
        self.rise(log);
        Ok(())
    }

    pub(crate) fn change_password(
        &mut self,
        request: &pb::AuthUserChangePasswordRequest,
        log: &mut Vec<Change>,
    ) -> Changed {
        let mut user = self.user(&request.name).ok_or(AuthError::UserNotFound)?.clone();
        user.password = match has_no_password(&user) {
            true => Bytes::new(),
            false => hash(&request.hashed_password)?,
        };
        self.put_user(user, log);
        self.rise(log);
        Ok(())
    }

    pub(crate) fn grant_role(
        &mut self,
        name: &str,
        role: &String,
        log: &mut Vec<Change>,
    ) -> Changed {
        let mut user = self.user(name).ok_or(AuthError::UserNotFound)?.clone();
        if role != ROOT_ROLE && !self.roles.contains_key(role) {
            return Err(AuthError::RoleNotFound);
        }
        // Granting it again is no change.
        let Err(at) = user.roles.binary_search(role) else { return Ok(()) };
        user.roles.insert(at, role.clone());
        self.put_user(user, log);
        self.rise(log);
        Ok(())
    }

    pub(crate) fn revoke_role(&mut self, name: &str, role: &str, log: &mut Vec<Change>) -> Changed {
        if self.is_enabled() && name == ROOT_USER && role == ROOT_ROLE {
            return Err(AuthError::InvalidManagement);
        }
        let mut user = self.user(name).ok_or(AuthError::UserNotFound)?.clone();
        if !take_role(&mut user, role) {
            return Err(AuthError::RoleNotGranted);
        }
        self.put_user(user, log);
        self.rise(log);
        Ok(())
    }

    pub(crate) fn add_role(&mut self, name: &str, log: &mut Vec<Change>) -> Changed {
        if name.is_empty() {
            return Err(AuthError::RoleEmpty);
        }
        if self.roles.contains_key(name) {
            return Err(AuthError::RoleExists);
        }
        let role = authpb::Role {
            name: Bytes::copy_from_slice(name.as_bytes()),
            ..authpb::Role::default()
        };
        self.put_role(name, role, log);
        self.rise(log);
        Ok(())
    }

    pub(crate) fn delete_role(&mut self, name: &str, log: &mut Vec<Change>) -> Changed {
        if self.is_enabled() && name == ROOT_ROLE {
            return Err(AuthError::InvalidManagement);
        }
        self.roles.remove(name).ok_or(AuthError::RoleNotFound)?;
        log.push(record::role_gone(name));
        for mut user in self.holders(name) {
            take_role(&mut user, name);
            self.put_user(user, log);
        }
        self.rise(log);
        Ok(())
    }

    pub(crate) fn grant_permission(
        &mut self,
        request: &pb::AuthRoleGrantPermissionRequest,
        log: &mut Vec<Change>,
    ) -> Changed {
        let wanted = request.perm.as_ref().ok_or(AuthError::PermissionNotGiven)?;
        if !is_grantable(&wanted.key, &wanted.range_end) {
            return Err(AuthError::InvalidManagement);
        }
        let mut role = self.roles.get(&request.name).ok_or(AuthError::RoleNotFound)?.clone();
        let held = &mut role.key_permission;
        // As in etcd, only the first entry of the key is looked at, so that several ranges from one
        // key can make the same range appear twice.
        let at = held.partition_point(|permission| permission.key < wanted.key);
        match held.get_mut(at) {
            Some(first) if first.key == wanted.key && first.range_end == wanted.range_end => {
                first.perm_type = wanted.perm_type;
            }
            _ => {
                let behind = held.partition_point(|permission| permission.key <= wanted.key);
                held.insert(behind, wanted.clone());
            }
        }
        self.put_role(&request.name, role, log);
        self.rise(log);
        Ok(())
    }

    pub(crate) fn revoke_permission(
        &mut self,
        request: &pb::AuthRoleRevokePermissionRequest,
        log: &mut Vec<Change>,
    ) -> Changed {
        let mut role = self.roles.get(&request.role).ok_or(AuthError::RoleNotFound)?.clone();
        let before = role.key_permission.len();
        let is_named = |permission: &authpb::Permission| {
            permission.key == request.key && permission.range_end == request.range_end
        };
        role.key_permission.retain(|permission| !is_named(permission));
        if role.key_permission.len() == before {
            return Err(AuthError::PermissionNotGranted);
        }
        self.put_role(&request.role, role, log);
        self.rise(log);
        Ok(())
    }

    fn put_role(&mut self, name: &str, role: authpb::Role, log: &mut Vec<Change>) {
        log.push(record::role(&role));
        self.roles.insert(name.into(), role);
        self.refresh(name);
    }
}

/// False when the user does not have the role.
fn take_role(user: &mut authpb::User, role: &str) -> bool {
    let before = user.roles.len();
    user.roles.retain(|held| held != role);
    user.roles.len() < before
}

/// The hash of a password, which the API made of it; nothing for none.
fn hash(encoded: &str) -> Result<Bytes, AuthError> {
    let decoded = HASHES.decode(encoded).map_err(|_| AuthError::NoPasswordUser)?;
    Ok(decoded.into())
}
