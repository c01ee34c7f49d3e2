//! H1: members at the same revision have the same content. Judged by HashKV, against each other
//! and against the oracle, which computes it by etcd's rule.
//!
//! A member that compacted later than another hashes other versions; only hashes at the same
//! revision and compaction are compared.

use model::Oracle;
use proto::etcdserverpb::HashKvResponse;

use super::{Tally, Verdict, violated};

/// Judges the answers of members (by number) to HashKV at one revision.
pub fn agree(oracle: &Oracle, tally: &Tally, answers: &[(usize, HashKvResponse)]) -> Verdict {
    for (member, answer) in answers {
        tally.hit("H1");
        if answer.hash_revision != oracle.revision() {
            continue;
        }
        let Ok(ruling) = oracle.hash_kv(0) else { continue };
        if answer.compact_revision == oracle.compacted() && answer.hash != ruling.hash {
            return violated!(
                "H1",
                "member {} hashes revision {} (compacted {}) to {:x}, the oracle to {:x}",
                member + 1,
                answer.hash_revision,
                answer.compact_revision,
                answer.hash,
                ruling.hash
            );
        }
    }
    for pair in answers.windows(2) {
        let [(one, a), (two, b)] = pair else { continue };
        let comparable =
            a.hash_revision == b.hash_revision && a.compact_revision == b.compact_revision;
        if comparable && a.hash != b.hash {
            return violated!(
                "H1",
                "at revision {} member {} hashes to {:x}, member {} to {:x}",
                a.hash_revision,
                one + 1,
                a.hash,
                two + 1,
                b.hash
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_hashes_break_h1() {
        let oracle = Oracle::default();
        let hash = oracle.hash_kv(0).expect("the current revision").hash;
        let answer = |hash| HashKvResponse {
            hash,
            compact_revision: -1,
            hash_revision: 1,
            ..Default::default()
        };
        let tally = Tally::default();
        agree(&oracle, &tally, &[(0, answer(hash)), (1, answer(hash))]).expect("equal");
        let broken = agree(&oracle, &tally, &[(0, answer(hash)), (1, answer(hash ^ 1))]);
        assert_eq!(broken.expect_err("they differ").check, "H1");
    }
}
