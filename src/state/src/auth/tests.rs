//! Rules of users, roles and rights.

use alloc::vec;

use proto::etcdserverpb as pb;

use super::*;

/// The bcrypt hash is opaque here; any base64 does.
const HASH: &str = "aGFzaA==";

fn add_user(auth: &mut Auth, name: &str) -> Result<(), AuthError> {
    let request = pb::AuthUserAddRequest {
        name: name.into(),
        hashed_password: HASH.into(),
        ..Default::default()
    };
    auth.add_user(&request, &mut Vec::new())
}

fn grant(auth: &mut Auth, role: &str, kind: Type, range: (&str, &str)) -> Result<(), AuthError> {
    let (key, range_end) = (range.0.to_string().into(), range.1.to_string().into());
    let perm = Some(authpb::Permission { perm_type: kind as i32, key, range_end });
    let request = pb::AuthRoleGrantPermissionRequest { name: role.into(), perm };
    auth.grant_permission(&request, &mut Vec::new())
}

/// `root` is root; `u` has role `r`: reads `a` to `c`, writes `b` to `d`.
fn enabled() -> Auth {
    let mut auth = Auth::default();
    let log = &mut Vec::new();
    for user in [ROOT_USER, "u"] {
        add_user(&mut auth, user).expect("new");
    }
    auth.add_role("r", log).expect("new");
    grant(&mut auth, "r", Type::Read, ("a", "c")).expect("a range");
    grant(&mut auth, "r", Type::Write, ("b", "d")).expect("a range");
    auth.grant_role("u", &"r".into(), log).expect("both exist");
    assert_eq!(auth.enable(log), Err(AuthError::RootRoleMissing));
    auth.grant_role(ROOT_USER, &ROOT_ROLE.into(), log).expect("the role need not exist");
    auth.enable(log).expect("root is root");
    auth.check();
    auth
}

fn who(user: &str, revision: u64) -> Identity<'_> {
    Identity { user, revision }
}

#[test]
fn every_change_raises_the_revision_but_switching_on_and_what_changes_nothing() {
    let mut auth = Auth::default();
    assert_eq!(auth.revision(), 1);
    assert_eq!(auth.enable(&mut Vec::new()), Err(AuthError::RootUserMissing));
    auth = enabled();
    let log = &mut Vec::new();
    // Two users, a role, two permissions, two grants of roles.
    assert_eq!(auth.revision(), 8);
    assert_eq!(auth.grant_role("u", &"r".into(), log), Ok(()));
    assert_eq!((auth.revision(), log.len()), (8, 0), "a second grant is no change");
    assert_eq!(auth.enable(log), Ok(()));
    assert_eq!((auth.revision(), log.len()), (8, 0), "it was on");
    auth.disable(log);
    assert_eq!((auth.revision(), log.len()), (9, 2));
    auth.disable(log);
    assert_eq!((auth.revision(), log.len()), (9, 2), "it was off");
}

