//! The quota: puts are refused once the keys take more than it, and are taken again by themselves
//! after a compaction has made room.

mod support;

use std::time::{Duration, Instant};

use proto::etcdserverpb::kv_client::KvClient;
use proto::etcdserverpb::{AlarmType, CompactionRequest};
use support::{NO_SPACE, alarms};
use tonic::Code;
use tonic::transport::Channel;

const QUOTA_BYTES: usize = 8 << 20;
const VALUE_BYTES: usize = 512 << 10;
/// How long after a compaction puts may still be refused. etcd takes none until the alarm is
/// disarmed by hand.
const ROOM_WITHIN: Duration = Duration::from_secs(30);

/// Puts one key until the quota is used up; the revision of the last put that was taken.
async fn put_until_refused(client: &mut KvClient<Channel>) -> i64 {
    let value = "v".repeat(VALUE_BYTES);
    let mut last = 0;
    for _ in 0..4 * QUOTA_BYTES / VALUE_BYTES {
        match support::put(client, "key", &value).await {
            Ok(revision) => last = revision,
            Err(status) => {
                assert_eq!(status.code(), Code::ResourceExhausted, "{status}");
                assert_eq!(status.message(), NO_SPACE);
                return last;
            }
        }
    }
    panic!("four times the quota was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_compaction_makes_room_and_puts_are_taken_again() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut member = support::cluster(dir.path(), 1).remove(0);
    member.arguments.push(format!("--quota-backend-bytes={QUOTA_BYTES}"));
    let mut process = member.start();
    let mut client = process.ready().await;
    let revision = put_until_refused(&mut client).await;
    let taken = usize::try_from(revision).expect("revisions are positive") * VALUE_BYTES;
    assert!(taken > QUOTA_BYTES / 2, "only {taken} bytes were taken");
    let raised: Vec<i32> = alarms(&member).await.iter().map(|alarm| alarm.alarm).collect();
    assert_eq!(raised, [AlarmType::Nospace as i32]);
    let compaction = CompactionRequest { revision, physical: true };
    client.compact(compaction).await.expect("what gains no space is taken");
    let began = Instant::now();
    while let Err(status) = support::put(&mut client, "key", "again").await {
        assert_eq!(status.message(), NO_SPACE);
        assert!(began.elapsed() < ROOM_WITHIN, "puts do not resume: {:?}", alarms(&member).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    while !alarms(&member).await.is_empty() {
        assert!(began.elapsed() < ROOM_WITHIN, "the alarm stays");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
