//! The member list and its changes, as an operator makes them.

use std::path::Path;
use std::time::Instant;

use proto::etcdserverpb as pb;
use proto::etcdserverpb::cluster_client::ClusterClient;
use tonic::transport::Channel;

use super::{Member, free_port};

/// A client of the member list of one member.
pub async fn client(url: &str) -> ClusterClient<Channel> {
    ClusterClient::new(super::channel(url).await.expect("the member serves"))
}

/// The members by id.
pub async fn list(url: &str) -> Vec<pb::Member> {
    let request = pb::MemberListRequest { linearizable: true };
    let answer = client(url).await.member_list(request).await.expect("a list");
    answer.into_inner().members
}

/// A member on free ports that is to be added.
pub fn newcomer(dir: &Path, name: &str) -> Member {
    Member {
        name: name.into(),
        client_port: free_port(),
        peer_port: free_port(),
        dir: dir.join(name),
        log_path: dir.join(format!("{name}.log")),
        initial_cluster: String::new(),
        arguments: vec!["--initial-cluster-state=existing".into()],
    }
}

/// Adds a member through another one, again while the strict check says that this is too early;
/// fills in what `member add` prints for its start. Gives its id.
pub async fn add(url: &str, member: &mut Member, is_learner: bool) -> u64 {
    let is_secure = |argument: &String| argument.starts_with("--listen-peer-urls=https");
    let scheme = if member.arguments.iter().any(is_secure) { "https" } else { "http" };
    let peer_urls = vec![format!("{scheme}://127.0.0.1:{}", member.peer_port)];
    let request = pb::MemberAddRequest { peer_urls, is_learner };
    let began = Instant::now();
    let answer = loop {
        match client(url).await.member_add(request.clone()).await {
            Ok(answer) => break answer.into_inner(),
            // Members must have been connected for five seconds.
            Err(status) => {
                let early = status.message() == "etcdserver: unhealthy cluster";
                assert!(early && began.elapsed() < super::PATIENCE, "{status}");
            }
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    };
    let added = answer.member.expect("the added member").id;
    let named = answer.members.iter().flat_map(|one| {
        let name = if one.id == added { member.name.clone() } else { one.name.clone() };
        one.peer_urls.iter().map(move |url| format!("{name}={url}"))
    });
    member.initial_cluster = named.collect::<Vec<_>>().join(",");
    added
}

/// Removes a member through another one, or itself.
pub async fn remove(url: &str, id: u64) {
    let request = pb::MemberRemoveRequest { id };
    let began = Instant::now();
    while let Err(status) = client(url).await.member_remove(request).await {
        let early = status.message() == "etcdserver: unhealthy cluster";
        assert!(early && began.elapsed() < super::PATIENCE, "{status}");
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
}

/// The id of a member.
pub async fn id(member: &Member) -> u64 {
    let status = super::status(&member.client_url()).await.expect("the member serves");
    status.header.expect("a header").member_id
}
