//! Transactions as a whole.
//!
//! - T2: every compare sees the state before the transaction: the branches that an acknowledged one
//!   took, nested ones included, are the oracle's.
//! - T6: a transaction that is refused leaves nothing: no revision and no byte.
//!
//! What the operations of the branches answer is judged by V1, and what they lead to by V4 and A4.

use model::Response;
use proto::etcdserverpb::TxnResponse;
use proto::etcdserverpb::response_op::Response as Answer;

use super::timeline::Ruled;
use super::{Tally, Verdict, violated};

/// Judges the branches that an answer says were taken, by what the oracle took at each place in the
/// log that the answer could belong to.
pub fn branches<'a>(places: impl Iterator<Item = &'a Ruled>, answer: &Response) -> Verdict {
    let Response::Txn(answer) = answer else { return Ok(()) };
    let mut rulings = places
        .filter_map(|ruled| match &ruled.response {
            Ok(Response::Txn(ruling)) => Some(taken(ruling)),
            _ => None,
        })
        .peekable();
    if rulings.peek().is_none() {
        return Ok(());
    }
    let (took, ruled) = (taken(answer), rulings.collect::<Vec<_>>());
    match ruled.contains(&took) {
        true => Ok(()),
        false => violated!(
            "T2",
            "a transaction took the branches {took:?}, the oracle took {ruled:?}: {answer:?}"
        ),
    }
}

/// For each transaction, in the order in which they are answered, whether its compares held.
fn taken(answer: &TxnResponse) -> Vec<bool> {
    let nested = answer.responses.iter().filter_map(|op| match &op.response {
        Some(Answer::ResponseTxn(nested)) => Some(taken(nested)),
        _ => None,
    });
    std::iter::once(answer.succeeded).chain(nested.flatten()).collect()
}

/// Judges what a member holds after a transaction that the oracle refuses.
pub fn refused(
    tally: &Tally,
    member: usize,
    ruled: &Ruled,
    (revision, logical_bytes): (i64, i64),
) -> Verdict {
    if !ruled.is_refused_txn {
        return Ok(());
    }
    tally.hit("T6");
    if (revision, logical_bytes) == (ruled.revision, ruled.logical_bytes) {
        return Ok(());
    }
    violated!(
        "T6",
        "member {} is at revision {revision} with {logical_bytes} B after a refused transaction, \
         the oracle at {} with {} B",
        member + 1,
        ruled.revision,
        ruled.logical_bytes
    )
}

#[cfg(test)]
mod tests {
    use base::{Index, Term};
    use model::Settings;
    use node::env::Event;
    use prost::Message as _;
    use proto::etcdserverpb::request_op::Request as Op;
    use proto::etcdserverpb::{
        InternalRaftRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
    };

    use super::*;
    use crate::check::testing::{Play, timeline};

    fn txn(ops: Vec<Op>) -> InternalRaftRequest {
        let success = ops.into_iter().map(|op| RequestOp { request: Some(op) }).collect();
        let txn = TxnRequest { success, ..Default::default() };
        InternalRaftRequest { txn: Some(txn), ..Default::default() }
    }

    fn put() -> Op {
        Op::RequestPut(PutRequest { key: "key".into(), value: "v".into(), ..Default::default() })
    }

    #[test]
    fn a_branch_that_the_oracle_does_not_take_breaks_t2() {
        let nested = txn(vec![put()]).txn.expect("a transaction");
        let timeline = timeline(Settings::default(), &[txn(vec![Op::RequestTxn(nested)])]);
        let ruled = timeline.ruled(1).expect("one entry");
        let Ok(Response::Txn(right)) = ruled.response.clone() else { panic!("{ruled:?}") };
        let judge = |answer: TxnResponse| branches(std::iter::once(ruled), &Response::Txn(answer));
        judge(right.clone()).expect("the oracle's own");
        let mut wrong = right;
        if let Some(Answer::ResponseTxn(nested)) = &mut wrong.responses[0].response {
            nested.succeeded = false;
        }
        assert_eq!(judge(wrong).expect_err("another branch").check, "T2");
    }

    #[test]
    fn a_refused_transaction_that_leaves_a_revision_breaks_t6() {
        let future = RangeRequest { key: "key".into(), revision: 99, ..Default::default() };
        let request = txn(vec![put(), Op::RequestRange(future)]);
        let mut play = Play::new(2);
        play.commit_requests(0, std::slice::from_ref(&request));
        play.commit_requests(1, std::slice::from_ref(&request));
        let data = request.encode_to_vec().into();
        let (index, term) = (Index(1), Term(1));
        let applied = |revision| Event::Applied {
            index,
            term,
            data: bytes::Bytes::clone(&data),
            answer: 7,
            revision,
            chain: 0,
            logical_bytes: 0,
        };
        play.event(0, &applied(1)).expect("nothing happened");
        assert_eq!(play.event(1, &applied(2)).expect_err("something did").check, "T6");
    }
}
