//! What an entry may do is decided by the user and the revision in its header, against the users
//! and roles of that moment; and all of that is there again after a restart.

use base::{Index, Term};
use bytes::Bytes;
use mvcc::memory::MemoryBackend;
use mvcc::{Backend, Knobs, Store, flusher};
use prost::Message;
use proto::authpb::Permission;
use proto::authpb::permission::Type;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::InternalRaftRequest;
use proto::etcdserverpb::request_op::Request;
use state::{Applied, AuthError, AuthReply, Committed, Effect, KEYSPACE, Machine, Refusal, Reply};

const HASH: &str = "aGFzaA==";

struct Member {
    backend: MemoryBackend,
    machine: Machine<MemoryBackend>,
}

fn recover(backend: &MemoryBackend) -> Machine<MemoryBackend> {
    let recorded = state::read_record(&backend.snapshot().expect("in memory")).expect("sound");
    let keys = mvcc::Recorded { revision: recorded.revision.max(1), compaction: -1 };
    let store = Store::restore(backend, &keys, Knobs::default(), &mut |_, _| {}).expect("sound");
    Machine::new(store, &recorded, 1)
}

impl Member {
    fn new() -> Member {
        let backend = MemoryBackend::new();
        backend.create(KEYSPACE).expect("in memory");
        let machine = recover(&backend);
        Member { backend, machine }
    }

    fn apply(&mut self, user: &str, revision: u64, mut request: InternalRaftRequest) -> Applied {
        request.header =
            Some(pb::RequestHeader { id: 1, username: user.into(), auth_revision: revision });
        let data = Bytes::from(request.encode_to_vec());
        let index = self.machine.applied().0.next();
        self.machine.apply(&Committed { term: Term(1), index, data: &data })
    }

    /// As the user is known now.
    fn now(&mut self, user: &str, request: InternalRaftRequest) -> Result<Reply, Refusal> {
        let revision = self.machine.auth().revision();
        self.apply(user, revision, request).outcome
    }

    fn restart(&mut self) {
        let flush = self.machine.store_mut().take_flush();
        let record = self.machine.take_record();
        flusher::write(&self.backend, flush.as_ref(), record).expect("in memory");
        self.backend.persist().expect("in memory");
        let before = self.machine.recorded();
        self.backend.crash(0);
        self.machine = recover(&self.backend);
        assert_eq!(self.machine.recorded().auth, before.auth);
        self.machine.check();
    }
}

macro_rules! request {
    ($field:ident: $message:expr) => {
        InternalRaftRequest { $field: Some($message), ..Default::default() }
    };
}

fn add_user(name: &str) -> InternalRaftRequest {
    let (name, hashed_password) = (name.to_owned(), HASH.to_owned());
    request!(auth_user_add: pb::AuthUserAddRequest { name, hashed_password, ..Default::default() })
}

fn grant_role(user: &str, role: &str) -> InternalRaftRequest {
    let (user, role) = (user.to_owned(), role.to_owned());
    request!(auth_user_grant_role: pb::AuthUserGrantRoleRequest { user, role })
}

fn put(key: &'static str) -> pb::PutRequest {
    pb::PutRequest { key: key.into(), value: "v".into(), ..Default::default() }
}

/// `u` writes `a` and nothing else, and reads nothing.
fn enabled() -> Member {
    let mut member = Member::new();
    let perm =
        Permission { perm_type: Type::Write as i32, key: "a".into(), range_end: Bytes::new() };
    let grant = pb::AuthRoleGrantPermissionRequest { name: "r".into(), perm: Some(perm) };
    for request in [
        add_user("root"),
        grant_role("root", "root"),
        add_user("u"),
        request!(auth_role_add: pb::AuthRoleAddRequest { name: "r".into() }),
        request!(auth_role_grant_permission: grant),
        grant_role("u", "r"),
        request!(auth_enable: pb::AuthEnableRequest {}),
    ] {
        let applied = member.apply("", 0, request);
        assert_eq!(applied.outcome, Ok(Reply::Auth(AuthReply::Done)));
        assert_eq!(applied.effects, [Effect::AuthChanged]);
    }
    member
}

fn denied() -> Result<Reply, Refusal> {
    Err(Refusal::Auth(AuthError::PermissionDenied))
}

