//! Figure 2 of the Raft paper, "State", and "Rules for all servers": one test a sentence.

use base::Instant;
use raft::{Body, HardState, Index, MemberId, Message, Role, Term};

use crate::cluster::{Cluster, laid};

/// Three voters, of which only member 1 is under test; nothing is delivered by itself.
pub fn follower(terms: &[u64], term: u64, vote: u64) -> Cluster {
    let mut cluster = Cluster::of(3);
    let now = cluster.now;
    cluster.member(1).crash();
    cluster.lay(1, terms, term, vote, 0);
    cluster.member(1).start(now);
    cluster
}

/// Hands member 1 a message; gives what it says once everything is durable.
pub fn tell(cluster: &mut Cluster, from: u64, term: u64, body: Body) -> Vec<Message> {
    let message = Message { from: MemberId(from), to: MemberId(1), term: Term(term), body };
    cluster.deliver(message);
    let outputs = cluster.run(MemberId(1));
    outputs.into_iter().flat_map(|output| output.messages).collect()
}

/// An append of entries with these terms behind (`prev`, `prev_term`).
pub fn append(prev: u64, prev_term: u64, terms: &[u64], commit: u64) -> Body {
    let (prev_index, prev_term) = (Index(prev), Term(prev_term));
    let entries = laid(prev_index, terms);
    Body::Append { prev_index, prev_term, entries, commit: Index(commit) }
}

/// The terms of member 1's log as its disk will hold it.
pub fn terms(cluster: &mut Cluster) -> Vec<u64> {
    cluster.member(1).view.iter().map(|entry| entry.term.get()).collect()
}

#[test]
fn current_term_is_initialized_to_zero_on_first_boot() {
    let mut cluster = Cluster::of(3);
    assert_eq!(cluster.raft(1).status().term, Term(0));
}

#[test]
fn current_term_increases_monotonically() {
    let mut cluster = follower(&[], 5, 0);
    for term in [4, 7, 6, 9] {
        let before = cluster.raft(1).status().term;
        tell(&mut cluster, 2, term, append(0, 0, &[], 0));
        let after = cluster.raft(1).status().term;
        assert_eq!(after, before.max(Term(term)));
    }
}

#[test]
fn voted_for_is_the_candidate_that_received_the_vote_in_the_current_term_or_none() {
    let mut cluster = follower(&[], 1, 0);
    assert_eq!(cluster.raft(1).status().vote, MemberId::ZERO);
    tell(&mut cluster, 2, 2, vote(0, 0));
    assert_eq!(cluster.raft(1).status().vote, MemberId(2));
    tell(&mut cluster, 3, 3, append(0, 0, &[], 0));
    assert_eq!(cluster.raft(1).status().vote, MemberId::ZERO);
}

/// A request for a vote by a candidate whose log ends so.
pub fn vote(last: u64, last_term: u64) -> Body {
    Body::Vote { last_index: Index(last), last_term: Term(last_term), force: false }
}

#[test]
fn the_first_index_of_the_log_is_one() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    assert_eq!(cluster.member(1).view[0].index, Index(1));
}

#[test]
fn persistent_state_is_updated_on_stable_storage_before_responding() {
    let mut cluster = follower(&[1], 1, 0);
    let message = Message { from: MemberId(2), to: MemberId(1), term: Term(2), body: vote(9, 1) };
    cluster.deliver(message);
    let output = cluster.output(MemberId(1)).expect("a write");
    assert!(output.messages.is_empty(), "{:?} left before the write", output.messages);
    let append = output.append.expect("the vote is written");
    let state = HardState { term: Term(2), vote: MemberId(2), commit: Index(0) };
    assert_eq!((append.hard_state, append.must_sync), (state, true));
    assert!(cluster.member(1).persist_one());
    let output = cluster.output(MemberId(1)).expect("the answer");
    assert_eq!(output.messages[0].body, Body::VoteReply { granted: true });
}

#[test]
fn commit_index_is_initialized_to_zero_and_increases_monotonically() {
    let mut cluster = follower(&[], 1, 0);
    assert_eq!(cluster.raft(1).status().commit, Index(0));
    tell(&mut cluster, 2, 1, append(0, 0, &[1, 1, 1], 2));
    assert_eq!(cluster.raft(1).status().commit, Index(2));
    tell(&mut cluster, 2, 1, append(3, 1, &[], 1));
    assert_eq!(cluster.raft(1).status().commit, Index(2));
}

#[test]
fn last_applied_is_initialized_to_zero_and_increases_monotonically() {
    let mut cluster = follower(&[], 1, 0);
    assert_eq!(cluster.raft(1).status().applied, Index(0));
    tell(&mut cluster, 2, 1, append(0, 0, &[1, 1, 1], 2));
    assert_eq!(cluster.raft(1).status().applied, Index(2));
    cluster.raft(1).applied(Index(1));
    assert_eq!(cluster.raft(1).status().applied, Index(2));
}

#[test]
fn if_commit_index_exceeds_last_applied_what_lies_between_is_applied_in_order() {
    let mut cluster = follower(&[], 1, 0);
    let body = append(0, 0, &[1, 1, 1], 3);
    let message = Message { from: MemberId(2), to: MemberId(1), term: Term(1), body };
    cluster.deliver(message);
    let outputs = cluster.run(MemberId(1));
    let applied: Vec<u64> = outputs
        .iter()
        .flat_map(|output| &output.committed)
        .map(|entry| entry.index.get())
        .collect();
    assert_eq!(applied, [1, 2, 3]);
}

#[test]
fn a_message_with_a_higher_term_sets_the_term_and_converts_to_follower() {
    for body in [append(0, 0, &[], 0), vote(0, 0), Body::VoteReply { granted: false }] {
        let mut cluster = Cluster::of(3);
        cluster.elect(1);
        tell(&mut cluster, 2, 8, body.clone());
        let status = cluster.raft(1).status();
        // Within the lease of a live leader, votes are not heard (section 6).
        let heard = !matches!(body, Body::Vote { .. });
        let expected = if heard { (Term(8), Role::Follower) } else { (Term(1), Role::Leader) };
        assert_eq!((status.term, status.role), expected, "{body:?}");
    }
}

#[test]
fn time_never_goes_back() {
    let mut cluster = follower(&[], 1, 0);
    let deadline = cluster.raft(1).deadline();
    cluster.raft(1).tick(Instant::ORIGIN);
    assert_eq!(cluster.raft(1).deadline(), deadline);
}
