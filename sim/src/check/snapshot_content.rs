//! X1: what a snapshot holds is what the oracle holds at the index in its message. X5: a snapshot
//! that was corrupted on its way is refused.
//!
//! Judged on the bytes that leave the sender: index, term and configuration in the file are those
//! of the message, the term is that of the committed log, and the pairs that are alive in the file
//! are those that the oracle has at that index. It does not verify leases and members; what they
//! lead to is compared by E1, E3, A3 and H1 afterwards.

use std::collections::BTreeMap;

use bbolt::etcd_layout::{RevisionKey, applied, bucket};
use bbolt::{Database, check};
use bytes::Bytes;
use prost::Message as _;
use proto::etcdserverpb::RangeRequest;
use proto::mvccpb::KeyValue;
use raft::SnapshotMeta;

use super::timeline::Timeline;
use super::{Ghost, Tally, Verdict, Violation, violated};

/// Judges a whole file as a member sent it.
pub fn sent(
    timeline: &Timeline,
    ghost: &Ghost,
    tally: &Tally,
    member: usize,
    meta: &SnapshotMeta,
    file: Bytes,
) -> Verdict {
    tally.hit("X1");
    let who = member + 1;
    let index = meta.index.get();
    let unreadable = |what: String| Violation {
        check: "X1",
        text: format!("member {who} sends a snapshot at {index} that cannot be read: {what}"),
    };
    let database = Database::open(file).map_err(|error| unreadable(error.to_string()))?;
    let flaws = check(&database).map_err(|error| unreadable(error.to_string()))?;
    if let Some(flaw) = flaws.first() {
        return Err(unreadable(flaw.to_string()));
    }
    let holds = applied(&database).map_err(|error| unreadable(error.to_string()))?;
    let mut voters: Vec<u64> = meta.conf_state.voters.iter().map(|id| id.get()).collect();
    voters.sort_unstable();
    let mut configured = holds.conf_state.clone().unwrap_or_default().voters;
    configured.sort_unstable();
    let committed = ghost.committed.get(&index).map_or(meta.term.get(), |entry| entry.term);
    let told = (index, meta.term.get(), voters);
    if (holds.index, holds.term, configured) != told || committed != meta.term.get() {
        return violated!(
            "X1",
            "member {who} announces a snapshot at {told:?}, its file holds {holds:?}; the \
             committed term is {committed}"
        );
    }
    let Some(revision) = timeline.revision_at(index) else { return Ok(()) };
    let found = living(&database).map_err(|error| unreadable(error.to_string()))?;
    compare(timeline, who, index, revision, &found)
}

type Pairs = BTreeMap<Bytes, KeyValue>;

/// The pairs that are alive behind the last revision of the file.
fn living(database: &Database<Bytes>) -> Result<Pairs, bbolt::ReadError<bbolt::OutOfBounds>> {
    let mut pairs = Pairs::new();
    let Some(keys) = database.bucket(bucket::KEY)? else { return Ok(pairs) };
    for entry in keys.entries() {
        let entry = entry?;
        let pair = KeyValue::decode(entry.value).unwrap_or_default();
        match RevisionKey::decode(&entry.key) {
            Some(revision) if !revision.tombstone => pairs.insert(pair.key.clone(), pair),
            _ => pairs.remove(&pair.key),
        };
    }
    Ok(pairs)
}

fn compare(timeline: &Timeline, who: usize, index: u64, revision: i64, found: &Pairs) -> Verdict {
    let all = RangeRequest { key: vec![0].into(), range_end: vec![0].into(), ..Default::default() };
    let Ok(expected) = timeline.oracle().recall(revision, &all) else { return Ok(()) };
    let expected: Pairs = expected.kvs.into_iter().map(|pair| (pair.key.clone(), pair)).collect();
    if *found == expected {
        return Ok(());
    }
    let differs = |key: &&Bytes| found.get(*key) != expected.get(*key);
    let key = found.keys().chain(expected.keys()).find(differs);
    let (ours, theirs) = (key.and_then(|key| found.get(key)), key.and_then(|k| expected.get(k)));
    violated!(
        "X1",
        "member {who} sends a snapshot at {index} (revision {revision}) with {ours:?}, the oracle \
         has {theirs:?}"
    )
}

/// Judges what the receiver of a corrupted file said once it had all of it.
pub fn corrupted(tally: &Tally, member: usize, was_accepted: bool) -> Verdict {
    tally.hit("X5");
    match was_accepted {
        false => Ok(()),
        true => violated!("X5", "member {} accepts a snapshot that is corrupt", member + 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepting_a_corrupt_file_breaks_x5() {
        let tally = Tally::default();
        corrupted(&tally, 0, false).expect("refused");
        assert_eq!(corrupted(&tally, 0, true).expect_err("accepted").check, "X5");
    }

    #[test]
    fn a_file_that_is_none_breaks_x1() {
        let (timeline, ghost) = (Timeline::new(Default::default(), None), Ghost::new(Vec::new()));
        let meta = SnapshotMeta {
            index: base::Index(1),
            term: base::Term(1),
            conf_state: raft::ConfState::default(),
        };
        let file = Bytes::from_static(b"no file");
        let broken = sent(&timeline, &ghost, &Tally::default(), 0, &meta, file);
        assert_eq!(broken.expect_err("unreadable").check, "X1");
    }
}
