//! V12: a physical compaction is acknowledged only once the member that acknowledges it has it in
//! its backend for good, so that no crash brings back what it made dead.

use proto::etcdserverpb::InternalRaftRequest;

use super::ghost::Ghost;
use super::{Tally, Verdict, violated};

/// Judges a write that stands at `index` of the log, acknowledged by a member.
pub fn wrote(
    ghost: &Ghost,
    tally: &Tally,
    member: usize,
    request: &InternalRaftRequest,
    index: u64,
) -> Verdict {
    if !request.compaction.is_some_and(|compaction| compaction.physical) {
        return Ok(());
    }
    tally.hit("V12");
    let persisted = ghost.members[member].persisted;
    match persisted >= index {
        true => Ok(()),
        false => violated!(
            "V12",
            "member {} acknowledges the physical compaction of entry {index}, and its backend is \
             at entry {persisted}",
            member + 1
        ),
    }
}

#[cfg(test)]
mod tests {
    use base::Index;
    use node::env::Event;
    use proto::etcdserverpb::CompactionRequest;

    use super::*;
    use crate::check::testing::Play;

    #[test]
    fn an_answer_before_the_record_breaks_v12() {
        let mut play = Play::new(1);
        let compaction = |physical| InternalRaftRequest {
            compaction: Some(CompactionRequest { revision: 1, physical }),
            ..InternalRaftRequest::default()
        };
        let judge = |play: &Play, physical| {
            wrote(play.checks.ghost(), play.checks.tally(), 0, &compaction(physical), 7)
        };
        play.event(0, &Event::Persisted { applied: Index(6) }).expect("any");
        judge(&play, false).expect("nobody promised anything");
        assert_eq!(judge(&play, true).expect_err("it is early").check, "V12");
        play.event(0, &Event::Persisted { applied: Index(7) }).expect("any");
        judge(&play, true).expect("it is recorded");
    }
}
