//! The log against a naive twin, a vector of terms; and the reports of the log writer.

use alloc::vec::Vec;

use base::{Index, MemberId, Term};
use bytes::Bytes;
use proptest::prelude::*;

use super::{Log, Source, Terms, is_contiguous};
use crate::config::{Boot, Config};
use crate::entry::{Entry, EntryKind, Position};

fn entry(index: u64, term: u64) -> Entry {
    let data = Bytes::from_static(b"0123456789");
    Entry { term: Term(term), index: Index(index), kind: EntryKind::Normal, data }
}

fn entries(first: u64, terms: &[u64]) -> Vec<Entry> {
    terms.iter().enumerate().map(|(at, &term)| entry(first + at as u64, term)).collect()
}

fn log(terms: &[u64], cache_bytes_max: usize) -> Log {
    let mut config = Config::new(MemberId(1), 1, |_, _| None);
    config.cache_bytes_max = cache_bytes_max;
    Log::new(&config, Boot { entries: entries(1, terms), ..Boot::default() })
}

fn terms_of(log: &Log) -> Vec<u64> {
    let at = |index| log.term_at(Index(index)).expect("inside the log").get();
    (1..=log.last().index.get()).map(at).collect()
}

proptest! {
    #[test]
    fn terms_answer_as_a_vector_does(
        mut terms in prop::collection::vec(1..6u64, 1..20),
        at in 0..25u64,
        term in 0..7u64,
    ) {
        terms.sort_unstable();
        let mut runs = Terms::new(Position::default());
        for entry in entries(1, &terms) {
            runs.push(entry.position());
        }
        runs.check();
        let known = |index: u64| match index {
            0 => Some(0),
            _ => terms.get(index as usize - 1).copied(),
        };
        prop_assert_eq!(runs.at(Index(at)).map(Term::get), known(at));
        let guess = runs.highest_at_most(Index(at), Term(term));
        let naive = (0..=at).rev().find(|&index| known(index).is_none_or(|held| held <= term));
        prop_assert_eq!(guess.index.get(), naive.expect("index zero has term zero"));
        prop_assert_eq!(guess.term.get(), known(guess.index.get()).unwrap_or(0));
    }

    #[test]
    fn truncated_and_released_terms_answer_as_a_vector_does(
        mut terms in prop::collection::vec(1..6u64, 2..20),
        cut in 1..20usize,
        start in 0..20u64,
    ) {
        terms.sort_unstable();
        let cut = cut.min(terms.len() - 1);
        let start = start.min(cut as u64);
        let mut runs = Terms::new(Position::default());
        for entry in entries(1, &terms) {
            runs.push(entry.position());
        }
        runs.truncate_from(Index(cut as u64 + 1));
        runs.release_to(Index(start));
        runs.check();
        for index in 0..=terms.len() as u64 + 1 {
            let inside = index >= start && index <= cut as u64;
            let held = if index == 0 { 0 } else { *terms.get(index as usize - 1).unwrap_or(&0) };
            prop_assert_eq!(runs.at(Index(index)).map(Term::get), inside.then_some(held));
        }
    }

    #[test]
    fn accepted_entries_replace_only_a_conflicting_suffix(
        mut held in prop::collection::vec(1..5u64, 0..8),
        mut sent in prop::collection::vec(1..5u64, 0..8),
        prev in 0..8usize,
    ) {
        held.sort_unstable();
        sent.sort_unstable();
        let prev = prev.min(held.len()).min(sent.len());
        prop_assume!(held[..prev] == sent[..prev]);
        let mut log = log(&held, 1 << 20);
        log.accept(entries(prev as u64 + 1, &sent[prev..]));
        log.check();
        let shared = held.iter().zip(&sent).take_while(|(ours, theirs)| ours == theirs).count();
        let expected = if shared == sent.len() { held } else { sent };
        prop_assert_eq!(terms_of(&log), expected);
    }
}

#[test]
fn memory_is_bounded_by_what_is_durable_and_committed() {
    let mut log = log(&[1; 100], 200);
    assert_eq!(log.first_held(), Index(1), "nothing is committed");
    log.commit_to(Index(60));
    assert_eq!(log.first_held(), Index(61));
    log.commit_to(Index(100));
    assert!(log.cache_bytes() <= 200, "{} bytes", log.cache_bytes());
    assert_eq!(log.entries(Index(1), 10, 1_000), Source::Files(Index(10)));
    log.check();
}

#[test]
fn a_report_counts_only_what_was_not_replaced_since() {
    let mut log = log(&[], 1 << 20);
    log.accept(entries(1, &[1, 1, 1]));
    assert_eq!(log.take_unwritten().len(), 3);
    let first = log.issue(Term(2), true);
    log.accept(entries(2, &[2]));
    assert_eq!(log.take_unwritten().len(), 1);
    let second = log.issue(Term(2), true);
    log.reported(first, Term(2));
    assert_eq!(log.stable(), Index(1), "the second write replaces index 2");
    log.reported(second, Term(2));
    assert_eq!(log.stable(), Index(2));
    log.check();
}

#[test]
fn a_report_of_an_older_term_makes_nothing_stable() {
    let mut log = log(&[], 1 << 20);
    log.accept(entries(1, &[1]));
    log.take_unwritten();
    let token = log.issue(Term(1), true);
    let later = log.issue(Term(2), true);
    log.reported(token, Term(2));
    assert_eq!(log.stable(), Index(0));
    log.reported(later, Term(2));
    assert_eq!(log.stable(), Index(1));
}

#[test]
fn appends_with_gaps_or_terms_that_go_back_are_malformed() {
    let prev = Position { term: Term(2), index: Index(3) };
    let cases: [(u64, &[u64], bool); 6] = [
        (4, &[2, 3], true),
        (5, &[2], false),
        (4, &[1], false),
        (4, &[3, 2], false),
        (4, &[6], false),
        (4, &[], true),
    ];
    for (first, terms, expected) in cases {
        let sent = entries(first, terms);
        assert_eq!(is_contiguous(prev, &sent, Term(5)), expected, "{first} {terms:?}");
    }
    let late = Position { term: Term(6), index: Index(3) };
    assert!(!is_contiguous(late, &[], Term(5)), "a leader of term 5 has no entry of term 6");
}
