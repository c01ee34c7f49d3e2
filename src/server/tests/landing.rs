//! A directory that an earlier landing wrote opens, with all that was in it: what it had recorded
//! in its backend when it was stopped, and what it had only in its log when it was killed.

mod support;

use std::path::Path;
use std::process::Command;

use proto::etcdserverpb::lease_client::LeaseClient;
use proto::etcdserverpb::maintenance_client::MaintenanceClient;
use proto::etcdserverpb::{
    HashKvRequest, LeaseTimeToLiveRequest, RangeRequest, RangeResponse, StatusRequest,
};

/// Written by the first landing, with holes for the space that it had reserved.
const DIRECTORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/landing-1.tar.gz");
/// The name and cluster that it was written with.
const NAME: &str = "previous";
const PEER_URL: &str = "http://127.0.0.1:12380";
/// What it said of itself before it was killed.
const REVISION: i64 = 48;
const COMPACTED: i64 = 20;
const HASH: u32 = 2_314_645_250;
const LEASE: i64 = 0x7d7b_a21b_0fba_422a;
/// Keys, values, revisions of creation and change, version and lease.
const KEYS: [(&str, &str, i64, i64, i64, i64); 15] = [
    ("binary", "tab\tquote\"", 48, 48, 1, 0),
    ("key/0", "value-40", 11, 41, 4, 0),
    ("key/1", "value-31", 2, 32, 4, 0),
    ("key/2", "value-32", 3, 33, 4, 0),
    ("key/3", "again", 45, 45, 1, 0),
    ("key/4", "value-34", 5, 35, 4, 0),
    ("key/5", "last", 6, 47, 5, 0),
    ("key/6", "value-36", 7, 37, 4, 0),
    ("key/7", "value-37", 8, 38, 4, 0),
    ("key/8", "value-38", 9, 39, 4, 0),
    ("key/9", "value-39", 10, 40, 4, 0),
    ("leased/one", "1", 42, 42, 1, LEASE),
    ("leased/two", "2", 43, 43, 1, LEASE),
    ("txn/one", "1", 46, 46, 1, 0),
    ("txn/two", "2", 46, 46, 1, 0),
];

fn unpack(into: &Path) {
    std::fs::create_dir(into).expect("the temporary directory is writable");
    let status = Command::new("tar").args(["-xzf", DIRECTORY, "-C"]).arg(into).status();
    assert!(status.expect("tar is there").success(), "the directory cannot be unpacked");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_directory_of_the_first_landing_opens_with_all_that_was_in_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut member = support::cluster(dir.path(), 1).remove(0);
    unpack(&member.dir);
    member.name = NAME.into();
    member.initial_cluster = format!("{NAME}={PEER_URL}");
    member.arguments = vec![format!("--initial-advertise-peer-urls={PEER_URL}")];
    let mut process = member.start();
    let mut client = process.ready().await;
    let all = RangeRequest { key: "\0".into(), range_end: "\0".into(), ..Default::default() };
    check_keys(&client.range(all).await.expect("it reads").into_inner());
    let channel = support::channel(&member.client_url()).await.expect("it serves");
    let mut maintenance = MaintenanceClient::new(channel.clone());
    let hash = maintenance.hash_kv(HashKvRequest { revision: REVISION }).await.expect("a hash");
    let hash = hash.into_inner();
    assert_eq!((hash.hash, hash.compact_revision, hash.hash_revision), (HASH, COMPACTED, REVISION));
    let ask = LeaseTimeToLiveRequest { id: LEASE, keys: true };
    let lease = LeaseClient::new(channel).lease_time_to_live(ask).await.expect("the lease lives");
    let lease = lease.into_inner();
    assert_eq!(lease.granted_ttl, 1_000_000);
    assert_eq!(lease.keys, ["leased/one", "leased/two"]);
    let revision = support::put(&mut client, "key/0", "now").await.expect("it writes");
    assert_eq!(revision, REVISION + 1);
    let status = maintenance.status(StatusRequest {}).await.expect("a status").into_inner();
    assert!(status.raft_term >= 3 && status.raft_index > 55, "{status:?}");
}

fn check_keys(found: &RangeResponse) {
    let keys: Vec<_> = found
        .kvs
        .iter()
        .map(|kv| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            let revisions = (kv.create_revision, kv.mod_revision, kv.version);
            (text(&kv.key), text(&kv.value), revisions, kv.lease)
        })
        .collect();
    let expected = KEYS.map(|(key, value, create, modified, version, lease)| {
        (key.to_string(), value.to_string(), (create, modified, version), lease)
    });
    assert_eq!(keys, expected);
    assert_eq!(found.header.as_ref().map(|header| header.revision), Some(REVISION));
}
