//! Two members of a real etcd and one of Cairn in one cluster: the strictest test of the peer
//! protocol. After every step all members must have the same history, by HashKV, and the same
//! whole state, by Hash.

mod members;
mod work;

use std::time::Duration;

use members::Members;
use tests::kind::Kind;

/// Entries between two snapshots of etcd's members, and how many they keep behind one: so few that
/// who is away for a moment needs a snapshot.
const SNAPSHOT_FLAGS: [&str; 2] = ["--snapshot-count=300", "--snapshot-catchup-entries=50"];

#[tokio::test(flavor = "multi_thread")]
async fn cairn_and_etcd_form_one_cluster() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut all = Members::new(folder.path());
    all.start_new(&[("a", Kind::Etcd), ("b", Kind::Etcd)]).await;
    // etcd compacts its log after 100 entries, but not within 30 seconds after it sent a snapshot:
    // a snapshot here would let what is missing later come by the log.
    work::puts(&all, "a", "first", 30).await;

    // By stream: the log still begins at its beginning.
    all.add("c", Kind::Cairn).await;
    all.agree("after the stream").await;
    let received = all.metric("c", "etcd_network_snapshot_receive_success").await;
    assert_eq!(received, 0.0, "it came by a snapshot");
    for via in ["a", "c"] {
        work::all_kinds(&all, via, &format!("follower-{via}")).await;
        all.agree("as a follower").await;
    }

    all.move_leader("c").await;
    for via in ["a", "c", "b"] {
        work::all_kinds(&all, via, &format!("leader-{via}")).await;
        all.agree("as the leader").await;
    }
    work::puts(&all, "b", "thousand", 1_000).await;
    all.agree("after a thousand puts").await;
    all.move_leader("a").await;
    work::compaction(&all, "c").await;
    all.agree("after a compaction").await;

    // By snapshot from etcd: the log that it needs is gone.
    all.stop("c");
    work::puts(&all, "a", "away", 1_000).await;
    work::compaction(&all, "a").await;
    all.start("c").await;
    all.agree("after etcd's snapshot").await;
    all.counted("c", "etcd_network_snapshot_receive_success").await;
    work::all_kinds(&all, "c", "back").await;
    all.agree("after what came behind the snapshot").await;

    // By snapshot from Cairn: its log begins at the snapshot that it was given.
    all.move_leader("c").await;
    all.remove("b").await;
    all.add("d", Kind::Etcd).await;
    all.agree("after Cairn's snapshot").await;
    all.counted("c", "etcd_network_snapshot_send_success").await;
    all.counted("d", "etcd_network_snapshot_receive_success").await;
    for via in ["d", "c"] {
        work::all_kinds(&all, via, &format!("late-{via}")).await;
        all.agree("after what came behind Cairn's snapshot").await;
    }
    all.move_leader("d").await;
    work::puts(&all, "c", "last", 100).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    all.agree("at the end").await;
}