#[test]
fn what_is_missing_or_there_already_is_named() {
    let mut auth = enabled();
    let log = &mut Vec::new();
    assert_eq!(add_user(&mut auth, ""), Err(AuthError::UserEmpty));
    assert_eq!(add_user(&mut auth, "u"), Err(AuthError::UserExists));
    assert_eq!(auth.delete_user("x", log), Err(AuthError::UserNotFound));
    assert_eq!(auth.grant_role("x", &"r".into(), log), Err(AuthError::UserNotFound));
    assert_eq!(auth.grant_role("u", &"x".into(), log), Err(AuthError::RoleNotFound));
    assert_eq!(auth.revoke_role("x", "r", log), Err(AuthError::UserNotFound));
    assert_eq!(auth.revoke_role("u", "x", log), Err(AuthError::RoleNotGranted));
    assert_eq!(auth.add_role("", log), Err(AuthError::RoleEmpty));
    assert_eq!(auth.add_role("r", log), Err(AuthError::RoleExists));
    assert_eq!(auth.delete_role("x", log), Err(AuthError::RoleNotFound));
    assert_eq!(grant(&mut auth, "x", Type::Read, ("a", "")), Err(AuthError::RoleNotFound));
    assert_eq!(grant(&mut auth, "x", Type::Read, ("b", "a")), Err(AuthError::InvalidManagement));
    assert_eq!(grant(&mut auth, "r", Type::Read, ("", "a")), Err(AuthError::InvalidManagement));
    let nothing = pb::AuthRoleGrantPermissionRequest { name: "r".into(), perm: None };
    assert_eq!(auth.grant_permission(&nothing, log), Err(AuthError::PermissionNotGiven));
    let revoke = pb::AuthRoleRevokePermissionRequest {
        role: "r".into(),
        key: "a".into(),
        range_end: "b".into(),
    };
    assert_eq!(auth.revoke_permission(&revoke, log), Err(AuthError::PermissionNotGranted));
    assert_eq!(auth.role_permissions("x"), Err(AuthError::RoleNotFound));
    assert_eq!(log.len(), 0, "what is refused changes nothing");
}

#[test]
fn root_cannot_be_locked_out_while_authentication_is_on() {
    let mut auth = enabled();
    let log = &mut Vec::new();
    auth.add_role(ROOT_ROLE, log).expect("new");
    assert_eq!(auth.delete_user(ROOT_USER, log), Err(AuthError::InvalidManagement));
    assert_eq!(auth.delete_role(ROOT_ROLE, log), Err(AuthError::InvalidManagement));
    assert_eq!(auth.revoke_role(ROOT_USER, ROOT_ROLE, log), Err(AuthError::InvalidManagement));
    auth.disable(log);
    assert_eq!(auth.revoke_role(ROOT_USER, ROOT_ROLE, log), Ok(()));
    assert_eq!(auth.delete_role(ROOT_ROLE, log), Ok(()));
    assert_eq!(auth.delete_user(ROOT_USER, log), Ok(()));
}

#[test]
fn keys_are_accessed_by_right_and_only_with_a_current_revision() {
    let auth = enabled();
    let now = auth.revision();
    let check = |who, access, key: &str, end: &str| {
        auth.check_keys(who, access, key.as_bytes(), end.as_bytes())
    };
    let denied = Err(AuthError::PermissionDenied);
    assert_eq!(check(who("u", now), Access::Read, "a", "c"), Ok(()));
    assert_eq!(check(who("u", now), Access::Write, "a", ""), denied);
    assert_eq!(check(who("u", now), Access::Write, "c", ""), Ok(()));
    assert_eq!(check(who("u", now), Access::Read, "c", ""), denied);
    assert_eq!(check(who("u", now + 1), Access::Read, "a", ""), Ok(()), "this member lags");
    assert_eq!(check(who("u", now - 1), Access::Read, "a", ""), Err(AuthError::OldRevision));
    assert_eq!(check(who("root", now - 1), Access::Read, "a", ""), Err(AuthError::OldRevision));
    assert_eq!(check(who("", 0), Access::Read, "a", ""), Err(AuthError::UserEmpty));
    assert_eq!(check(who("nobody", now), Access::Read, "a", ""), denied);
    assert_eq!(check(who("root", now), Access::Write, "a", "\0"), Ok(()));
    assert_eq!(Auth::default().check_keys(who("", 0), Access::Write, b"a", b""), Ok(()));
}

#[test]
fn admin_is_who_has_the_root_role() {
    let mut auth = enabled();
    assert_eq!(auth.check_admin("root"), Ok(()));
    assert_eq!(auth.check_admin(""), Err(AuthError::UserEmpty));
    assert_eq!(auth.check_admin("nobody"), Err(AuthError::UserNotFound));
    assert_eq!(auth.check_admin("u"), Err(AuthError::PermissionDenied));
    auth.grant_role("u", &ROOT_ROLE.into(), &mut Vec::new()).expect("user exists");
    assert_eq!(auth.check_admin("u"), Ok(()));
    assert_eq!(auth.user("u").map(|u| u.roles.clone()), Some(vec!["r".into(), "root".into()]));
}

