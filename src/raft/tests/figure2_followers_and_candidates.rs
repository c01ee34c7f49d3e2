//! Figure 2 of the Raft paper, "Followers" and "Candidates": one test a sentence.

use std::collections::BTreeSet;
use std::time::Duration;

use raft::{Body, MemberId, Message, Role, Term};

use crate::cluster::Cluster;
use crate::figure2_state::{append, follower, tell, vote};

fn plain(count: u64) -> Cluster {
    let voters = (1..=count).map(MemberId).collect();
    let state = raft::ConfState { voters, ..raft::ConfState::default() };
    let mut cluster = Cluster::new(&state, |config| config.pre_vote = false);
    cluster.start_all();
    cluster
}

/// Member 1's clock reaches its deadline.
fn time_out(cluster: &mut Cluster) -> Vec<Message> {
    let deadline = cluster.raft(1).deadline();
    cluster.raft(1).tick(deadline);
    cluster.now = cluster.now.max(deadline);
    let outputs = cluster.run(MemberId(1));
    outputs.into_iter().flat_map(|output| output.messages).collect()
}

#[test]
fn followers_respond_to_candidates_and_leaders() {
    let mut cluster = follower(&[], 1, 0);
    assert_eq!(tell(&mut cluster, 2, 2, vote(0, 0)).len(), 1);
    assert_eq!(tell(&mut cluster, 2, 2, append(0, 0, &[2], 0)).len(), 1);
}

#[test]
fn a_follower_converts_to_candidate_when_the_election_timeout_elapses() {
    let mut cluster = plain(3);
    let start = cluster.now;
    time_out(&mut cluster);
    assert_eq!(cluster.raft(1).status().role, Role::Candidate);
    let waited = cluster.now.since(start);
    assert!(waited >= Duration::from_secs(1) && waited < Duration::from_secs(2), "{waited:?}");
}

#[test]
fn hearing_the_current_leader_postpones_the_election() {
    let mut cluster = plain(3);
    let early = cluster.raft(1).deadline();
    cluster.now = cluster.now + Duration::from_millis(900);
    tell(&mut cluster, 2, 1, append(0, 0, &[], 0));
    cluster.raft(1).tick(early);
    assert_eq!(cluster.raft(1).status().role, Role::Follower);
}

#[test]
fn granting_a_vote_postpones_the_election() {
    let mut cluster = plain(3);
    let early = cluster.raft(1).deadline();
    cluster.now = cluster.now + Duration::from_millis(900);
    tell(&mut cluster, 2, 1, vote(0, 0));
    assert!(cluster.raft(1).deadline() >= cluster.now + Duration::from_secs(1));
    assert!(cluster.raft(1).deadline() > early);
}

#[test]
fn nothing_else_postpones_the_election() {
    // Refused votes, a stale leader, answers: a member that can only send would otherwise keep the
    // rest from ever electing a leader.
    let mut cluster = follower(&[1, 1], 3, 3);
    let deadline = cluster.raft(1).deadline();
    cluster.now = cluster.now + Duration::from_millis(500);
    tell(&mut cluster, 2, 3, vote(9, 9));
    tell(&mut cluster, 2, 4, vote(0, 0));
    tell(&mut cluster, 2, 1, append(0, 0, &[], 0));
    let body = Body::PreVote { last_index: raft::Index(0), last_term: Term(0) };
    tell(&mut cluster, 2, 9, body);
    tell(&mut cluster, 2, 4, Body::VoteReply { granted: true });
    assert_eq!(cluster.raft(1).deadline(), deadline);
}

#[test]
fn a_candidate_increments_its_term_votes_for_itself_and_asks_all_others() {
    let mut cluster = plain(5);
    let asked = time_out(&mut cluster);
    let status = cluster.raft(1).status();
    assert_eq!((status.term, status.vote), (Term(1), MemberId(1)));
    let to: BTreeSet<u64> = asked.iter().map(|message| message.to.get()).collect();
    assert_eq!(to, BTreeSet::from([2, 3, 4, 5]));
    assert!(asked.iter().all(|message| matches!(message.body, Body::Vote { .. })), "{asked:?}");
}

#[test]
fn a_candidate_resets_its_election_timer() {
    let mut cluster = plain(3);
    time_out(&mut cluster);
    assert!(cluster.raft(1).deadline() >= cluster.now + Duration::from_secs(1));
}

#[test]
fn votes_from_a_majority_make_a_leader() {
    for (count, needed) in [(2, 1), (3, 1), (4, 2), (5, 2)] {
        let mut cluster = plain(count);
        time_out(&mut cluster);
        for voter in 2..2 + needed {
            assert_eq!(cluster.raft(1).status().role, Role::Candidate, "{count} voters");
            tell(&mut cluster, voter, 1, Body::VoteReply { granted: true });
        }
        assert_eq!(cluster.raft(1).status().role, Role::Leader, "{count} voters");
    }
}

#[test]
fn votes_of_others_and_repeated_votes_do_not_count() {
    let mut cluster = plain(5);
    time_out(&mut cluster);
    for voter in [2, 2, 9, 2] {
        tell(&mut cluster, voter, 1, Body::VoteReply { granted: true });
    }
    assert_eq!(cluster.raft(1).status().role, Role::Candidate);
}

#[test]
fn an_append_from_the_new_leader_converts_a_candidate_to_follower() {
    let mut cluster = plain(3);
    time_out(&mut cluster);
    tell(&mut cluster, 2, 1, append(0, 0, &[], 0));
    let status = cluster.raft(1).status();
    assert_eq!((status.role, status.leader), (Role::Follower, Some(MemberId(2))));
}

#[test]
fn a_candidate_whose_timeout_elapses_starts_a_new_election() {
    let mut cluster = plain(3);
    time_out(&mut cluster);
    let asked = time_out(&mut cluster);
    assert_eq!(cluster.raft(1).status().term, Term(2));
    assert_eq!(asked.len(), 2);
}

#[test]
fn election_timeouts_are_drawn_anew_each_time() {
    let mut cluster = plain(3);
    let mut waits = BTreeSet::new();
    for _ in 0..20 {
        let before = cluster.now;
        time_out(&mut cluster);
        waits.insert(cluster.now.since(before));
    }
    assert!(waits.len() >= 19, "{waits:?}");
}
