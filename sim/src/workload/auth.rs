//! Users with rights to a part of the keys, whose rights change while they write and read.
//!
//! What a user may do is the oracle's to say, at each entry of the log: a write that is not
//! permitted changes the revision on no member (V4) and is refused by all alike (A3). Everybody
//! else is root. Not verified: that a read which is not permitted is refused.

use node::auth::{Credentials, Token};
use node::{ApiError, Caller};
use proto::authpb::Permission;
use proto::authpb::permission::Type;
use proto::etcdserverpb as pb;

use super::client::{Client, Outcome, Request, decode};
use super::kv;
use crate::cluster::Running;
use crate::plan::Workload;
use crate::sync::lock;

const PASSWORD: &str = "p";

/// Runs until the client shall stop.
pub async fn run(client: &Client, workload: &Workload) {
    let user = format!("u{}", client.number);
    administer(client, workload, &user, 0).await;
    while !client.is_over() {
        client.pause(workload.pause_ms).await;
        match client.choose(|prng| prng.below(100)) {
            0..=9 => {
                let what = client.choose(|prng| prng.below(12));
                administer(client, workload, &user, what).await;
            }
            10..=19 => log_in(client, &user).await,
            20..=59 => act(client, Request::Put(kv::some_put(client, workload))).await,
            60..=74 => act(client, Request::DeleteRange(kv::some_delete(client, workload))).await,
            _ => act(client, Request::Range(kv::some_read(client, workload))).await,
        }
    }
}

/// One thing that an administrator does.
#[derive(Debug)]
enum Change {
    Begin,
    AddUser(String),
    AddRole(String),
    GrantRole(String),
    RevokeRole(String),
    Grant(String, Permission),
    Revoke(String, Permission),
    DeleteRole(String),
    Disable,
}

impl Change {
    fn name(&self) -> &'static str {
        match self {
            Change::Begin => "auth: switched on",
            Change::AddUser(_) => "auth: user added",
            Change::AddRole(_) => "auth: role added",
            Change::GrantRole(_) => "auth: role granted",
            Change::RevokeRole(_) => "auth: role revoked",
            Change::Grant(..) => "auth: permission granted",
            Change::Revoke(..) => "auth: permission revoked",
            Change::DeleteRole(_) => "auth: role deleted",
            Change::Disable => "auth: switched off",
        }
    }

    async fn make(self, running: Running) -> Result<(), ApiError> {
        let (api, root) = (&running.api, &Caller::root());
        let grant_role = |user: &str, role: &str| pb::AuthUserGrantRoleRequest {
            user: user.to_owned(),
            role: role.to_owned(),
        };
        match self {
            Change::Begin => {
                // Somebody else may have done either.
                let _there = api.user_add(root, add_user("root")).await;
                let _granted = api.user_grant_role(root, grant_role("root", "root")).await;
                api.auth_enable(root, pb::AuthEnableRequest {}).await
            }
            Change::AddUser(name) => api.user_add(root, add_user(&name)).await,
            Change::AddRole(name) => api.role_add(root, pb::AuthRoleAddRequest { name }).await,
            Change::GrantRole(name) => api.user_grant_role(root, grant_role(&name, &name)).await,
            Change::RevokeRole(name) => {
                let revoke = pb::AuthUserRevokeRoleRequest { name: name.clone(), role: name };
                api.user_revoke_role(root, revoke).await
            }
            Change::Grant(name, permission) => {
                let perm = Some(permission);
                let grant = pb::AuthRoleGrantPermissionRequest { name, perm };
                api.role_grant_permission(root, grant).await
            }
            Change::Revoke(role, Permission { key, range_end, .. }) => {
                let revoke = pb::AuthRoleRevokePermissionRequest { role, key, range_end };
                api.role_revoke_permission(root, revoke).await
            }
            Change::DeleteRole(role) => {
                api.role_delete(root, pb::AuthRoleDeleteRequest { role }).await
            }
            Change::Disable => api.auth_disable(root, pb::AuthDisableRequest {}).await,
        }
        .map(drop)
    }
}

fn add_user(name: &str) -> pb::AuthUserAddRequest {
    let (name, password) = (name.to_owned(), PASSWORD.to_owned());
    pb::AuthUserAddRequest { name, password, ..Default::default() }
}

/// Changes what users may do; number 0 is all that a user needs.
async fn administer(client: &Client, workload: &Workload, user: &str, what: u64) {
    let user = user.to_owned();
    let (key, range_end) = kv::some_range(client, workload);
    let types = [Type::Read, Type::Write, Type::Readwrite];
    let perm_type = client.choose(|prng| *prng.pick(&types)) as i32;
    let permission = Permission { perm_type, key, range_end };
    let changes = match what {
        0 => vec![
            Change::AddUser(user.clone()),
            Change::AddRole(user.clone()),
            Change::Grant(user.clone(), permission),
            Change::GrantRole(user),
            Change::Begin,
        ],
        1..=4 => vec![Change::Grant(user, permission)],
        5 | 6 => vec![Change::Revoke(user, permission)],
        7 => vec![Change::RevokeRole(user)],
        8 => vec![Change::GrantRole(user)],
        9 => vec![Change::DeleteRole(user.clone()), Change::AddRole(user)],
        10 => vec![Change::Disable],
        _ => vec![Change::Begin],
    };
    for change in changes {
        let name = change.name();
        let member = client.pick_member();
        if let Outcome::Done(()) = client.at(member, |running| change.make(running)).await {
            client.world.count(name);
        }
    }
}

async fn authenticate(
    running: Running,
    name: String,
) -> Result<pb::AuthenticateResponse, ApiError> {
    let request = pb::AuthenticateRequest { name, password: PASSWORD.into() };
    let nobody = Caller::default();
    let answer = running.api.authenticate(&nobody, request).await?;
    decode(answer)
}

async fn log_in(client: &Client, user: &str) {
    let name = user.to_owned();
    let member = client.pick_member();
    let outcome = client.at(member, move |running| authenticate(running, name)).await;
    if let Outcome::Done(answer) = outcome {
        client.world.count("auth: logged in");
        let credentials = Credentials::Token(Token::new(&answer.token));
        *lock(&client.caller) = Caller { credentials, require_leader: false };
    }
}

/// Does something as the user; before the first login, as nobody.
async fn act(client: &Client, request: Request) {
    let is_root = lock(&client.caller).credentials == Credentials::Root;
    if is_root {
        *lock(&client.caller) = Caller::default();
    }
    let is_write = !matches!(request, Request::Range(_));
    match client.request(request).await {
        Outcome::Refused(error) if error == ApiError::PERMISSION_DENIED => {
            client.world.count("auth: denied");
        }
        Outcome::Done(_) if is_write => client.world.count("auth: written"),
        _ => {}
    }
}
