//! V11: the calls that clients recorded have a legal order that respects real time. Judged at the
//! end, without any knowledge of the log, by the model's checker.
//!
//! Runs whose leases expire are left out: nobody recorded those revocations. A search that exceeds
//! its memory decides nothing, and is not counted.

use model::check::linearizable::{self, Call, Verdict as Found};
use model::{Oracle, Settings};

use super::{Tally, Verdict, violated};

/// States that a search may remember.
const MEMORY_MAX: usize = 20_000;

/// Judges all calls of a run that began on an empty store.
pub fn linearizable(settings: Settings, tally: &Tally, calls: &[Call]) -> Verdict {
    match linearizable::check(&Oracle::new(settings), calls, MEMORY_MAX) {
        Found::Linearizable => {
            tally.hit("V11");
            Ok(())
        }
        Found::Undecided => Ok(()),
        Found::Violation(text) => violated!("V11", "{text}"),
    }
}

#[cfg(test)]
mod tests {
    use model::check::linearizable::Outcome;
    use model::oracle::header;
    use model::{Response, Settings};
    use proto::etcdserverpb::{InternalRaftRequest, PutRequest, PutResponse};

    use super::*;

    #[test]
    fn an_answer_that_no_order_explains_breaks_v11() {
        let call = |invoked, revision| {
            let put = PutRequest { key: "key".into(), ..Default::default() };
            let answer = PutResponse { header: header(revision), ..Default::default() };
            let response = Ok(Response::Put(answer));
            Call {
                client: 1,
                invoked,
                request: InternalRaftRequest { put: Some(put), ..Default::default() },
                outcome: Outcome::Answered { at: invoked + 5, response },
            }
        };
        let tally = Tally::default();
        let settings = Settings::default();
        linearizable(settings, &tally, &[call(0, 2), call(10, 3)]).expect("in order");
        let broken = linearizable(settings, &tally, &[call(0, 3), call(10, 2)]);
        assert_eq!(broken.expect_err("against real time").check, "V11");
    }
}
