//! Entries about users and roles.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use mvcc::Backend;
use proto::etcdserverpb::{InternalAuthenticateRequest, InternalRaftRequest};

use super::apply::Done;
use super::{Effect, Machine};
use crate::auth::{Auth, AuthError, Identity};
use crate::reply::{AuthReply, Refusal, Reply};

/// Applies a request about users and roles; any other is one that this version does not know.
pub(super) fn apply<B: Backend>(
    machine: &mut Machine<B>,
    who: Identity<'_>,
    request: &InternalRaftRequest,
) -> Result<Done, Refusal> {
    let is_managed = needs_admin(request);
    if is_managed {
        machine.auth.check_admin(who.user)?;
    }
    if let Some(authenticate) = &request.authenticate {
        return self::authenticate(machine, authenticate);
    }
    if let Some(answer) = look(&machine.auth, who, request) {
        return Done::quietly(Reply::Auth(answer?));
    }
    if !is_managed {
        return Err(Refusal::NotSupported);
    }
    change(machine, request)?;
    let mut effects = alloc::vec![Effect::AuthChanged];
    effects.extend(tokens_void(request).map(Effect::TokensVoid));
    Ok(Done { reply: Reply::Auth(AuthReply::Done), events: Vec::new(), effects })
}

fn needs_admin(request: &InternalRaftRequest) -> bool {
    request.auth_enable.is_some()
        || request.auth_disable.is_some()
        || request.auth_user_add.is_some()
        || request.auth_user_delete.is_some()
        || request.auth_user_change_password.is_some()
        || request.auth_user_grant_role.is_some()
        || request.auth_user_revoke_role.is_some()
        || request.auth_user_list.is_some()
        || request.auth_role_list.is_some()
        || request.auth_role_add.is_some()
        || request.auth_role_delete.is_some()
        || request.auth_role_grant_permission.is_some()
        || request.auth_role_revoke_permission.is_some()
}

/// The password was checked where the request came from; whoever did that compares the revision
/// in the answer with the one it checked at.
fn authenticate<B: Backend>(
    machine: &Machine<B>,
    request: &InternalAuthenticateRequest,
) -> Result<Done, Refusal> {
    machine.auth.check_authenticate(&request.name)?;
    // Whoever is given the token waits until the entry that made it is applied.
    let token = format!("{}.{}", request.simple_token, machine.applied.0.get());
    let user = request.name.clone();
    let reply = Reply::Auth(AuthReply::Authenticated {
        simple_token: token.clone(),
        revision: machine.auth.revision(),
    });
    let effects = alloc::vec![Effect::TokenAssigned { user, token }];
    Ok(Done { reply, events: Vec::new(), effects })
}

/// Answers what changes nothing; `None` for any other request.
fn look(
    auth: &Auth,
    who: Identity<'_>,
    request: &InternalRaftRequest,
) -> Option<Result<AuthReply, AuthError>> {
    if request.auth_status.is_some() {
        let (enabled, revision) = (auth.is_enabled(), auth.revision());
        return Some(Ok(AuthReply::Status { enabled, revision }));
    }
    if request.auth_user_list.is_some() {
        return Some(Ok(AuthReply::Names(auth.user_names())));
    }
    if request.auth_role_list.is_some() {
        return Some(Ok(AuthReply::Names(auth.role_names())));
    }
    // Who is no admin may still ask for himself, and for the roles that he has.
    let denied = auth.check_admin(who.user);
    if let Some(get) = &request.auth_user_get {
        let permitted = if get.name == who.user { Ok(()) } else { denied };
        return Some(permitted.and_then(|()| user_roles(auth, &get.name)));
    }
    let get = request.auth_role_get.as_ref()?;
    let permitted = if auth.has_role(who.user, &get.role) { Ok(()) } else { denied };
    let permissions = permitted.and_then(|()| auth.role_permissions(&get.role));
    Some(permissions.map(AuthReply::Permissions))
}

fn user_roles(auth: &Auth, name: &str) -> Result<AuthReply, AuthError> {
    let user = auth.user(name).ok_or(AuthError::UserNotFound)?;
    Ok(AuthReply::Names(user.roles.clone()))
}

/// Whose tokens end with a request that is carried out.
fn tokens_void(request: &InternalRaftRequest) -> Option<Option<String>> {
    if request.auth_disable.is_some() {
        return Some(None);
    }
    let deleted = request.auth_user_delete.as_ref().map(|delete| delete.name.clone());
    let changed = request.auth_user_change_password.as_ref().map(|change| change.name.clone());
    deleted.or(changed).map(Some)
}

/// Carries a change out; `needs_admin` knows all of them.
fn change<B: Backend>(
    machine: &mut Machine<B>,
    request: &InternalRaftRequest,
) -> Result<(), AuthError> {
    // Readers may have the state before.
    let auth = Arc::make_mut(&mut machine.auth);
    let log = &mut machine.unrecorded;
    if request.auth_enable.is_some() {
        return auth.enable(log);
    }
    if request.auth_disable.is_some() {
        auth.disable(log);
    }
    if let Some(add) = &request.auth_user_add {
        return auth.add_user(add, log);
    }
    if let Some(delete) = &request.auth_user_delete {
        return auth.delete_user(&delete.name, log);
    }
    if let Some(change) = &request.auth_user_change_password {
        return auth.change_password(change, log);
    }
    if let Some(grant) = &request.auth_user_grant_role {
        return auth.grant_role(&grant.user, &grant.role, log);
    }
    if let Some(revoke) = &request.auth_user_revoke_role {
        return auth.revoke_role(&revoke.name, &revoke.role, log);
    }
    if let Some(add) = &request.auth_role_add {
        return auth.add_role(&add.name, log);
    }
    if let Some(delete) = &request.auth_role_delete {
        return auth.delete_role(&delete.role, log);
    }
    if let Some(grant) = &request.auth_role_grant_permission {
        return auth.grant_permission(grant, log);
    }
    if let Some(revoke) = &request.auth_role_revoke_permission {
        return auth.revoke_permission(revoke, log);
    }
    Ok(())
}
