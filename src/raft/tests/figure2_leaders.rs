//! Figure 2 of the Raft paper, "Leaders" and their volatile state: one test a sentence.

use std::time::Duration;

use bytes::Bytes;
use raft::{Body, Index, MemberId, Message, ProgressState, Proposed, RejectHint, Term};

use crate::cluster::Cluster;
use crate::figure2_state::tell;

/// Member 1 leads three, whose logs have these terms before; nothing it sends has arrived.
fn leader(terms: &[u64], term: u64) -> Cluster {
    let voters = [1, 2, 3].map(MemberId).to_vec();
    let state = raft::ConfState { voters, ..raft::ConfState::default() };
    let mut cluster = Cluster::new(&state, |config| config.pre_vote = false);
    cluster.lay(1, terms, term, 0, 0);
    cluster.start_all();
    cluster.raft(1).campaign();
    cluster.run(MemberId(1));
    tell(&mut cluster, 2, term + 1, Body::VoteReply { granted: true });
    cluster
}

fn appends(messages: &[Message], to: u64) -> Vec<(u64, usize)> {
    let mine = messages.iter().filter(|message| message.to == MemberId(to));
    mine.filter_map(|message| match &message.body {
        Body::Append { prev_index, entries, .. } => Some((prev_index.get(), entries.len())),
        _ => None,
    })
    .collect()
}

fn accept(index: u64) -> Body {
    Body::AppendReply { index: Index(index), reject: None }
}

fn progress(cluster: &mut Cluster, id: u64) -> raft::PeerProgress {
    let status = cluster.raft(1).status();
    status.progress.into_iter().find(|peer| peer.id == MemberId(id)).expect("a follower")
}

#[test]
fn upon_election_an_append_goes_to_each_server() {
    let cluster = leader(&[1, 1], 1);
    // It carries the entry with which the term begins.
    assert_eq!(appends(&cluster.network, 2), [(2, 1)]);
    assert_eq!(appends(&cluster.network, 3), [(2, 1)]);
}

#[test]
fn heartbeats_repeat_during_idle_periods_to_prevent_elections() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    for _ in 0..50 {
        cluster.advance(Duration::from_millis(100));
        let said = cluster.run(MemberId(1));
        let heartbeats = said.iter().flat_map(|output| &output.messages);
        assert_eq!(heartbeats.count(), 2);
        cluster.settle();
    }
    assert_eq!(cluster.ghost.elections(), 1);
}

#[test]
fn next_index_starts_behind_the_leaders_last_entry_and_match_index_at_zero() {
    let mut cluster = leader(&[1, 1], 1);
    let peer = progress(&mut cluster, 2);
    assert_eq!((peer.next, peer.matched), (Index(3), Index(0)));
}

#[test]
fn next_and_match_index_are_reinitialized_after_election() {
    let mut cluster = Cluster::of(3);
    cluster.elect(1);
    cluster.elect_again(2);
    cluster.elect_again(1);
    cluster.network.clear();
    let status = cluster.raft(1).status();
    assert_eq!(status.term, Term(3));
    assert!(status.progress.iter().all(|peer| peer.matched == Index(3)), "{status:?}");
}

#[test]
fn a_command_is_appended_to_the_local_log() {
    let mut cluster = leader(&[1, 1], 1);
    let proposed = cluster.raft(1).propose(vec![Bytes::from("a"), Bytes::from("b")]);
    let (term, first, last) = (Term(2), Index(4), Index(5));
    assert_eq!(proposed, Ok(Proposed::Appended { term, first, last }));
    cluster.run(MemberId(1));
    assert_eq!(cluster.member(1).disk.last(), Index(5));
}

#[test]
fn a_command_is_applied_only_once_it_is_committed() {
    let mut cluster = leader(&[], 1);
    cluster.raft(1).propose(vec![Bytes::from("a")]).expect("a leader takes it");
    cluster.run(MemberId(1));
    assert_eq!(cluster.raft(1).status().applied, Index(0));
    tell(&mut cluster, 2, 2, accept(2));
    assert_eq!(cluster.raft(1).status().applied, Index(2));
}

#[test]
fn entries_from_next_index_on_are_sent_when_the_log_reaches_there() {
    let mut cluster = leader(&[1, 1], 1);
    tell(&mut cluster, 2, 2, accept(3));
    cluster.raft(1).propose(vec![Bytes::from("a"), Bytes::from("b")]).expect("a leader takes it");
    cluster.network.clear();
    cluster.run(MemberId(1));
    assert_eq!(appends(&cluster.network, 2), [(3, 2)]);
}

#[test]
fn success_updates_next_and_match_index() {
    let mut cluster = leader(&[1, 1], 1);
    tell(&mut cluster, 2, 2, accept(3));
    let peer = progress(&mut cluster, 2);
    assert_eq!((peer.matched, peer.next), (Index(3), Index(4)));
    assert_eq!(peer.state, ProgressState::Replicate);
}

#[test]
fn match_index_increases_monotonically() {
    let mut cluster = leader(&[1, 1], 1);
    tell(&mut cluster, 2, 2, accept(3));
    tell(&mut cluster, 2, 2, accept(1));
    assert_eq!(progress(&mut cluster, 2).matched, Index(3));
}

#[test]
fn refusal_lowers_next_index_and_retries() {
    let mut cluster = leader(&[1, 1, 1], 1);
    let hint = RejectHint { hint_index: Index(1), hint_term: Term(1) };
    let refusal = Body::AppendReply { index: Index(3), reject: Some(hint) };
    let said = tell(&mut cluster, 2, 2, refusal.clone());
    assert_eq!(appends(&said, 2), [(1, 3)]);
    // The same refusal again is stale: the message it refuses is not the last one sent.
    assert_eq!(appends(&tell(&mut cluster, 2, 2, refusal), 2), []);
}

#[test]
fn a_majority_at_an_index_of_the_current_term_commits_it() {
    let mut cluster = leader(&[1, 1], 1);
    assert_eq!(cluster.raft(1).status().commit, Index(0));
    tell(&mut cluster, 3, 2, accept(3));
    assert_eq!(cluster.raft(1).status().commit, Index(3));
}

#[test]
fn a_majority_at_an_index_of_an_older_term_does_not_commit_it() {
    let mut cluster = leader(&[1, 1], 1);
    tell(&mut cluster, 2, 2, accept(2));
    tell(&mut cluster, 3, 2, accept(2));
    assert_eq!(cluster.raft(1).status().commit, Index(0));
}