#[test]
fn no_write_without_the_right_takes_effect() {
    let mut member = enabled();
    member.now("root", request!(put: put("x"))).expect("root may");
    let revision = member.machine.revision();
    let op = |request| pb::RequestOp { request: Some(request) };
    let inner =
        pb::TxnRequest { failure: vec![op(Request::RequestPut(put("x")))], ..Default::default() };
    let nested =
        pb::TxnRequest { success: vec![op(Request::RequestTxn(inner))], ..Default::default() };
    let range = pb::DeleteRangeRequest { key: "a".into(), range_end: "z".into(), prev_kv: false };
    for request in [
        request!(put: put("x")),
        request!(put: pb::PutRequest { prev_kv: true, ..put("a") }),
        request!(delete_range: range),
        request!(txn: nested),
    ] {
        assert_eq!(member.now("u", request), denied());
    }
    let nobody = member.apply("", 0, request!(put: put("a")));
    assert_eq!(nobody.outcome, Err(Refusal::Auth(AuthError::UserEmpty)));
    let before = member.machine.auth().revision() - 1;
    let old = member.apply("u", before, request!(put: put("a")));
    assert_eq!(old.outcome, Err(Refusal::Auth(AuthError::OldRevision)));
    assert_eq!(member.machine.revision(), revision);
    member.now("u", request!(put: put("a"))).expect("his key");
    assert_eq!(member.machine.revision(), revision + 1);
}

#[test]
fn a_lease_is_revoked_by_who_may_write_all_its_keys() {
    let mut member = enabled();
    member.now("u", request!(lease_grant: pb::LeaseGrantRequest { id: 7, ttl: 9 })).expect("new");
    member.now("root", request!(put: pb::PutRequest { lease: 7, ..put("x") })).expect("root may");
    let revoke = || request!(lease_revoke: pb::LeaseRevokeRequest { id: 7 });
    assert_eq!(member.now("u", request!(put: pb::PutRequest { lease: 7, ..put("a") })), denied());
    assert_eq!(member.now("u", revoke()), denied());
    // The end of a lease is root's, whatever has changed since it was proposed.
    let ended = member.apply("root", 1, revoke());
    assert_eq!(ended.outcome, Ok(Reply::LeaseRevoked { id: base::LeaseId(7) }));
    let missing = Err(Refusal::Lease(state::LeaseError::NotFound));
    assert_eq!(member.now("u", revoke()), missing, "without a lease there are no keys");
}

#[test]
fn users_are_managed_by_root_and_ask_for_themselves() {
    let mut member = enabled();
    assert_eq!(member.now("u", add_user("v")), denied());
    let get = |name: &str| request!(auth_user_get: pb::AuthUserGetRequest { name: name.into() });
    assert_eq!(member.now("u", get("root")), denied());
    let roles = Ok(Reply::Auth(AuthReply::Names(vec!["r".into()])));
    assert_eq!(member.now("u", get("u")), roles);
    let role = |role: &str| request!(auth_role_get: pb::AuthRoleGetRequest { role: role.into() });
    assert!(member.now("u", role("r")).is_ok());
    assert_eq!(member.now("u", role("root")), denied());
    let status = member.apply("", 0, request!(auth_status: pb::AuthStatusRequest {}));
    let told = AuthReply::Status { enabled: true, revision: member.machine.auth().revision() };
    assert_eq!(status.outcome, Ok(Reply::Auth(told)), "for everybody");
}

#[test]
fn tokens_name_their_entry_and_end_with_the_password() {
    let mut member = enabled();
    let authenticate = pb::InternalAuthenticateRequest {
        name: "u".into(),
        simple_token: "abc".into(),
        ..Default::default()
    };
    let index = member.machine.applied().0.next();
    let applied = member.apply("", 0, request!(authenticate: authenticate));
    let (user, token) = ("u".to_owned(), format!("abc.{}", index.get()));
    assert_eq!(applied.effects, [Effect::TokenAssigned { user, token }]);
    assert_ne!(index, Index(0));
    let revision = member.machine.auth().revision();
    let change = pb::AuthUserChangePasswordRequest {
        name: "u".into(),
        hashed_password: HASH.into(),
        ..Default::default()
    };
    let changed = member.apply("root", revision, request!(auth_user_change_password: change));
    let void = Effect::TokensVoid(Some("u".into()));
    assert_eq!(changed.effects, [Effect::AuthChanged, void]);
    let disabled =
        member.apply("root", revision, request!(auth_disable: pb::AuthDisableRequest {}));
    assert_eq!(disabled.effects, [Effect::AuthChanged, Effect::TokensVoid(None)]);
}

#[test]
fn a_restart_forgets_no_user_no_role_and_no_switch() {
    let mut member = Member::new();
    member.restart();
    let mut member = enabled();
    member.restart();
    assert_eq!(member.now("u", request!(put: put("x"))), denied());
    member.now("u", request!(put: put("a"))).expect("his key");
    let delete = pb::AuthUserDeleteRequest { name: "u".into() };
    member.now("root", request!(auth_user_delete: delete)).expect("root may");
    let delete = pb::AuthRoleDeleteRequest { role: "r".into() };
    member.now("root", request!(auth_role_delete: delete)).expect("root may");
    member.now("root", request!(auth_disable: pb::AuthDisableRequest {})).expect("root may");
    member.restart();
    assert!(!member.machine.auth().is_enabled());
    assert_eq!(member.machine.auth().user_names(), ["root"]);
    assert_eq!(member.machine.auth().role_names(), [""; 0]);
}
