//! Users with rights to a part of the keys, whose rights change while they write and read.
//!
//! What a user may do is the oracle's to say, at each entry of the log: a write that is not
//! permitted changes the revision on no member (V4) and is refused by all alike (A3). What is
//! read, watched, or told of a lease's keys is permitted at an entry that was in force (Z1, Z4).
//! Everybody else is root.

use node::auth::{Credentials, Token};
use node::{ApiError, Caller};
use proto::authpb::Permission;
use proto::authpb::permission::Type;
use proto::etcdserverpb as pb;
use tokio::sync::mpsc;

use super::client::{Client, Outcome, Request, decode};
use super::kv;
use crate::check::read_rights::{self, Asked};
use crate::cluster::Running;
use crate::plan::Workload;
use crate::sync::lock;

const PASSWORD: &str = "p";
/// How somebody is refused who has no right, or is nobody.
const DENIALS: [ApiError; 2] = [ApiError::PERMISSION_DENIED, ApiError::USER_EMPTY];
/// No run takes so long.
const LEASE_TTL_SECONDS: i64 = 1_000_000;

/// Runs until the client shall stop.
pub async fn run(client: &Client, workload: &Workload) {
    let user = format!("u{}", client.number);
    administer(client, workload, &user, 0).await;
    // No other client of the run uses this id.
    let lease = (client.number as i64 + 1) * 1_000_000;
    let grant = pb::LeaseGrantRequest { ttl: LEASE_TTL_SECONDS, id: lease };
    client.request(Request::LeaseGrant(grant)).await;
    while !client.is_over() {
        client.pause(workload.pause_ms).await;
        match client.choose(|prng| prng.below(100)) {
            0..=9 => {
                let what = client.choose(|prng| prng.below(12));
                administer(client, workload, &user, what).await;
            }
            10..=19 => log_in(client, &user).await,
            20..=59 => act(client, Request::Put(kv::some_put(client, workload))).await,
            60..=69 => act(client, Request::DeleteRange(kv::some_delete(client, workload))).await,
            70..=74 => attach(client, workload, lease).await,
            75..=79 => ask_lease(client, lease).await,
            80..=86 => watch(client, workload).await,
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

/// In whose name the client calls: its user, and before the first login nobody.
fn caller(client: &Client) -> Caller {
    let mut caller = lock(&client.caller);
    if caller.credentials == Credentials::Root {
        *caller = Caller::default();
    }
    caller.clone()
}

/// Judges what the user was shown, or denied.
fn judge(client: &Client, asked: Asked<'_>, is_shown: bool) {
    let user = format!("u{}", client.number);
    let is_user = caller(client).credentials != Credentials::Nobody;
    let asked = Asked { user: is_user.then_some(user.as_str()), ..asked };
    let checks = lock(&client.world.checks);
    let verdict = read_rights::told(&checks.timeline, checks.tally(), &asked, is_shown);
    drop(checks);
    client.world.count(if is_shown { "auth: shown" } else { "auth: denied" });
    client.world.judge(verdict);
}

/// Does something as the user.
async fn act(client: &Client, request: Request) {
    caller(client);
    let range = match &request {
        Request::Range(range) => Some(range.clone()),
        _ => None,
    };
    // A serializable read may be served from any state of the past.
    let is_old = range.as_ref().is_some_and(|range| range.serializable);
    let from = if is_old { 0 } else { client.before().commit };
    let outcome = client.request(request).await;
    let is_denied = matches!(&outcome, Outcome::Refused(error) if DENIALS.contains(error));
    let is_done = matches!(&outcome, Outcome::Done(_));
    match range {
        Some(range) if is_done || is_denied => {
            let (key, end) = (&range.key, &range.range_end);
            judge(client, Asked { check: "Z1", user: None, key, end, from }, is_done);
        }
        Some(_) => {}
        None if is_denied => client.world.count("auth: denied"),
        None if is_done => client.world.count("auth: written"),
        None => {}
    }
}

/// Opens a watch as the user, and looks whether it is let in.
async fn watch(client: &Client, workload: &Workload) {
    let caller = caller(client);
    let (key, range_end) = kv::some_range(client, workload);
    let create = pb::WatchCreateRequest {
        key: key.clone(),
        range_end: range_end.clone(),
        ..Default::default()
    };
    let union = pb::watch_request::RequestUnion::CreateRequest(create);
    let request = pb::WatchRequest { request_union: Some(union) };
    let member = client.pick_member();
    let opened = client.at(member, move |running| async move {
        let from = running.api.overview().applied.get();
        let (requests, receiver) = mpsc::channel(1);
        requests.send(request).await.map_err(|_| ApiError::STOPPED)?;
        let mut answers = running.api.watch(&caller, receiver).await?;
        let first = answers.recv().await.ok_or(ApiError::STOPPED)??;
        Ok((from, decode::<pb::WatchResponse>(first)?))
    });
    let Outcome::Done((from, first)) = opened.await else { return };
    let ends_with = |error: &ApiError| first.cancel_reason.ends_with(&*error.text);
    let is_denied = DENIALS.iter().any(ends_with);
    if is_denied || !first.canceled {
        let (key, end) = (&key, &range_end);
        judge(client, Asked { check: "Z4", user: None, key, end, from }, !is_denied);
    }
}

/// Hangs some key on the client's lease, as root.
async fn attach(client: &Client, workload: &Workload, lease: i64) {
    let own = std::mem::replace(&mut *lock(&client.caller), Caller::root());
    let put = pb::PutRequest {
        key: kv::some_key(client, workload),
        value: client.unique_value(),
        lease,
        ..Default::default()
    };
    client.request(Request::Put(put)).await;
    *lock(&client.caller) = own;
}

/// Asks as the user for the keys of the client's lease.
async fn ask_lease(client: &Client, id: i64) {
    let caller = caller(client);
    let member = client.pick_member();
    let asked = client.at(member, move |running| async move {
        let from = running.api.overview().applied.get();
        let request = pb::LeaseTimeToLiveRequest { id, keys: true };
        let answer = running.api.lease_time_to_live(&caller, request).await?;
        Ok((from, decode::<pb::LeaseTimeToLiveResponse>(answer)?))
    });
    let Outcome::Done((from, answer)) = asked.await else { return };
    for key in &answer.keys {
        judge(client, Asked { check: "Z4", user: None, key, end: b"", from }, true);
    }
}
