//! Who differs, by what each member says of its keys.

use std::collections::BTreeMap;

use base::MemberId;
use mvcc::KvHash;
use proto::etcdserverpb::HashKvResponse;

use super::revision_of;

/// What another member said of its keys at a revision, or why it did not.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub member: MemberId,
    pub said: Result<HashKvResponse, String>,
}

/// The outcome of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Finding {
    /// Nobody differs, of so many members that could be compared, the own one included.
    Equal { compared: usize },
    /// Who holds something else, each with what was seen; zero where nobody can say who is wrong.
    Differ(Vec<(MemberId, String)>),
}

/// Compares the hash of one compaction. A member counts if it has compacted to the same revision
/// before; of those that differ, the majority of all members is right.
pub(super) fn compactions(own: MemberId, hash: &KvHash, answers: &[Answer]) -> Finding {
    let mut holders = BTreeMap::from([(hash.hash, vec![own])]);
    for Answer { member, said } in answers {
        let Ok(response) = said else { continue };
        if response.compact_revision == hash.compact_revision {
            holders.entry(response.hash).or_default().push(*member);
        }
    }
    if holders.len() == 1 {
        return Finding::Equal { compared: holders.values().map(Vec::len).sum() };
    }
    let members = answers.len() + 1;
    let quorum = members / 2 + 1;
    let right = holders.iter().find(|(_, members)| members.len() >= quorum).map(|(hash, _)| *hash);
    let at = format!("its hash at the compaction to revision {}", hash.hash_revision);
    let Some(right) = right else {
        return Finding::Differ(vec![(MemberId::ZERO, format!("{at} is not the same"))]);
    };
    let wrong = holders.into_iter().filter(|(hash, _)| *hash != right);
    let accused = wrong.flat_map(|(hash, members)| {
        let why = format!("{at} is {hash}, not {right}");
        members.into_iter().map(move |member| (member, why.clone()))
    });
    Finding::Differ(accused.collect())
}

/// Compares everything. `before` is the leader's own hash, taken before the others were asked for
/// theirs at its revision, and `after` that from after a read barrier behind their answers. Only
/// the first that differs is named: the alarm of one ends all writes.
pub(super) fn everything(
    own: MemberId,
    before: &HashKvResponse,
    after: &HashKvResponse,
    answers: &[Answer],
) -> Finding {
    let differs = |member, why: String| Finding::Differ(vec![(member, why)]);
    let unmoved = before.hash_revision == after.hash_revision
        && before.compact_revision == after.compact_revision;
    if unmoved && before.hash != after.hash {
        return differs(own, format!("its hash was {} and is {}", before.hash, after.hash));
    }
    let mut compared = 1;
    for Answer { member, said } in answers {
        let Ok(response) = said else { continue };
        let revision = revision_of(response);
        if revision > revision_of(after) {
            let leader = revision_of(after);
            return differs(*member, format!("it is at revision {revision}, not {leader}"));
        }
        if response.compact_revision > after.compact_revision {
            let (its, leader) = (response.compact_revision, after.compact_revision);
            return differs(*member, format!("it has compacted to {its}, not {leader}"));
        }
        if response.compact_revision == before.compact_revision {
            if response.hash != before.hash {
                let (its, at, leader) = (response.hash, before.hash_revision, before.hash);
                return differs(*member, format!("its hash at {at} is {its}, not {leader}"));
            }
            compared += 1;
        }
    }
    Finding::Equal { compared }
}

#[cfg(test)]
mod tests {
    use proto::etcdserverpb::ResponseHeader;

    use super::*;

    fn said(hash: u32, compact_revision: i64, hash_revision: i64, revision: i64) -> HashKvResponse {
        let header = Some(ResponseHeader { revision, ..ResponseHeader::default() });
        HashKvResponse { header, hash, compact_revision, hash_revision }
    }

    fn answers(all: &[Option<HashKvResponse>]) -> Vec<Answer> {
        let answer = |(said, id): (&Option<HashKvResponse>, u64)| Answer {
            member: MemberId(id),
            said: said.ok_or_else(|| "it sleeps".into()),
        };
        all.iter().zip(2..).map(answer).collect()
    }

    fn accused(finding: Finding) -> Vec<u64> {
        match finding {
            Finding::Equal { .. } => vec![],
            Finding::Differ(accused) => accused.iter().map(|(member, _)| member.get()).collect(),
        }
    }

    fn by_compaction(all: &[Option<HashKvResponse>]) -> Finding {
        let own = KvHash { hash: 7, compact_revision: 3, hash_revision: 9 };
        compactions(MemberId(1), &own, &answers(all))
    }

    #[test]
    fn of_compactions_the_minority_is_wrong() {
        let (same, other) = (Some(said(7, 3, 9, 20)), Some(said(8, 3, 9, 20)));
        let elsewhere = Some(said(8, 4, 9, 20));
        let equal = |compared| Finding::Equal { compared };
        assert_eq!(by_compaction(&[]), equal(1));
        assert_eq!(by_compaction(&[same, same]), equal(3));
        assert_eq!(by_compaction(&[same, None]), equal(2), "who sleeps is not wrong");
        let late = by_compaction(&[same, elsewhere]);
        assert_eq!(late, equal(2), "one that compacted otherwise cannot be compared");
        assert_eq!(accused(by_compaction(&[same, other])), [3]);
        assert_eq!(accused(by_compaction(&[other, other])), [1], "the leader is");
        assert_eq!(accused(by_compaction(&[other, None])), [0], "one of two, or the other");
        let third = Some(said(9, 3, 9, 20));
        assert_eq!(accused(by_compaction(&[other, third])), [0]);
        let five = [same, same, other, third];
        assert_eq!(accused(by_compaction(&five)), [4, 5]);
    }

    #[test]
    fn of_everything_the_leader_is_right_unless_it_changes_by_itself() {
        let before = said(7, 3, 20, 20);
        let find = |after: &HashKvResponse, all: &[Option<HashKvResponse>]| {
            accused(everything(MemberId(1), &before, after, &answers(all)))
        };
        let same = Some(said(7, 3, 20, 20));
        let later = said(9, 3, 22, 22);
        assert_eq!(find(&later, &[same, None]), [0; 0]);
        assert_eq!(find(&said(8, 3, 20, 20), std::slice::from_ref(&same)), [1]);
        assert_eq!(
            find(&said(8, 5, 20, 20), std::slice::from_ref(&same)),
            [0; 0],
            "it compacted meanwhile"
        );
        assert_eq!(find(&later, &[same, Some(said(8, 3, 20, 20))]), [3]);
        assert_eq!(find(&later, &[Some(said(8, 2, 20, 20))]), [0; 0], "a compaction behind");
        assert_eq!(find(&later, &[Some(said(7, 3, 20, 23))]), [2], "ahead of its leader");
        assert_eq!(find(&later, &[Some(said(8, 4, 20, 22))]), [2], "compacted what nobody did");
    }
}