#[test]
fn a_deleted_role_and_a_revoked_permission_take_their_rights_along() {
    let mut auth = enabled();
    let log = &mut Vec::new();
    let revoke = pb::AuthRoleRevokePermissionRequest {
        role: "r".into(),
        key: "a".into(),
        range_end: "c".into(),
    };
    auth.revoke_permission(&revoke, log).expect("it was granted");
    auth.check();
    let read = |auth: &Auth| auth.check_keys(who("u", u64::MAX), Access::Read, b"a", b"");
    let write = |auth: &Auth| auth.check_keys(who("u", u64::MAX), Access::Write, b"b", b"");
    assert_eq!((read(&auth), write(&auth)), (Err(AuthError::PermissionDenied), Ok(())));
    auth.delete_role("r", log).expect("exists");
    auth.check();
    assert_eq!(write(&auth), Err(AuthError::PermissionDenied));
    auth.add_role("r", log).expect("new");
    grant(&mut auth, "r", Type::Write, ("b", "")).expect("a key");
    assert_eq!(write(&auth), Err(AuthError::PermissionDenied), "it was taken off the users");
}

#[test]
fn a_second_grant_of_a_range_replaces_only_the_first_entry_of_its_key() {
    let mut auth = Auth::default();
    auth.add_role("r", &mut Vec::new()).expect("new");
    let ends = |auth: &Auth| {
        let held = auth.role_permissions("r").expect("exists");
        held.iter().map(|p| (p.range_end.to_vec(), p.perm_type)).collect::<Vec<_>>()
    };
    grant(&mut auth, "r", Type::Read, ("a", "b")).expect("a range");
    grant(&mut auth, "r", Type::Write, ("a", "b")).expect("a range");
    assert_eq!(ends(&auth), [(b"b".to_vec(), 1)]);
    grant(&mut auth, "r", Type::Read, ("a", "c")).expect("a range");
    grant(&mut auth, "r", Type::Read, ("a", "c")).expect("a range");
    assert_eq!(ends(&auth), [(b"b".to_vec(), 1), (b"c".to_vec(), 0), (b"c".to_vec(), 0)]);
}

#[test]
fn passwords_are_for_those_who_have_one() {
    let mut auth = enabled();
    let log = &mut Vec::new();
    let request = pb::AuthUserAddRequest {
        name: "cn".into(),
        hashed_password: HASH.into(),
        options: Some(authpb::UserAddOptions { no_password: true }),
        ..Default::default()
    };
    auth.add_user(&request, log).expect("new");
    assert_eq!(auth.user("cn").map(|user| user.password.len()), Some(0));
    assert_eq!(auth.password_hash("cn"), Err(AuthError::NoPasswordUser));
    assert_eq!(auth.check_authenticate("cn"), Err(AuthError::Failed));
    assert_eq!(auth.password_hash("nobody"), Err(AuthError::Failed));
    let hash = Bytes::from_static(b"hash");
    assert_eq!(auth.password_hash("u"), Ok((hash, auth.revision())));
    let bad = pb::AuthUserChangePasswordRequest {
        name: "u".into(),
        hashed_password: "no base64".into(),
        ..Default::default()
    };
    assert_eq!(auth.change_password(&bad, log), Err(AuthError::NoPasswordUser));
    auth.disable(log);
    assert_eq!(auth.password_hash("u"), Err(AuthError::NotEnabled));
    assert_eq!(auth.check_authenticate("u"), Err(AuthError::NotEnabled));
}

#[test]
fn a_record_says_it_all() {
    let auth = enabled();
    assert_eq!(Auth::of(&auth.recorded()), auth);
    assert_eq!(Auth::of(&RecordedAuth::default()), Auth::default());
}
