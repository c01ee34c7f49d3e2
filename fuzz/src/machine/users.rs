//! Requests about users and roles, of few names and few ranges, so that they meet.

use proto::authpb::permission::Type;
use proto::authpb::{Permission, UserAddOptions};
use proto::etcdserverpb as pb;
use proto::etcdserverpb::InternalRaftRequest;

/// What stands for a hash: nobody compares passwords here.
const HASH: &str = "aGFzaA==";

const USERS: [&str; 4] = ["root", "alice", "\u{e9}", ""];
const ROLES: [&str; 4] = ["root", "one", "two", ""];
/// Keys as the generator of requests draws them, and around them.
const KEYS: [&[u8]; 8] = [b"a", b"b", b"k", b"k1", b"", b"\0", b"z", b"\xff"];
const ENDS: [&[u8]; 8] = [b"", b"\0", b"b", b"k0", b"l", b"z", b"\xff", b"a"];

/// Picks by the bits of a seed from `at` on.
fn pick<T: Copy>(from: &[T], seed: u64, at: u32) -> T {
    from[(seed >> at) as usize % from.len()]
}

fn add_user(name: &str, no_password: bool) -> InternalRaftRequest {
    let request = pb::AuthUserAddRequest {
        name: name.into(),
        hashed_password: HASH.into(),
        options: Some(UserAddOptions { no_password }),
        ..Default::default()
    };
    InternalRaftRequest { auth_user_add: Some(request), ..Default::default() }
}

fn grant_role(user: &str, role: &str) -> InternalRaftRequest {
    let request = pb::AuthUserGrantRoleRequest { user: user.into(), role: role.into() };
    InternalRaftRequest { auth_user_grant_role: Some(request), ..Default::default() }
}

fn add_role(name: &str) -> InternalRaftRequest {
    let request = pb::AuthRoleAddRequest { name: name.into() };
    InternalRaftRequest { auth_role_add: Some(request), ..Default::default() }
}

fn grant(role: &str, kind: Type, key: &[u8], range_end: &[u8]) -> InternalRaftRequest {
    let perm = Some(Permission {
        perm_type: kind as i32,
        key: key.to_vec().into(),
        range_end: range_end.to_vec().into(),
    });
    let request = pb::AuthRoleGrantPermissionRequest { name: role.into(), perm };
    InternalRaftRequest { auth_role_grant_permission: Some(request), ..Default::default() }
}

fn enable() -> InternalRaftRequest {
    let request = Some(pb::AuthEnableRequest {});
    InternalRaftRequest { auth_enable: request, ..Default::default() }
}

/// Authentication with a root, and with a user who may do some things.
pub fn setup(seed: u64) -> Vec<InternalRaftRequest> {
    vec![
        add_user("root", false),
        grant_role("root", "root"),
        add_user("alice", false),
        add_role("one"),
        grant("one", Type::Readwrite, pick(&KEYS, seed, 0), pick(&ENDS, seed, 4)),
        grant("one", Type::Read, pick(&KEYS, seed, 8), pick(&ENDS, seed, 12)),
        grant_role("alice", "one"),
        enable(),
    ]
}

/// Any request about users and roles.
pub fn request(seed: u64) -> InternalRaftRequest {
    let (user, role) = (pick(&USERS, seed, 4).to_owned(), pick(&ROLES, seed, 6).to_owned());
    let (key, end) = (pick(&KEYS, seed, 8), pick(&ENDS, seed, 12));
    let mut request = InternalRaftRequest::default();
    match seed % 18 {
        0 => return enable(),
        1 => request.auth_disable = Some(pb::AuthDisableRequest {}),
        2 => request.auth_status = Some(pb::AuthStatusRequest {}),
        3 => {
            request.authenticate =
                Some(pb::InternalAuthenticateRequest { name: user, ..Default::default() });
        }
        4 => return add_user(&user, seed >> 16 & 3 == 0),
        5 => request.auth_user_delete = Some(pb::AuthUserDeleteRequest { name: user }),
        6 => request.auth_user_get = Some(pb::AuthUserGetRequest { name: user }),
        7 => {
            let hashed_password = HASH.to_owned();
            let change = pb::AuthUserChangePasswordRequest {
                name: user,
                hashed_password,
                ..Default::default()
            };
            request.auth_user_change_password = Some(change);
        }
        8 | 9 => return grant_role(&user, &role),
        10 => {
            request.auth_user_revoke_role =
                Some(pb::AuthUserRevokeRoleRequest { name: user, role });
        }
        11 => request.auth_user_list = Some(pb::AuthUserListRequest {}),
        12 => request.auth_role_list = Some(pb::AuthRoleListRequest {}),
        13 => return add_role(&role),
        14 => request.auth_role_delete = Some(pb::AuthRoleDeleteRequest { role }),
        15 => request.auth_role_get = Some(pb::AuthRoleGetRequest { role }),
        16 => {
            let kind = [Type::Read, Type::Write, Type::Readwrite][(seed >> 16) as usize % 3];
            return grant(&role, kind, key, end);
        }
        _ => {
            let (key, range_end) = (key.to_vec().into(), end.to_vec().into());
            request.auth_role_revoke_permission =
                Some(pb::AuthRoleRevokePermissionRequest { role, key, range_end });
        }
    }
    request
}
