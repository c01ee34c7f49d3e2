//! Users, roles and tokens over the wire: every refusal with its code and its text, and what nobody
//! may do without the right, on any way to it.

mod support;

use std::time::Duration;

use proto::authpb::permission::Type;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::cluster_client::ClusterClient;
use proto::etcdserverpb::compare::{CompareTarget, TargetUnion};
use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::lease_client::LeaseClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::request_op::Request as Op;
use proto::etcdserverpb::watch_client::WatchClient;
use proto::etcdserverpb::watch_request::RequestUnion;
use support::users::{User, denied, nobody, refusal};
use support::{Member, Process};
use tonic::{Code, Status};

async fn start(members: &[Member]) -> Vec<Process> {
    let mut processes: Vec<Process> = members.iter().map(Member::start).collect();
    for process in &mut processes {
        process.ready().await;
    }
    processes
}

/// One member, cheap hashes.
fn lonely(dir: &std::path::Path) -> Vec<Member> {
    let mut members = support::cluster(dir, 1);
    members[0].arguments = vec!["--bcrypt-cost=4".into()];
    members
}

fn range(key: &str, end: &str) -> pb::RangeRequest {
    pb::RangeRequest {
        key: key.to_owned().into(),
        range_end: end.to_owned().into(),
        ..Default::default()
    }
}

fn put(key: &str) -> pb::PutRequest {
    pb::PutRequest { key: key.to_owned().into(), value: "v".into(), ..Default::default() }
}

fn delete(key: &str, end: &str) -> pb::DeleteRangeRequest {
    let range = range(key, end);
    pb::DeleteRangeRequest { key: range.key, range_end: range.range_end, prev_kv: false }
}

fn op(request: Op) -> pb::RequestOp {
    pb::RequestOp { request: Some(request) }
}

fn txn(success: Vec<pb::RequestOp>) -> pb::TxnRequest {
    pb::TxnRequest { success, ..Default::default() }
}

impl User {
    async fn range(&self, key: &str, end: &str) -> Result<pb::RangeResponse, Status> {
        let mut kv = KvClient::new(self.channel.clone());
        kv.range(self.request(range(key, end))).await.map(tonic::Response::into_inner)
    }

    async fn put(&self, request: pb::PutRequest) -> Result<(), Status> {
        KvClient::new(self.channel.clone()).put(self.request(request)).await.map(drop)
    }

    async fn delete(&self, request: pb::DeleteRangeRequest) -> Result<(), Status> {
        KvClient::new(self.channel.clone()).delete_range(self.request(request)).await.map(drop)
    }

    async fn txn(&self, request: pb::TxnRequest) -> Result<(), Status> {
        KvClient::new(self.channel.clone()).txn(self.request(request)).await.map(drop)
    }
}

