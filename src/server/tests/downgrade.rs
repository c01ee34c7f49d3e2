//! A downgrade of the cluster's version: asked for with every answer of etcd's, begun on a
//! follower, seen by all members and by peers, kept over a restart, and taken back.

mod support;

use std::time::{Duration, Instant};

use proto::etcdserverpb::downgrade_request::DowngradeAction::{Cancel, Enable, Validate};
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::{DowngradeInfo, DowngradeRequest, DowngradeResponse, StatusResponse};
use support::{Member, PATIENCE, Process};
use tonic::{Code, Status};

async fn downgrade(
    member: &Member,
    action: i32,
    version: &str,
) -> Result<DowngradeResponse, Status> {
    let channel = support::channel(&member.client_url()).await.expect("it serves");
    let request = DowngradeRequest { action, version: version.into() };
    let answer = MaintenanceClient::new(channel).downgrade(request).await;
    answer.map(tonic::Response::into_inner)
}

async fn refused(member: &Member, action: i32, version: &str) -> (Code, String) {
    let status = downgrade(member, action, version).await.expect_err("it is refused");
    (status.code(), status.message().to_owned())
}

async fn wait_for(member: &Member, what: &str, is_there: impl Fn(&StatusResponse) -> bool) {
    let began = Instant::now();
    loop {
        let status = support::status(&member.client_url()).await;
        if status.as_ref().is_some_and(&is_there) {
            return;
        }
        assert!(began.elapsed() < PATIENCE, "not {what}: {status:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn wait_for_version(members: &[Member], version: &str) {
    for member in members {
        wait_for(member, version, |status| status.storage_version == version).await;
    }
}

/// What a peer is told.
async fn peers_are_told(member: &Member) -> String {
    let request = "GET /downgrade/enabled HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n";
    let mut stream = tokio::net::TcpStream::connect(("127.0.0.1", member.peer_port)).await;
    let stream = stream.as_mut().expect("it listens");
    let mut text = String::new();
    tokio::io::AsyncWriteExt::write_all(stream, request.as_bytes()).await.expect("it reads");
    tokio::io::AsyncReadExt::read_to_string(stream, &mut text).await.expect("it answers");
    let (head, body) = text.split_once("\r\n\r\n").expect("an answer of HTTP");
    assert!(head.contains("content-type: text/plain\r\n"), "{head}");
    body.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_downgrade_is_checked_begun_seen_everywhere_and_taken_back() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = support::cluster(dir.path(), 3);
    let mut processes: Vec<Process> = members.iter().map(Member::start).collect();
    for process in &mut processes {
        process.ready().await;
    }
    wait_for_version(&members, "3.7.0").await;
    let status = support::status(&members[0].client_url()).await.expect("it serves");
    let is_leader = |status: &StatusResponse| {
        status.leader == status.header.as_ref().map_or(0, |header| header.member_id)
    };
    let follower = &members[usize::from(is_leader(&status))];

    for action in [Validate, Enable] {
        let invalid = "etcdserver: invalid downgrade target version".to_owned();
        for version in ["3.7", "3.5.0", "3.8", "4.6"] {
            let found = refused(follower, action.into(), version).await;
            assert_eq!(found, (Code::InvalidArgument, invalid.clone()), "{version}");
        }
        let text = "etcdserver: wrong downgrade target version format".to_owned();
        let found = refused(follower, action.into(), "v3.6").await;
        assert_eq!(found, (Code::InvalidArgument, text));
    }
    let unknown = (Code::Unknown, "etcdserver: unknown method".to_owned());
    assert_eq!(refused(follower, 7, "3.6").await, unknown);
    let cancelled = downgrade(follower, Cancel.into(), "").await.expect("etcd answers it so");
    assert_eq!(cancelled.version, "3.7");

    let validated = downgrade(follower, Validate.into(), "3.6").await.expect("it can be done");
    assert!(validated.version == "3.7" && validated.header.is_some(), "{validated:?}");
    assert_eq!(peers_are_told(follower).await, "false");
    let enabled = downgrade(follower, Enable.into(), "3.6.3").await.expect("it can be done");
    assert_eq!(enabled.version, "3.7");
    wait_for_version(&members, "3.6.0").await;
    let running = DowngradeInfo { enabled: true, target_version: "3.6.0".into() };
    for member in &members {
        wait_for(member, "told", |status| status.downgrade_info.as_ref() == Some(&running)).await;
        assert_eq!(peers_are_told(member).await, "true");
    }
    let text = "etcdserver: cluster has a downgrade job in progress".to_owned();
    let found = refused(follower, Enable.into(), "3.5").await;
    assert_eq!(found, (Code::FailedPrecondition, text));

    let at = members.iter().position(|member| member.name == follower.name).expect("one of them");
    processes[at].kill();
    processes[at] = members[at].start();
    processes[at].ready().await;
    wait_for(follower, "kept", |status| status.downgrade_info.as_ref() == Some(&running)).await;

    let cancelled = downgrade(follower, Cancel.into(), "").await.expect("it is under way");
    assert_eq!(cancelled.version, "3.6");
    // Nobody holds the version down any more.
    wait_for_version(&members, "3.7.0").await;
    let none = DowngradeInfo::default();
    wait_for(follower, "ended", |status| status.downgrade_info.as_ref() == Some(&none)).await;
}
