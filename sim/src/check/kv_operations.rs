//! What clients were told, against the oracle.
//!
//! - V1 Strict serializability, white box: an acknowledged write's answer is the oracle's at one of
//!   its places in the log, and the log's order respects real time.
//! - V2, R15: a linearizable read's answer is the oracle's at its header's revision, which is not
//!   below what was acknowledged, nor below what was committed anywhere, before the call. R15 is
//!   also judged inside the member, by [`super::read_barrier`].
//! - V3: a serializable read's answer is the oracle's at exactly its header's revision.
//! - V5 follows from the deep comparison: create and mod revision, version and lease of each pair.
//! - T2: so are the branches of an acknowledged transaction ([`super::txn_effects`]).
//! - V9: a request that no client repeats stands in the log zero or one times, and once when it was
//!   acknowledged.
//!
//! It does not verify answers at a revision that was asked for and compacted meanwhile, nor error
//! texts beyond their class.

use model::Response as Ruling;
use proto::etcdserverpb::{InternalRaftRequest, RangeRequest, RangeResponse, ResponseHeader};

use super::timeline::{Ruled, Timeline};
use super::{Tally, Verdict, txn_effects, violated};

/// What was certain when a call began.
#[derive(Clone, Copy, Debug, Default)]
pub struct Before {
    /// The highest revision in any answer that had been received.
    pub revision: i64,
    /// The highest log index of a write that had been acknowledged.
    pub index: u64,
    /// The highest index that was committed anywhere.
    pub commit: u64,
    /// The highest revision whose compaction had been acknowledged.
    pub compacted: i64,
}

/// What clients know.
#[derive(Debug, Default)]
pub struct Operations {
    now: Before,
}

/// Leaves only the revision, as the oracle has it.
pub fn strip(header: &mut Option<ResponseHeader>) {
    if let Some(header) = header {
        *header = ResponseHeader { revision: header.revision, ..ResponseHeader::default() };
    }
}

/// An answer without what differs between members.
#[must_use]
pub fn normal(mut response: Ruling) -> Ruling {
    match &mut response {
        Ruling::Range(r) => strip(&mut r.header),
        Ruling::Put(r) => strip(&mut r.header),
        Ruling::DeleteRange(r) => strip(&mut r.header),
        Ruling::Txn(r) => strip(&mut r.header),
        Ruling::Compaction(r) => strip(&mut r.header),
        Ruling::LeaseGrant(r) => strip(&mut r.header),
        Ruling::LeaseRevoke(r) => strip(&mut r.header),
        Ruling::LeaseCheckpoint(r) => strip(&mut r.header),
        Ruling::Alarm(r) => strip(&mut r.header),
        Ruling::Empty => {}
    }
    response
}

impl Operations {
    /// What is certain now.
    #[must_use]
    pub fn before(&self, commit: u64) -> Before {
        Before { commit, ..self.now }
    }

    /// A write was acknowledged. Gives its index.
    pub fn wrote(
        &mut self,
        timeline: &Timeline,
        tally: &Tally,
        before: &Before,
        request: &InternalRaftRequest,
        answer: Ruling,
    ) -> Result<u64, super::Violation> {
        tally.hit("V1");
        tally.hit("V5");
        if request.txn.is_some() {
            tally.hit("T2");
        }
        let answer = normal(answer);
        let places = timeline.places(request);
        let place = places.iter().copied().filter(|&index| index > before.index).find(|&index| {
            let ruled = timeline.ruled(index).filter(|ruled| explains(timeline, ruled, &answer));
            ruled.is_some_and(|ruled| !ruled.is_over)
        });
        let Some(index) = place else {
            let late = places.iter().filter(|&&index| index > before.index);
            let rulings = late.filter_map(|&index| timeline.ruled(index));
            txn_effects::branches(rulings, &answer)?;
            let rulings: Vec<_> =
                places.iter().map(|&index| (index, timeline.ruled(index))).collect();
            return violated!(
                "V1",
                "{answer:?} was answered to {request:?}, begun after {before:?}; \
                 the log has {rulings:?}"
            );
        };
        self.now.index = self.now.index.max(index);
        self.now.revision = self.now.revision.max(answer.revision());
        if let Some(compaction) = &request.compaction {
            self.now.compacted = self.now.compacted.max(compaction.revision);
        }
        Ok(index)
    }

    /// A range or a read-only transaction was answered.
    pub fn read(
        &mut self,
        timeline: &Timeline,
        tally: &Tally,
        before: &Before,
        is_linearizable: bool,
        request: &RangeRequest,
        mut answer: RangeResponse,
    ) -> Verdict {
        strip(&mut answer.header);
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        let newest = timeline.oracle().revision();
        if revision < 1 || revision > newest {
            return violated!(
                "V3",
                "{request:?} is answered at revision {revision}, the newest is {newest}"
            );
        }
        if is_linearizable {
            self.fresh(timeline, tally, before, revision)?;
            self.now.revision = self.now.revision.max(revision);
        } else {
            tally.hit("V3");
        }
        if request.revision > 0 && is_linearizable {
            tally.hit("V7");
        }
        if request.revision > 0 && request.revision < before.compacted && is_linearizable {
            return violated!(
                "V7",
                "{request:?} is answered although {} was compacted before",
                before.compacted
            );
        }
        let ruling = timeline.oracle().recall(revision, request);
        if ruling.as_ref() == Ok(&answer) {
            return Ok(());
        }
        let check = if is_linearizable { "V2" } else { "V3" };
        let text = format!("{request:?} is answered {answer:?}; the oracle says {ruling:?}");
        Err(super::Violation { check, text })
    }