/// `u` reads and writes `a` to `c`, reads `r`, writes `w`; gives root and `u`.
async fn limited(url: &str) -> (User, User) {
    let root = User::nobody(url).await.enable().await;
    root.add_user("u", "p").await.expect("new");
    root.add_role("role").await.expect("new");
    root.grant("role", Type::Readwrite, "a", "b").await.expect("a range");
    root.grant("role", Type::Readwrite, "b", "c").await.expect("a range");
    root.grant("role", Type::Read, "r", "").await.expect("a key");
    root.grant("role", Type::Write, "w", "").await.expect("a key");
    root.grant_role("u", "role").await.expect("both exist");
    let root = root.login("root", "root").await.expect("its password");
    let user = root.login("u", "p").await.expect("its password");
    (root, user)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_wrong_with_users_and_roles_is_told_in_etcds_words() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = lonely(dir.path());
    let _processes = start(&members).await;
    let one = User::nobody(&members[0].client_url()).await;
    let failed = |text: &str| (Code::FailedPrecondition, format!("etcdserver: {text}"));
    let invalid = |text: &str| (Code::InvalidArgument, format!("etcdserver: {text}"));
    let enable = || async { one.auth().auth_enable(one.request(pb::AuthEnableRequest {})).await };
    assert_eq!(refusal(one.login("u", "p").await), failed("authentication is not enabled"));
    assert_eq!(refusal(enable().await), failed("root user does not exist"));
    one.add_user("root", "root").await.expect("new");
    assert_eq!(refusal(enable().await), failed("root user does not have root role"));
    assert_eq!(refusal(one.add_user("root", "x").await), failed("user name already exists"));
    assert_eq!(refusal(one.add_user("", "x").await), invalid("user name is empty"));
    let long = "x".repeat(73);
    let too_long = (Code::Unknown, "bcrypt: password length exceeds 72 bytes".to_owned());
    assert_eq!(refusal(one.add_user("long", &long).await), too_long);
    assert_eq!(refusal(one.grant_role("x", "root").await), failed("user name not found"));
    assert_eq!(refusal(one.grant_role("root", "x").await), failed("role name not found"));
    assert_eq!(refusal(one.add_role("").await), invalid("role name is empty"));
    one.add_role("r").await.expect("new");
    assert_eq!(refusal(one.add_role("r").await), failed("role name already exists"));
    let empty = invalid("invalid auth management");
    assert_eq!(refusal(one.grant("r", Type::Read, "b", "a").await), empty);
    let unnamed = pb::AuthRoleGrantPermissionRequest { name: "r".into(), perm: None };
    let unnamed = one.auth().role_grant_permission(unnamed).await;
    assert_eq!(refusal(unnamed), invalid("permission not given"));
    let revoke = pb::AuthRoleRevokePermissionRequest { role: "r".into(), ..Default::default() };
    let revoked = one.auth().role_revoke_permission(revoke).await;
    assert_eq!(refusal(revoked), failed("permission is not granted to the role"));
    let revoke = pb::AuthUserRevokeRoleRequest { name: "root".into(), role: "r".into() };
    let revoked = one.auth().user_revoke_role(revoke).await;
    assert_eq!(refusal(revoked), failed("role is not granted to the user"));
    one.grant_role("root", "root").await.expect("the role need not exist");
    enable().await.expect("root is root");
    let wrong = invalid("authentication failed, invalid user ID or password");
    assert_eq!(refusal(one.login("root", "x").await), wrong);
    assert_eq!(refusal(one.login("nobody", "x").await), wrong);
    let root = one.login("root", "root").await.expect("its password");
    let delete = root.request(pb::AuthUserDeleteRequest { name: "root".into() });
    assert_eq!(refusal(root.auth().user_delete(delete).await), empty);
    let no_password = pb::AuthUserAddRequest {
        name: "cn".into(),
        options: Some(proto::authpb::UserAddOptions { no_password: true }),
        ..Default::default()
    };
    root.auth().user_add(root.request(no_password)).await.expect("new");
    let text = "auth: authentication failed, password was given for no password user";
    assert_eq!(refusal(root.login("cn", "x").await), (Code::Unknown, text.to_owned()));
    let forged = one.with_token("abcdefghijklmnop.1");
    let unauthenticated = (Code::Unauthenticated, "etcdserver: invalid auth token".to_owned());
    assert_eq!(refusal(forged.range("a", "").await), unauthenticated);
    assert_eq!(refusal(one.with_token("").range("a", "").await), unauthenticated);
    let status = forged.auth().auth_status(forged.request(pb::AuthStatusRequest {})).await;
    assert_eq!(refusal(status), unauthenticated, "a wrong token fails open calls too");
    let status = one.auth().auth_status(pb::AuthStatusRequest {}).await.expect("for everybody");
    assert!(status.get_ref().enabled && status.get_ref().auth_revision == 5);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn keys_are_reached_with_the_right_to_them_and_on_no_other_way() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = lonely(dir.path());
    let _processes = start(&members).await;
    let (root, user) = limited(&members[0].client_url()).await;
    let none = User { token: None, ..user.clone() };
    assert_eq!(refusal(none.range("a", "").await), nobody());
    assert_eq!(refusal(none.put(put("a")).await), nobody());
    for key in ["a", "r", "w", "x"] {
        root.put(put(key)).await.expect("root may write all");
    }
    user.range("a", "c").await.expect("two grants that touch");
    for (key, end) in [("a", "d"), ("a", "\0"), ("w", ""), ("\0", "\0")] {
        assert_eq!(refusal(user.range(key, end).await), denied(), "{key:?} {end:?}");
    }
    user.put(put("w")).await.expect("a granted key");
    let shows = pb::PutRequest { prev_kv: true, ..put("w") };
    assert_eq!(refusal(user.put(shows).await), denied(), "what stood there is not his to see");
    assert_eq!(refusal(user.put(put("r")).await), denied());
    user.delete(delete("a", "c")).await.expect("a granted range");
    let shows = pb::DeleteRangeRequest { prev_kv: true, ..delete("w", "") };
    assert_eq!(refusal(user.delete(shows).await), denied());
    let forbidden = [
        Op::RequestRange(range("x", "")),
        Op::RequestPut(put("x")),
        Op::RequestDeleteRange(delete("x", "")),
        Op::RequestRange(range("a", "\0")),
        Op::RequestPut(pb::PutRequest { prev_kv: true, ..put("w") }),
    ];
    for hidden in forbidden {
        let allowed = || op(Op::RequestPut(put("a")));
        // Plain, in the branch that does not run, and deep within other transactions.
        let plain = txn(vec![allowed(), op(hidden.clone())]);
        let other = pb::TxnRequest { failure: vec![op(hidden.clone())], ..txn(vec![allowed()]) };
        let nested = |inner: pb::TxnRequest| txn(vec![op(Op::RequestTxn(inner))]);
        for request in [plain.clone(), other.clone(), nested(plain), nested(nested(other))] {
            assert_eq!(refusal(user.txn(request).await), denied(), "{hidden:?}");
        }
    }
    let compare = pb::Compare {
        key: "x".into(),
        target: CompareTarget::Version as i32,
        target_union: Some(TargetUnion::Version(0)),
        ..Default::default()
    };
    for success in
        [vec![op(Op::RequestPut(put("a")))], vec![], vec![op(Op::RequestTxn(txn(vec![])))]]
    {
        let request = pb::TxnRequest { compare: vec![compare.clone()], ..txn(success) };
        assert_eq!(refusal(user.txn(request).await), denied(), "a comparison reads");
    }
    let inner = pb::TxnRequest { compare: vec![compare], ..txn(vec![]) };
    assert_eq!(refusal(user.txn(txn(vec![op(Op::RequestTxn(inner))])).await), denied());
    user.txn(txn(vec![op(Op::RequestPut(put("b")))])).await.expect("all of it is granted");
    let kept = root.range("x", "").await.expect("root reads all");
    assert_eq!(kept.kvs[0].version, 1, "nothing refused took effect");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permission_is_revoked_by_the_range_that_it_was_granted_for() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = lonely(dir.path());
    let _processes = start(&members).await;
    let (root, user) = limited(&members[0].client_url()).await;
    let revoke = async |key: &str, end: &str| {
        let request = pb::AuthRoleRevokePermissionRequest {
            role: "role".into(),
            key: key.to_owned().into(),
            range_end: end.to_owned().into(),
        };
        root.auth().role_revoke_permission(root.request(request)).await
    };
    let text = "etcdserver: permission is not granted to the role".to_owned();
    for (key, end) in [("a", ""), ("a", "c"), ("r", "s"), ("", "b")] {
        let refused = revoke(key, end).await;
        assert_eq!(refusal(refused), (Code::FailedPrecondition, text.clone()), "{key:?} {end:?}");
    }
    let status = root.request(pb::StatusRequest {});
    let status = MaintenanceClient::new(root.channel.clone()).status(status).await;
    let own = status.expect("root may").into_inner().header.expect("a header").member_id;
    for (key, end) in [("a", "b"), ("w", "")] {
        let header = revoke(key, end).await.expect("granted").into_inner().header;
        assert_eq!(header.expect("a header").member_id, own);
    }
    let user = user.login("u", "p").await.expect("his password");
    assert_eq!(refusal(user.range("a", "").await), denied());
    assert_eq!(refusal(user.put(put("w")).await), denied());
    user.put(put("b")).await.expect("still granted");
    user.range("r", "").await.expect("still granted");
}

