//! The committed log as the oracle reads it: what each entry answers, which revision it leads to,
//! which events it causes. It grows with the first application of each index by any member, and
//! later applications are compared with it.
//!
//! - A3: answers are equal on all members, and over every replay.
//! - A4: so are the logical sizes, on members whose knobs differ; they are the oracle's, and a
//!   write that asks for more than the quota is never acknowledged.
//! - V4: the revision after each entry is the oracle's: one more after an effective write, the same
//!   otherwise, also over crashes and snapshots.
//! - A1: no entry is skipped or applied to another state than the log's. Judged by answers and
//!   revisions at every index; the content itself is compared by V3's audits and by H1.

use std::collections::{BTreeMap, BTreeSet};

use base::checksum::{crc32c, crc32c_append};
use model::oracle::Rights;
use model::{Error, Oracle, Response, Settings};
use node::env::Event;
use prost::Message;
use proto::etcdserverpb::request_op::Request as Op;
use proto::etcdserverpb::{InternalRaftRequest, PutRequest, RequestOp, TxnRequest};
use proto::mvccpb::Event as WatchEvent;

use super::{Step, Verdict, txn_effects, violated};

/// One entry's place in the history.
#[derive(Clone, Debug)]
pub struct Ruled {
    /// What the oracle answers.
    pub response: Result<Response, Error>,
    /// The revision afterwards.
    pub revision: i64,
    /// The answer's checksum on the member that applied it first.
    pub answer: u32,
    /// The term of the entry.
    pub term: u64,
    /// The logical size afterwards.
    pub logical_bytes: i64,
    /// Whether it asked for more than the quota.
    pub is_over: bool,
    /// Whether it is a transaction that is refused.
    pub is_refused_txn: bool,
}

/// The history of the state, by index and by revision.
pub struct Timeline {
    oracle: Oracle,
    quota_bytes: Option<i64>,
    ruled: BTreeMap<u64, Ruled>,
    /// The indexes of each request, by its encoding without id and caller.
    requests: BTreeMap<Vec<u8>, Vec<u64>>,
    /// What each revision caused, as it was caused.
    events: BTreeMap<i64, Vec<WatchEvent>>,
    /// Revisions at which the revocation of a lease deleted keys (E3).
    revocations: BTreeSet<i64>,
    /// What everybody could do, from each index that changed it on.
    rights: BTreeMap<u64, Rights>,
}

/// A request without what the member adds to it.
///
/// The time to live of a lease may be raised to the shortest one before it is proposed.
#[must_use]
pub fn bare(mut request: InternalRaftRequest) -> Vec<u8> {
    request.header = None;
    request.id = 0;
    if let Some(grant) = &mut request.lease_grant {
        grant.ttl = 0;
    }
    request.encode_to_vec()
}

/// What etcd's quota counts for a request: 256 B for a put and its key and value, of a transaction
/// the costlier branch, 64 B for a lease.
fn cost(request: &InternalRaftRequest) -> Option<i64> {
    fn of_put(put: &PutRequest) -> i64 {
        256 + (put.key.len() + put.value.len()) as i64
    }
    fn of_txn(txn: &TxnRequest) -> i64 {
        let of_op = |op: &RequestOp| match &op.request {
            Some(Op::RequestPut(put)) => of_put(put),
            Some(Op::RequestTxn(txn)) => of_txn(txn),
            _ => 0,
        };
        let of_branch = |ops: &[RequestOp]| ops.iter().map(of_op).sum::<i64>();
        of_branch(&txn.success).max(of_branch(&txn.failure))
    }
    let of_write = request.txn.as_ref().filter(|txn| model::oracle::has_put(txn)).map(of_txn);
    let of_lease = request.lease_grant.as_ref().map(|_| 64);
    request.put.as_ref().map(of_put).or(of_write).or(of_lease)
}

impl Timeline {
    /// An empty history under these settings and this quota.
    #[must_use]
    pub fn new(settings: Settings, quota_bytes: Option<i64>) -> Timeline {
        let oracle = Oracle::new(settings);
        Timeline {
            rights: BTreeMap::from([(0, oracle.rights())]),
            oracle,
            quota_bytes,
            ruled: BTreeMap::new(),
            requests: BTreeMap::new(),
            events: BTreeMap::new(),
            revocations: BTreeSet::new(),
        }
    }

    /// Judges an application.
    pub fn step(&mut self, step: &Step<'_>) -> Verdict {
        let Event::Applied { index, term, data, answer, revision, logical_bytes, .. } = step.event
        else {
            return Ok(());
        };
        let index = index.get();
        if index == self.last() + 1 {
            let is_normal = step.ghost.members[step.member]
                .log
                .get(&index)
                .is_none_or(|entry| entry.checksum == crc32c_append(crc32c(&[0]), data));
            self.rule(index, term.get(), if is_normal { data } else { &[] }, *answer);
        }
        let Some(ruled) = self.ruled.get(&index) else { return Ok(()) };
        for check in ["A3", "A4", "V4"] {
            step.tally.hit(check);
        }
        let held = (*revision, *logical_bytes);
        txn_effects::refused(step.tally, step.member, ruled, held)?;
        let who = step.member + 1;
        if *revision != ruled.revision {
            return violated!(
                "V4",
                "member {who} is at revision {revision} after entry {index}, the oracle at {}",
                ruled.revision
            );
        }
        if *logical_bytes != ruled.logical_bytes {
            return violated!(
                "A4",
                "member {who} holds {logical_bytes} B after entry {index}, the oracle {} B",
                ruled.logical_bytes
            );
        }
        if *answer != ruled.answer {
            return violated!(
                "A3",
                "member {who} answers entry {index} with checksum {answer:x}, \
                 another one with {:x}",
                ruled.answer
            );
        }
        Ok(())
    }