    fn fresh(&self, timeline: &Timeline, tally: &Tally, before: &Before, revision: i64) -> Verdict {
        tally.hit("V2");
        if revision < before.revision {
            return violated!(
                "V2",
                "a linearizable read at revision {revision} began after {} was acknowledged",
                before.revision
            );
        }
        tally.hit("R15");
        match timeline.revision_at(before.commit) {
            Some(least) if revision >= least => Ok(()),
            least => violated!(
                "R15",
                "a linearizable read at revision {revision} began after index {} was committed, \
                 which leads to revision {least:?}",
                before.commit
            ),
        }
    }
}

/// Whether a ruling is what was answered. Lease and compaction answers carry the revision at the
/// time they were sent, which later writes may have raised.
fn explains(timeline: &Timeline, ruled: &Ruled, answer: &Ruling) -> bool {
    let Ok(ruling) = &ruled.response else { return false };
    let newest = timeline.oracle().revision();
    let is_later = (ruling.revision()..=newest).contains(&answer.revision());
    match (ruling, answer) {
        (Ruling::LeaseGrant(a), Ruling::LeaseGrant(b)) => {
            is_later && (a.id, a.ttl, &a.error) == (b.id, b.ttl, &b.error)
        }
        (Ruling::LeaseRevoke(_), Ruling::LeaseRevoke(_))
        | (Ruling::Compaction(_), Ruling::Compaction(_)) => is_later,
        (ruling, answer) => ruling == answer,
    }
}

/// Judges, at the end, a request that no client repeated.
pub fn once(
    timeline: &Timeline,
    tally: &Tally,
    request: &InternalRaftRequest,
    acknowledged: bool,
) -> Verdict {
    tally.hit("V9");
    let places = timeline.places(request);
    if places.len() > 1 || (acknowledged && places.is_empty()) {
        return violated!(
            "V9",
            "{request:?} (acknowledged: {acknowledged}) stands in the log at {places:?}"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use model::oracle::header;
    use model::{Response as Ruling, Settings};
    use proto::etcdserverpb::{
        InternalRaftRequest, PutRequest, PutResponse, RangeRequest, RangeResponse,
    };

    use super::*;
    use crate::check::testing::timeline;

    fn put(value: &str) -> InternalRaftRequest {
        let value = value.to_string().into();
        let put = PutRequest { key: "key".into(), value, ..Default::default() };
        InternalRaftRequest { put: Some(put), ..Default::default() }
    }

    fn answer(revision: i64) -> Ruling {
        Ruling::Put(PutResponse { header: header(revision), ..Default::default() })
    }

    #[test]
    fn a_write_that_is_not_in_the_log_breaks_v1() {
        let timeline = timeline(Settings::default(), &[put("one"), put("two")]);
        let (mut operations, tally) = (Operations::default(), Tally::default());
        let before = operations.before(0);
        let mut wrote = |before: &Before, value: &str, revision| {
            operations.wrote(&timeline, &tally, before, &put(value), answer(revision))
        };
        assert_eq!(wrote(&before, "one", 2), Ok(1));
        assert_eq!(wrote(&before, "three", 4).expect_err("not there").check, "V1");
        assert_eq!(wrote(&before, "two", 9).expect_err("at revision 3").check, "V1");
        let late = Before { index: 2, ..before };
        assert_eq!(wrote(&late, "two", 3).expect_err("before its call").check, "V1");
    }

    #[test]
    fn stale_and_wrong_reads_break_v2_v3_and_r15() {
        let timeline = timeline(Settings::default(), &[put("one"), put("two")]);
        let (mut operations, tally) = (Operations::default(), Tally::default());
        let request = RangeRequest { key: "key".into(), ..Default::default() };
        let at = |revision| timeline.oracle().recall(revision, &request).expect("kept");
        let mut read = |before: Before, linearizable, answer: RangeResponse| {
            operations.read(&timeline, &tally, &before, linearizable, &request, answer)
        };
        let nothing = Before::default();
        read(nothing, true, at(3)).expect("the newest");
        read(nothing, false, at(2)).expect("an old state, serializable");
        let acknowledged = Before { revision: 3, ..nothing };
        assert_eq!(read(acknowledged, true, at(2)).expect_err("stale").check, "V2");
        let committed = Before { commit: 2, ..nothing };
        assert_eq!(read(committed, true, at(2)).expect_err("stale").check, "R15");
        let mut wrong = at(3);
        wrong.kvs[0].version = 9;
        assert_eq!(read(nothing, false, wrong).expect_err("no such state").check, "V3");
    }

    #[test]
    fn a_request_that_is_in_the_log_twice_breaks_v9() {
        let timeline = timeline(Settings::default(), &[put("one"), put("two"), put("two")]);
        let tally = Tally::default();
        once(&timeline, &tally, &put("one"), true).expect("once");
        once(&timeline, &tally, &put("never"), false).expect("never");
        assert_eq!(once(&timeline, &tally, &put("two"), false).expect_err("twice").check, "V9");
        assert_eq!(once(&timeline, &tally, &put("never"), true).expect_err("lost").check, "V9");
    }
}
