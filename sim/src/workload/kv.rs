//! Puts, deletes, ranges and compactions over a few keys, with all fields of a range varied.

use bytes::Bytes;
use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::etcdserverpb::{CompactionRequest, DeleteRangeRequest, PutRequest, RangeRequest};

use super::client::{Client, Request};
use crate::plan::Workload;
use crate::sync::lock;

/// The key with a number.
#[must_use]
pub fn key(number: u64) -> Bytes {
    Bytes::from(format!("k{number:03}"))
}

/// Some key of a workload.
#[must_use]
pub fn some_key(client: &Client, workload: &Workload) -> Bytes {
    key(client.choose(|prng| prng.below(workload.keys)))
}

/// A key and the end of a range: one key, a part of the keys, or all.
#[must_use]
pub fn some_range(client: &Client, workload: &Workload) -> (Bytes, Bytes) {
    let from = client.choose(|prng| prng.below(workload.keys));
    let to = client.choose(|prng| prng.between(from, workload.keys));
    match client.choose(|prng| prng.below(4)) {
        0 | 1 => (key(from), Bytes::new()),
        2 => (key(from), key(to)),
        _ => (Bytes::from_static(b"k"), Bytes::from_static(b"l")),
    }
}

/// Runs until the client shall stop.
pub async fn run(client: &Client, workload: &Workload) {
    while !client.is_over() {
        client.pause(workload.pause_ms).await;
        let request = match client.choose(|prng| prng.below(100)) {
            0..=39 => Request::Put(some_put(client, workload)),
            40..=51 => Request::DeleteRange(some_delete(client, workload)),
            52..=96 => Request::Range(some_read(client, workload)),
            _ => Request::Compact(some_compaction(client)),
        };
        client.request(request).await;
    }
}

/// Some request.
pub(super) fn some_put(client: &Client, workload: &Workload) -> PutRequest {
    let ignore_value = client.choose(|prng| prng.chance(0.05));
    let (prev_kv, long) = client.choose(|prng| (prng.chance(0.3), prng.chance(0.1)));
    let mut value = client.unique_value();
    if ignore_value {
        value = Bytes::new();
    } else if long {
        let mut longer = value.to_vec();
        longer.resize(2_000, b'.');
        value = longer.into();
    }
    PutRequest {
        key: some_key(client, workload),
        value,
        prev_kv,
        ignore_value,
        ..Default::default()
    }
}

/// Some request.
pub(super) fn some_delete(client: &Client, workload: &Workload) -> DeleteRangeRequest {
    let (key, range_end) = some_range(client, workload);
    DeleteRangeRequest { key, range_end, prev_kv: client.choose(|prng| prng.chance(0.5)) }
}

/// The revision that the client knows to be current or past.
fn known_revision(client: &Client) -> i64 {
    client.before().revision.max(1)
}

/// A range with varied fields.
#[must_use]
pub fn some_read(client: &Client, workload: &Workload) -> RangeRequest {
    let (key, range_end) = some_range(client, workload);
    let known = known_revision(client);
    client.choose(|prng| {
        let mut request = RangeRequest {
            key,
            range_end,
            serializable: prng.chance(0.3),
            keys_only: prng.chance(0.05),
            count_only: prng.chance(0.1),
            ..Default::default()
        };
        if prng.chance(0.3) {
            request.limit = prng.between(1, 4) as i64;
        }
        if prng.chance(0.2) {
            request.revision = prng.between(1, known as u64) as i64;
        }
        if prng.chance(0.2) {
            // Values are distinct, so that the order is determined.
            let targets = [SortTarget::Key, SortTarget::Value];
            request.sort_target = *prng.pick(&targets) as i32;
            request.sort_order = *prng.pick(&[SortOrder::Ascend, SortOrder::Descend]) as i32;
        }
        if prng.chance(0.1) {
            request.min_mod_revision = prng.between(1, known as u64) as i64;
        }
        if prng.chance(0.05) {
            request.max_create_revision = prng.between(1, known as u64) as i64;
        }
        request
    })
}

/// At a revision of the past, at the newest that is known, in the future, or already compacted: the
/// last two are refused (O1).
fn some_compaction(client: &Client) -> CompactionRequest {
    let known = known_revision(client);
    let compacted = lock(&client.world.checks).timeline.oracle().compacted().max(1);
    let behind = client.choose(|prng| prng.between(1, 20)) as i64;
    let (name, revision) = match client.choose(|prng| prng.below(10)) {
        0..=5 => ("fault: O1 compaction of the past", (known - behind).max(compacted + 1)),
        6..=7 => ("fault: O1 compaction of all", known),
        8 => ("fault: O1 compaction of the future", known + 1_000_000),
        _ => ("fault: O1 compaction again", compacted),
    };
    client.world.count(name);
    CompactionRequest { revision, physical: client.choose(|prng| prng.chance(0.2)) }
}