    /// Lets the oracle rule on the next entry.
    pub(crate) fn rule(&mut self, index: u64, term: u64, data: &[u8], answer: u32) {
        let mut response = Ok(Response::Empty);
        let before = self.ruled.last_key_value().map_or(0, |(_, last)| last.logical_bytes);
        let (mut is_over, mut is_refused_txn) = (false, false);
        if let Ok(request) = InternalRaftRequest::decode(data)
            && !data.is_empty()
        {
            is_over = self.quota_bytes.zip(cost(&request)).is_some_and(|(q, c)| before + c >= q);
            let reply = self.oracle.apply(&request);
            response = reply.response;
            is_refused_txn = request.txn.is_some() && response.is_err();
            if !reply.events.is_empty() {
                let revision = self.oracle.revision();
                self.events.insert(revision, reply.events);
                if request.lease_revoke.is_some() {
                    self.revocations.insert(revision);
                }
            }
            self.requests.entry(bare(request)).or_default().push(index);
        }
        let last = self.rights.last_key_value();
        if !last.is_some_and(|(_, rights)| self.oracle.has_rights(rights)) {
            self.rights.insert(index, self.oracle.rights());
        }
        let revision = self.oracle.revision();
        let logical_bytes = self.oracle.history().logical_bytes();
        let ruled =
            Ruled { response, revision, answer, term, logical_bytes, is_over, is_refused_txn };
        self.ruled.insert(index, ruled);
    }

    /// The last index that somebody applied.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.ruled.last_key_value().map_or(0, |(&index, _)| index)
    }

    /// The revision after an index; `None` while nobody has applied it.
    #[must_use]
    pub fn revision_at(&self, index: u64) -> Option<i64> {
        if index == 0 {
            return Some(1);
        }
        self.ruled.get(&index).map(|ruled| ruled.revision)
    }

    /// The indexes at which a request stands in the log, ascending.
    #[must_use]
    pub fn places(&self, request: &InternalRaftRequest) -> &[u64] {
        self.requests.get(&bare(request.clone())).map_or(&[], Vec::as_slice)
    }

    /// The ruling on an index.
    #[must_use]
    pub fn ruled(&self, index: u64) -> Option<&Ruled> {
        self.ruled.get(&index)
    }

    /// The events of the revisions `from..=to`, in order, with the previous pairs that they had.
    pub fn events(&self, from: i64, to: i64) -> impl Iterator<Item = (i64, &WatchEvent)> {
        let range = from..to.max(from - 1) + 1;
        self.events
            .range(range)
            .flat_map(|(&revision, events)| events.iter().map(move |event| (revision, event)))
    }

    /// Whether a revision deleted the keys of a lease.
    #[must_use]
    pub fn is_revocation(&self, revision: i64) -> bool {
        self.revocations.contains(&revision)
    }

    /// What everybody could do at an index and, as it changed, from there on.
    pub fn rights_since(&self, index: u64) -> impl Iterator<Item = &Rights> {
        let first = self.rights.range(..=index).next_back();
        first.into_iter().chain(self.rights.range(index + 1..)).map(|(_, rights)| rights)
    }

    /// The state after the last index.
    #[must_use]
    pub fn oracle(&self) -> &Oracle {
        &self.oracle
    }
}

#[cfg(test)]
mod tests {
    use base::{Index, Term};
    use node::env::Event;
    use prost::Message;
    use proto::etcdserverpb::{DeleteRangeRequest, InternalRaftRequest, PutRequest};

    use crate::check::testing::Play;

    pub fn applied(index: u64, request: &InternalRaftRequest, answer: u32, revision: i64) -> Event {
        let data = request.encode_to_vec().into();
        let (index, term) = (Index(index), Term(1));
        let logical_bytes = if request.put.is_some() { 35 } else { 0 };
        Event::Applied { index, term, data, answer, revision, chain: 0, logical_bytes }
    }

    fn put() -> InternalRaftRequest {
        let put = PutRequest { key: "key".into(), value: "value".into(), ..Default::default() };
        InternalRaftRequest { put: Some(put), ..Default::default() }
    }

    #[test]
    fn an_answer_that_differs_between_members_breaks_a3() {
        let mut play = Play::new(2);
        play.commit_requests(0, &[put()]);
        play.commit_requests(1, &[put()]);
        play.event(0, &applied(1, &put(), 7, 2)).expect("the first");
        let broken = play.event(1, &applied(1, &put(), 8, 2)).expect_err("another answer");
        assert_eq!(broken.check, "A3");
    }

    #[test]
    fn a_size_that_is_not_the_logs_breaks_a4() {
        let mut play = Play::new(1);
        play.commit_requests(0, &[put()]);
        let mut larger = applied(1, &put(), 7, 2);
        if let Event::Applied { logical_bytes, .. } = &mut larger {
            *logical_bytes += 1;
        }
        assert_eq!(play.event(0, &larger).expect_err("one byte more").check, "A4");
    }

    #[test]
    fn an_empty_delete_that_counts_breaks_v4() {
        let mut play = Play::new(1);
        let delete = DeleteRangeRequest { key: "none".into(), ..Default::default() };
        let delete = InternalRaftRequest { delete_range: Some(delete), ..Default::default() };
        play.commit_requests(0, std::slice::from_ref(&delete));
        assert_eq!(play.event(0, &applied(1, &delete, 7, 2)).expect_err("not 2").check, "V4");
    }
}