/// `U*U`, hashed by another implementation of bcrypt, in base64.
const HASHED: &str =
    "JDJhJDA1JENDQ0NDQ0NDQ0NDQ0NDQ0NDQ0NDQy5FNVlQTzlrbXl1Ukd5aDBYb3VRWWI0WU1KS3Z5T2VX";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hash_counts_where_no_password_is_given_and_nowhere_else() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = lonely(dir.path());
    let _processes = start(&members).await;
    let root = User::nobody(&members[0].client_url()).await.enable().await;
    let wrong = "etcdserver: authentication failed, invalid user ID or password";
    let wrong = (Code::InvalidArgument, wrong.to_owned());
    let add = pb::AuthUserAddRequest {
        name: "u".into(),
        password: "p".into(),
        hashed_password: HASHED.into(),
        options: None,
    };
    root.auth().user_add(root.request(add)).await.expect("new");
    root.login("u", "p").await.expect("the password is hashed by the server");
    assert_eq!(refusal(root.login("u", "U*U").await), wrong);
    for (password, right, other) in [("", "U*U", "p"), ("q", "q", "U*U")] {
        let change = pb::AuthUserChangePasswordRequest {
            name: "u".into(),
            password: password.into(),
            hashed_password: HASHED.into(),
        };
        root.auth().user_change_password(root.request(change)).await.expect("he exists");
        root.login("u", right).await.expect("as it was changed");
        assert_eq!(refusal(root.login("u", other).await), wrong);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watch_needs_the_right_to_all_that_it_would_show() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = lonely(dir.path());
    let _processes = start(&members).await;
    let (_, user) = limited(&members[0].client_url()).await;
    let none = User { token: None, ..user.clone() };
    let forged = user.with_token("abcdefghijklmnop.1");
    let denied = "rpc error: code = PermissionDenied desc = etcdserver: permission denied";
    let empty = "rpc error: code = InvalidArgument desc = etcdserver: user name is empty";
    let wrong = "rpc error: code = Unauthenticated desc = etcdserver: invalid auth token";
    let cases = [
        (&user, "a", "", ""),
        (&user, "r", "", ""),
        (&user, "a", "c", ""),
        (&user, "r", "\0", denied),
        (&user, "a", "d", denied),
        (&user, "w", "", denied),
        (&user, "", "\0", denied),
        (&none, "a", "", empty),
        (&forged, "a", "", wrong),
    ];
    for (who, key, end, reason) in cases {
        let create = pb::WatchCreateRequest {
            key: key.to_owned().into(),
            range_end: end.to_owned().into(),
            ..Default::default()
        };
        let request = pb::WatchRequest { request_union: Some(RequestUnion::CreateRequest(create)) };
        let (requests, open) = tokio::sync::mpsc::channel(1);
        requests.send(request).await.expect("the stream is there");
        let stream = tokio_stream::wrappers::ReceiverStream::new(open);
        let mut watch = WatchClient::new(who.channel.clone());
        let mut answers = watch.watch(who.request(stream)).await.expect("opens").into_inner();
        let told = answers.message().await.expect("an answer").expect("an answer");
        assert!(told.created, "{key:?} {end:?}");
        assert_eq!((told.cancel_reason.as_str(), told.canceled), (reason, !reason.is_empty()));
        assert_eq!(told.watch_id, if reason.is_empty() { 0 } else { -1 });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn leases_are_kept_by_those_who_may_write_their_keys() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = lonely(dir.path());
    let _processes = start(&members).await;
    let (root, user) = limited(&members[0].client_url()).await;
    let none = User { token: None, ..user.clone() };
    let lease = |who: &User| LeaseClient::new(who.channel.clone());
    let grant = pb::LeaseGrantRequest { ttl: 60, id: 7 };
    assert_eq!(refusal(lease(&none).lease_grant(none.request(grant)).await), nobody());
    lease(&root).lease_grant(root.request(grant)).await.expect("a new lease");
    root.put(pb::PutRequest { lease: 7, ..put("x") }).await.expect("root writes all");
    let attach = pb::PutRequest { lease: 7, ..put("a") };
    assert_eq!(refusal(user.put(attach).await), denied(), "he could not revoke it");
    let revoke = pb::LeaseRevokeRequest { id: 7 };
    assert_eq!(refusal(lease(&user).lease_revoke(user.request(revoke)).await), denied());
    assert_eq!(refusal(lease(&none).lease_revoke(none.request(revoke)).await), nobody());
    let ask = |keys| pb::LeaseTimeToLiveRequest { id: 7, keys };
    let asked = lease(&user).lease_time_to_live(user.request(ask(true))).await;
    assert_eq!(refusal(asked), denied());
    let asked = lease(&user).lease_time_to_live(user.request(ask(false))).await;
    assert_eq!(asked.expect("without keys").into_inner().granted_ttl, 60);
    let asked = lease(&none).lease_time_to_live(none.request(ask(false))).await;
    assert_eq!(refusal(asked), nobody());
    let list = pb::LeaseLeasesRequest {};
    assert_eq!(refusal(lease(&user).lease_leases(user.request(list)).await), denied());
    for (who, expected) in [(&user, denied()), (&none, nobody())] {
        let stream = tokio_stream::iter([pb::LeaseKeepAliveRequest { id: 7 }]);
        let answers = lease(who).lease_keep_alive(who.request(stream)).await;
        let told = match answers {
            Ok(answers) => answers.into_inner().message().await.map(drop),
            Err(status) => Err(status),
        };
        assert_eq!(refusal(told), expected);
    }
    // A lease ends in time, whoever may write its keys.
    let short = pb::LeaseGrantRequest { ttl: 2, id: 8 };
    lease(&root).lease_grant(root.request(short)).await.expect("a new lease");
    root.put(pb::PutRequest { lease: 8, ..put("x") }).await.expect("root writes all");
    let began = std::time::Instant::now();
    while root.range("x", "").await.expect("root reads").count > 0 {
        assert!(began.elapsed() < support::PATIENCE, "the lease does not end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_about_the_cluster_is_for_root() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = lonely(dir.path());
    let _processes = start(&members).await;
    let (root, user) = limited(&members[0].client_url()).await;
    let none = User { token: None, ..user.clone() };
    for (who, expected) in [(&user, denied()), (&none, nobody())] {
        let mut maintenance = MaintenanceClient::new(who.channel.clone());
        let mut cluster = ClusterClient::new(who.channel.clone());
        let mut kv = KvClient::new(who.channel.clone());
        let refused = |name, result: Result<(), Status>| {
            assert_eq!(refusal(result), expected, "{name}");
        };
        let defragment = who.request(pb::DefragmentRequest {});
        refused("defragment", maintenance.defragment(defragment).await.map(drop));
        let hash = who.request(pb::HashRequest {});
        refused("hash", maintenance.hash(hash).await.map(drop));
        let hash_kv = who.request(pb::HashKvRequest { revision: 0 });
        refused("hash_kv", maintenance.hash_kv(hash_kv).await.map(drop));
        let snapshot = who.request(pb::SnapshotRequest {});
        refused("snapshot", maintenance.snapshot(snapshot).await.map(drop));
        let moved = who.request(pb::MoveLeaderRequest { target_id: 1 });
        refused("move_leader", maintenance.move_leader(moved).await.map(drop));
        let alarm = pb::AlarmRequest { action: 1, member_id: 1, alarm: 1 };
        refused("alarm", maintenance.alarm(who.request(alarm)).await.map(drop));
        let compact = who.request(pb::CompactionRequest { revision: 1, physical: false });
        refused("compact", kv.compact(compact).await.map(drop));
        let peer_urls = vec!["http://127.0.0.1:1".to_owned()];
        let add = pb::MemberAddRequest { peer_urls: peer_urls.clone(), is_learner: false };
        refused("add", cluster.member_add(who.request(add)).await.map(drop));
        let remove = who.request(pb::MemberRemoveRequest { id: 1 });
        refused("remove", cluster.member_remove(remove).await.map(drop));
        let update = who.request(pb::MemberUpdateRequest { id: 1, peer_urls });
        refused("update", cluster.member_update(update).await.map(drop));
        let promote = who.request(pb::MemberPromoteRequest { id: 1 });
        refused("promote", cluster.member_promote(promote).await.map(drop));
        refused("user add", who.add_user("v", "p").await);
        refused("role add", who.add_role("v").await);
        let list = who.request(pb::AuthUserListRequest {});
        refused("user list", who.auth().user_list(list).await.map(drop));
        let get = who.request(pb::AuthUserGetRequest { name: "root".into() });
        refused("user get", who.auth().user_get(get).await.map(drop));
    }
    let member_list = pb::MemberListRequest { linearizable: true };
    let status = pb::StatusRequest {};
    for who in [&user, &root] {
        let mut maintenance = MaintenanceClient::new(who.channel.clone());
        let mut cluster = ClusterClient::new(who.channel.clone());
        cluster.member_list(who.request(member_list)).await.expect("for every user");
        maintenance.status(who.request(status)).await.expect("for every user");
        let alarms = who.request(pb::AlarmRequest::default());
        maintenance.alarm(alarms).await.expect("for every user");
    }
    let mut maintenance = MaintenanceClient::new(none.channel.clone());
    assert_eq!(refusal(maintenance.status(status).await), nobody());
    let own = user.request(pb::AuthUserGetRequest { name: "u".into() });
    let own = user.auth().user_get(own).await.expect("of himself").into_inner();
    assert_eq!(own.roles, ["role"]);
    let held = user.request(pb::AuthRoleGetRequest { role: "role".into() });
    let held = user.auth().role_get(held).await.expect("a role that he has").into_inner();
    assert_eq!(held.perm.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_member_knows_users_and_tokens_and_no_right_outlives_its_end() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut members = support::cluster(dir.path(), 3);
    members.iter_mut().for_each(|member| member.arguments = vec!["--bcrypt-cost=4".into()]);
    let mut processes = start(&members).await;
    let (root, user) = limited(&members[0].client_url()).await;
    for member in &members {
        user.at(&member.client_url()).await.put(put("a")).await.expect("the token counts at all");
    }
    root.add_role("later").await.expect("new");
    let old = (Code::InvalidArgument, "etcdserver: revision of auth store is old".to_owned());
    // A simple token is always as new as what the member knows, so rights change under it.
    user.put(put("a")).await.expect("nothing of his has changed");
    let root = root.login("root", "root").await.expect("its password");
    let revoke = pb::AuthUserRevokeRoleRequest { name: "u".into(), role: "role".into() };
    root.auth().user_revoke_role(root.request(revoke)).await.expect("it was granted");
    let told = refusal(user.put(put("a")).await);
    assert!(told == denied() || told == old, "{told:?}");
    let change = pb::AuthUserChangePasswordRequest {
        name: "u".into(),
        password: "new".into(),
        ..Default::default()
    };
    root.auth().user_change_password(root.request(change)).await.expect("the user exists");
    let void = (Code::Unauthenticated, "etcdserver: invalid auth token".to_owned());
    assert_eq!(refusal(user.range("a", "").await), void, "the token went with the password");
    user.login("u", "new").await.expect("the new password");
    for process in &mut processes {
        process.kill();
    }
    let _processes = start_again(&members).await;
    let one = User::nobody(&members[1].client_url()).await;
    assert_eq!(refusal(one.range("a", "").await), nobody(), "it is still on after a restart");
    let root = one.login("root", "root").await.expect("users are still there");
    let users = root.auth().user_list(root.request(pb::AuthUserListRequest {})).await;
    assert_eq!(users.expect("root").into_inner().users, ["root", "u"]);
    let disable = root.request(pb::AuthDisableRequest {});
    root.auth().auth_disable(disable).await.expect("root may");
    one.put(put("anything")).await.expect("everybody may everything");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_learner_is_promoted_through_a_follower_for_root_alone() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut members = support::cluster(dir.path(), 3);
    members.iter_mut().for_each(|member| member.arguments = vec!["--bcrypt-cost=4".into()]);
    let _processes = start(&members).await;
    let first = members[0].client_url();
    let mut learner = support::members::newcomer(dir.path(), "m4");
    let id = support::members::add(&first, &mut learner, true).await;
    let _learner = learner.start();
    let follower = (support::load::leader(&members).await + 1) % 3;
    let follower = members[follower].client_url();
    let (root, user) = limited(&first).await;
    let (root, user) = (root.at(&follower).await, user.at(&follower).await);
    let none = User { token: None, ..user.clone() };
    let promote = async |who: &User| {
        let request = who.request(pb::MemberPromoteRequest { id });
        ClusterClient::new(who.channel.clone()).member_promote(request).await
    };
    assert_eq!(refusal(promote(&user).await), denied());
    assert_eq!(refusal(promote(&none).await), nobody());
    let early = "etcdserver: can only promote a learner member which is in sync with leader";
    let began = std::time::Instant::now();
    let promoted = loop {
        match promote(&root).await {
            Ok(answer) => break answer.into_inner().members,
            Err(status) => assert_eq!(status.message(), early),
        }
        assert!(began.elapsed() < support::PATIENCE, "{}", learner.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert!(promoted.len() == 4 && promoted.iter().all(|member| !member.is_learner));
    let root = root.at(&learner.client_url()).await;
    while let Err(status) = root.put(put("x")).await {
        // It may not have heard of it yet.
        assert_eq!(status.message(), "etcdserver: rpc not supported for learner");
        assert!(began.elapsed() < support::PATIENCE, "{}", learner.log());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let user = user.at(&learner.client_url()).await;
    assert_eq!(refusal(user.put(put("x")).await), denied());
    user.put(put("a")).await.expect("the token counts there too");
}

/// As [`start`], when nobody may read the key that tells that a member is ready.
async fn start_again(members: &[Member]) -> Vec<Process> {
    let processes: Vec<Process> = members.iter().map(Member::start).collect();
    for member in members {
        let began = std::time::Instant::now();
        loop {
            if let Ok(mut kv) = support::connect(&member.client_url()).await
                && let Err(status) = kv.range(range("a", "")).await
                && status.message() == "etcdserver: user name is empty"
            {
                break;
            }
            assert!(began.elapsed() < support::PATIENCE, "{}", member.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    processes
}
