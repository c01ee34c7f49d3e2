//! What somebody without credentials may call while authentication is on: every method that the
//! descriptors name, on a real etcd and on Cairn. What is open is a list; all else is refused.

use std::time::Duration;

use bytes::Bytes;
use model::schema::Schema;
use prost::Message;
use proto::etcdserverpb as pb;
use proto::v3electionpb as epb;
use proto::v3lockpb as lpb;
use tests::cluster::{Cluster, Member};
use tests::differential::open;
use tests::users::root_alone;
use tonic::transport::Channel;

/// How long a call may take to be refused, or to be open.
const PATIENCE: Duration = Duration::from_secs(10);

/// How nobody is refused, where it is not so.
const NOBODY: &str = "InvalidArgument: etcdserver: user name is empty";

/// What needs no user (Z6), with what it says to a request that is worth no more.
const OPEN: [(&str, &str); 7] = [
    ("/etcdserverpb.Auth/AuthStatus", "answered"),
    (
        "/etcdserverpb.Auth/Authenticate",
        "InvalidArgument: etcdserver: authentication failed, invalid user ID or password",
    ),
    ("/grpc.health.v1.Health/Check", "answered"),
    ("/grpc.health.v1.Health/List", "answered"),
    ("/grpc.health.v1.Health/Watch", "answered"),
    ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "answered"),
    ("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", "answered"),
];

/// Etcd does not serve reflection.
const REFLECTION: &str = "/grpc.reflection.";

/// What must be told to nobody, by etcd and by Cairn.
fn expected(path: &str) -> String {
    if let Some((_, answer)) = OPEN.iter().find(|(open, _)| *open == path) {
        return (*answer).to_owned();
    }
    match path {
        "/etcdserverpb.Watch/Watch" => {
            "cancelled: rpc error: code = InvalidArgument desc = etcdserver: user name is empty"
                .to_owned()
        }
        // The recipes' calls of the store fail within them; an observer's stream just ends.
        "/v3electionpb.Election/Observe" => "ended".to_owned(),
        path if path.starts_with("/v3") => "Unknown: etcdserver: user name is empty".to_owned(),
        _ => NOBODY.to_owned(),
    }
}

/// A request that nothing is wrong with but who makes it; for most methods an empty one.
fn request(path: &str) -> Bytes {
    let (service, method) = path[1..].split_once('/').expect("a path has two parts");
    let key = || Bytes::from_static(b"k");
    let range = || pb::RangeRequest { key: key(), ..Default::default() };
    let leader = || Some(epb::LeaderKey { key: key(), name: key(), rev: 1, lease: 1 });
    let bytes = match (service, method) {
        ("etcdserverpb.KV", "Range" | "RangeStream") => range().encode_to_vec(),
        ("etcdserverpb.KV", "Put") => {
            pb::PutRequest { key: key(), ..Default::default() }.encode_to_vec()
        }
        ("etcdserverpb.KV", "DeleteRange") => {
            pb::DeleteRangeRequest { key: key(), ..Default::default() }.encode_to_vec()
        }
        ("etcdserverpb.KV", "Txn") => {
            let op = pb::request_op::Request::RequestRange(range());
            let success = vec![pb::RequestOp { request: Some(op) }];
            pb::TxnRequest { success, ..Default::default() }.encode_to_vec()
        }
        ("etcdserverpb.Watch", _) => {
            let create = pb::WatchCreateRequest { key: key(), ..Default::default() };
            let union = pb::watch_request::RequestUnion::CreateRequest(create);
            pb::WatchRequest { request_union: Some(union) }.encode_to_vec()
        }
        ("etcdserverpb.Cluster", "MemberAdd") => {
            let peer_urls = vec!["http://127.0.0.1:1".to_owned()];
            pb::MemberAddRequest { peer_urls, is_learner: false }.encode_to_vec()
        }
        ("etcdserverpb.Auth", "UserGet") => {
            pb::AuthUserGetRequest { name: "root".into() }.encode_to_vec()
        }
        // `list_services`, the same under both names.
        (_, "ServerReflectionInfo") => vec![7 << 3 | 2, 1, b'*'],
        ("etcdserverpb.Auth", "RoleGrantPermission") => {
            let perm = Some(proto::authpb::Permission { key: key(), ..Default::default() });
            pb::AuthRoleGrantPermissionRequest { name: "r".into(), perm }.encode_to_vec()
        }
        ("v3lockpb.Lock", "Lock") => lpb::LockRequest { name: key(), lease: 0 }.encode_to_vec(),
        ("v3lockpb.Lock", "Unlock") => lpb::UnlockRequest { key: key() }.encode_to_vec(),
        ("v3electionpb.Election", "Campaign") => {
            epb::CampaignRequest { name: key(), lease: 0, value: key() }.encode_to_vec()
        }
        ("v3electionpb.Election", "Proclaim") => {
            epb::ProclaimRequest { leader: leader(), value: key() }.encode_to_vec()
        }
        ("v3electionpb.Election", "Resign") => {
            epb::ResignRequest { leader: leader() }.encode_to_vec()
        }
        ("v3electionpb.Election", _) => epb::LeaderRequest { name: key() }.encode_to_vec(),
        _ => Vec::new(),
    };
    bytes.into()
}

/// How the first answer to a call by nobody looks.
async fn outcome(channel: &Channel, path: &str, is_stream: bool) -> String {
    let (requests, sent) = tokio::sync::mpsc::channel(1);
    requests.send(request(path)).await.expect("it is open");
    let requests = is_stream.then_some(requests);
    let stream = tokio_stream::wrappers::ReceiverStream::new(sent);
    let asked = async { open(channel, path, stream, &[]).await?.message().await };
    let answered = tokio::time::timeout(PATIENCE, asked).await;
    drop(requests);
    match answered {
        Err(_) => "no answer".into(),
        Ok(Err(status)) => format!("{:?}: {}", status.code(), status.message()),
        Ok(Ok(Some(answer))) if path.ends_with(".Watch/Watch") => {
            let answer = pb::WatchResponse::decode(answer).expect("a watch response");
            match answer.canceled {
                true => format!("cancelled: {}", answer.cancel_reason),
                false => "answered".into(),
            }
        }
        Ok(Ok(Some(_))) => "answered".into(),
        Ok(Ok(None)) => "ended".into(),
    }
}

/// The outcome of each method in the order of the descriptors.
fn outcomes(cluster: &Cluster) -> Vec<(String, String)> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.expect("threads").block_on(async {
        let endpoint = Channel::from_shared(cluster.members()[0].client_url()).expect("a URL");
        let channel = endpoint.connect().await.expect("it serves");
        root_alone(&channel).await.expect("there are no users yet");
        let mut found = Vec::new();
        for method in Schema::of_protocol().methods() {
            if !method.path.starts_with("/raft") {
                found.push((
                    method.path.clone(),
                    outcome(&channel, &method.path, method.client_streams).await,
                ));
            }
        }
        found
    })
}

#[test]
fn nobody_may_call_what_is_not_on_the_list_of_open_calls() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let theirs = outcomes(&Cluster::start(&[Member::new("theirs", folder.path())]));
    let ours = outcomes(&Cluster::start_cairn(&[Member::new("ours", folder.path())]));
    assert!(theirs.len() >= 54, "{theirs:#?}");
    for ((path, theirs), (_, ours)) in theirs.iter().zip(&ours) {
        assert_eq!(*ours, expected(path), "{path}");
        if !path.starts_with(REFLECTION) {
            assert_eq!(*theirs, expected(path), "{path} of etcd");
        }
    }
}
