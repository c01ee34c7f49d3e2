//! Leadership is handed over on request: only by the leader, only to a voter, and without a header.

mod support;

use std::time::{Duration, Instant};

use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::{MoveLeaderRequest, MoveLeaderResponse};
use support::{Member, PATIENCE, Process};
use tonic::{Code, Status};

async fn move_leader(member: &Member, target_id: u64) -> Result<MoveLeaderResponse, Status> {
    let channel = support::channel(&member.client_url()).await.expect("it serves");
    let answer = MaintenanceClient::new(channel).move_leader(MoveLeaderRequest { target_id }).await;
    answer.map(tonic::Response::into_inner)
}

async fn refused(member: &Member, target_id: u64) -> (Code, String) {
    let status = move_leader(member, target_id).await.expect_err("it is refused");
    (status.code(), status.message().to_owned())
}

/// The leader as a member knows it.
async fn leader(member: &Member) -> u64 {
    support::status(&member.client_url()).await.expect("it serves").leader
}

#[tokio::test(flavor = "multi_thread")]
async fn leadership_goes_where_the_leader_is_told_to_hand_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let members = support::cluster(dir.path(), 3);
    let mut processes: Vec<Process> = members.iter().map(Member::start).collect();
    for process in &mut processes {
        process.ready().await;
    }
    let mut ids = Vec::new();
    for member in &members {
        ids.push(support::members::id(member).await);
    }
    let leads = leader(&members[0]).await;
    let from = ids.iter().position(|id| *id == leads).expect("one of them leads");
    let to = (from + 1) % 3;

    let not_leader = (Code::FailedPrecondition, "etcdserver: not leader".to_owned());
    assert_eq!(refused(&members[to], ids[to]).await, not_leader);
    let bad = (Code::FailedPrecondition, "etcdserver: bad leader transferee".to_owned());
    assert_eq!(refused(&members[from], 77).await, bad);
    move_leader(&members[from], ids[from]).await.expect("it leads already");
    assert_eq!(leader(&members[from]).await, ids[from]);

    let moved = move_leader(&members[from], ids[to]).await.expect("it can lead");
    assert_eq!(moved, MoveLeaderResponse { header: None }, "as etcd answers");
    assert_eq!(leader(&members[from]).await, ids[to]);
    let began = Instant::now();
    for member in &members {
        while leader(member).await != ids[to] {
            assert!(began.elapsed() < PATIENCE, "{} does not follow", member.name);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}
