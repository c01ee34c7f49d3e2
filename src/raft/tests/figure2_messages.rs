//! Figure 2 of the Raft paper, "AppendEntries" and "RequestVote": one test a sentence.

use raft::{Body, Index, MemberId, Message, RejectHint, Term};

use crate::figure2_state::{append, follower, tell, terms, vote};

fn accepted(index: u64) -> Body {
    Body::AppendReply { index: Index(index), reject: None }
}

fn bodies(messages: Vec<Message>) -> Vec<Body> {
    messages.into_iter().map(|message| message.body).collect()
}

#[test]
fn append_in_an_older_term_is_refused_with_the_newer_term() {
    let mut cluster = follower(&[1], 5, 0);
    let said = tell(&mut cluster, 2, 4, append(1, 1, &[4], 0));
    assert_eq!((said.len(), said[0].term), (1, Term(5)));
    assert_eq!(said[0].body, accepted(0));
    assert_eq!(terms(&mut cluster), [1]);
}

#[test]
fn append_is_refused_if_the_log_has_no_entry_at_prev_index_with_prev_term() {
    for (prev, prev_term, hint) in [(3, 2, (2, 2)), (2, 3, (2, 2)), (2, 1, (1, 1))] {
        let mut cluster = follower(&[1, 2], 3, 0);
        let said = bodies(tell(&mut cluster, 2, 3, append(prev, prev_term, &[3], 0)));
        let reject = RejectHint { hint_index: Index(hint.0), hint_term: Term(hint.1) };
        assert_eq!(said, [Body::AppendReply { index: Index(prev), reject: Some(reject) }]);
        assert_eq!(terms(&mut cluster), [1, 2]);
    }
}

#[test]
fn a_conflicting_entry_is_deleted_with_all_that_follow_it() {
    let mut cluster = follower(&[1, 2, 2, 2], 3, 0);
    let said = bodies(tell(&mut cluster, 2, 3, append(1, 1, &[3], 0)));
    assert_eq!(said, [accepted(2)]);
    assert_eq!(terms(&mut cluster), [1, 3]);
}

#[test]
fn entries_not_already_in_the_log_are_appended() {
    let mut cluster = follower(&[1, 2], 3, 0);
    tell(&mut cluster, 2, 3, append(1, 1, &[2, 3, 3], 0));
    assert_eq!(terms(&mut cluster), [1, 2, 3, 3]);
}

#[test]
fn entries_already_in_the_log_change_nothing_and_delete_nothing() {
    let mut cluster = follower(&[1, 2, 2], 2, 0);
    let said = bodies(tell(&mut cluster, 2, 2, append(1, 1, &[2], 0)));
    assert_eq!(said, [accepted(2)]);
    assert_eq!(terms(&mut cluster), [1, 2, 2]);
}

#[test]
fn commit_index_is_set_to_the_smaller_of_leader_commit_and_the_last_new_entry() {
    for (count, leader_commit, commit) in [(2, 1, 1), (2, 2, 2), (2, 9, 2), (0, 9, 0)] {
        let mut cluster = follower(&[], 1, 0);
        let new = vec![1; count];
        tell(&mut cluster, 2, 1, append(0, 0, &new, leader_commit));
        assert_eq!(cluster.raft(1).status().commit, Index(commit), "{count} {leader_commit}");
    }
}

#[test]
fn commit_index_does_not_pass_the_last_new_entry_even_if_the_log_is_longer() {
    // What lies behind may conflict with the leader's log.
    let mut cluster = follower(&[1, 2, 2, 2], 3, 0);
    tell(&mut cluster, 2, 3, append(1, 1, &[], 4));
    assert_eq!(cluster.raft(1).status().commit, Index(1));
}

#[test]
fn the_leader_id_is_remembered_so_that_clients_can_be_sent_there() {
    let mut cluster = follower(&[], 1, 0);
    tell(&mut cluster, 3, 1, append(0, 0, &[], 0));
    assert_eq!(cluster.raft(1).status().leader, Some(MemberId(3)));
}

#[test]
fn a_vote_asked_in_an_older_term_is_not_given() {
    let mut cluster = follower(&[], 5, 0);
    let said = bodies(tell(&mut cluster, 2, 4, vote(9, 4)));
    assert!(!said.contains(&Body::VoteReply { granted: true }), "{said:?}");
    assert_eq!(cluster.raft(1).status().vote, MemberId::ZERO);
}

#[test]
fn a_vote_is_given_if_none_or_the_same_candidate_got_it() {
    for (already, granted) in [(0, true), (2, true), (3, false)] {
        let mut cluster = follower(&[], 2, already);
        let said = bodies(tell(&mut cluster, 2, 2, vote(0, 0)));
        assert_eq!(said, [Body::VoteReply { granted }], "voted for {already}");
    }
}

#[test]
fn a_vote_is_given_only_if_the_candidates_log_is_at_least_as_up_to_date() {
    let cases = [(2, 2, true), (1, 3, true), (3, 2, true), (1, 2, false), (9, 1, false)];
    for (last, last_term, granted) in cases {
        let mut cluster = follower(&[1, 2], 2, 0);
        let said = bodies(tell(&mut cluster, 2, 3, vote(last, last_term)));
        assert_eq!(said, [Body::VoteReply { granted }], "{last}@{last_term}");
    }
}

#[test]
fn answers_carry_the_current_term_for_the_sender_to_update_itself() {
    let mut cluster = follower(&[1, 2], 2, 0);
    let said = tell(&mut cluster, 2, 7, vote(1, 1));
    assert_eq!((said[0].term, &said[0].body), (Term(7), &Body::VoteReply { granted: false }));
}
