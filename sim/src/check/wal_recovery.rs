//! L1: after any crash, recovery yields at least the guaranteed-durable log and hard state,
//! unchanged. L2: corruption is not truncation: a member that lost a durable entry to damage may
//! not vote for a candidate that may lack it too. L3: recovering again yields the same.
//!
//! What was handed to the disk and not synced may be there or not: a durable entry may be missing
//! only when an unsynced append that replaces it is there instead.

use std::collections::BTreeMap;

use node::env::{AppendedEntry, Event};
use raft::Body;

use super::{Speech, Step, Verdict, violated};
use crate::disk::log::DurableLog;

#[derive(Clone, Default)]
struct Watch {
    /// What every crash preserved at the last crash; `None` before the first.
    durable: Option<DurableLog>,
    /// Entries handed over since the last sync, by index.
    unsynced: BTreeMap<u64, Vec<(u64, u32)>>,
    /// A fault damaged the log.
    is_damaged: bool,
    /// It did so before the last batch.
    is_middle: bool,
    /// The last durable index that damage took, until a leader has brought it back.
    lost_up_to: Option<(u64, u64)>,
    /// What the last recovery gave, until something was handed over.
    recovered: Option<(u64, u64, Vec<AppendedEntry>)>,
}

/// What each member had at stake.
pub struct Recovery {
    watches: Vec<Watch>,
}

impl Recovery {
    /// For a number of members.
    #[must_use]
    pub fn new(count: usize) -> Recovery {
        Recovery { watches: vec![Watch::default(); count] }
    }

    /// Judges recoveries.
    pub fn step(&mut self, step: &Step<'_>) -> Verdict {
        let watch = &mut self.watches[step.member];
        match step.event {
            Event::Recovered { term, vote, snapshot, entries, .. } => {
                let hard_state = (term.get(), vote.get());
                watch.judge(step, hard_state, snapshot.get(), entries)?;
                watch.unsynced.clear();
                watch.recovered = Some((hard_state.0, hard_state.1, entries.clone()));
            }
            Event::Appended { entries } => {
                watch.recovered = None;
                for entry in entries {
                    let waiting = watch.unsynced.entry(entry.index.get()).or_default();
                    waiting.push((entry.term.get(), entry.checksum));
                }
            }
            Event::Synced { last, .. } => {
                let member = &step.ghost.members[step.member];
                if member.last() == last.get() {
                    watch.unsynced.clear();
                }
                watch.recovered = None;
                watch.caught_up(step.durable.term_of(last.get()).unwrap_or(0), last.get());
            }
            Event::Installed { index, term } => watch.caught_up(term.get(), index.get()),
            _ => {}
        }
        Ok(())
    }

    /// Judges the votes of a member that lost entries.
    pub fn speech(&mut self, speech: &Speech<'_>) -> Verdict {
        let Some((term, index)) = self.watches[speech.member].lost_up_to else { return Ok(()) };
        let Body::VoteReply { granted: true } = speech.message.body else { return Ok(()) };
        speech.tally.hit("L2");
        let candidate = speech.ghost.ids.iter().position(|&id| id == speech.message.to);
        let last = candidate.map(|candidate| {
            let log = &speech.ghost.members[candidate];
            (log.term_of(log.last()).unwrap_or(0), log.last())
        });
        if last.is_some_and(|last| last >= (term, index)) {
            return Ok(());
        }
        violated!(
            "L2",
            "member {} lost durable entries up to {index} of term {term} \
             and votes for {}, whose log ends at {last:?}",
            speech.member + 1,
            speech.message.to
        )
    }

    /// A member crashed; its disk preserves `durable`.
    pub fn crashed(&mut self, member: usize, durable: &DurableLog) {
        self.watches[member].durable = Some(durable.clone());
    }

    /// A fault damaged a member's log.
    pub fn damaged(&mut self, member: usize, is_middle: bool) {
        self.watches[member].is_damaged = true;
        self.watches[member].is_middle |= is_middle;
    }
}

impl Watch {
    fn caught_up(&mut self, term: u64, index: u64) {
        if self.lost_up_to.is_some_and(|lost| (term, index) >= lost) {
            self.lost_up_to = None;
        }
    }

    fn judge(
        &mut self,
        step: &Step<'_>,
        hard_state: (u64, u64),
        snapshot: u64,
        entries: &[AppendedEntry],
    ) -> Verdict {
        let who = step.member + 1;
        let Some(durable) = self.durable.clone() else { return Ok(()) };
        step.tally.hit("L1");
        let by_index: BTreeMap<u64, (u64, u32)> = entries
            .iter()
            .map(|entry| (entry.index.get(), (entry.term.get(), entry.checksum)))
            .collect();
        let lost = self.first_lost(&durable, snapshot, &by_index);
        let votes_differ = durable.vote != 0 && hard_state.1 != durable.vote;
        let behind = hard_state.0 < durable.term || (hard_state.0 == durable.term && votes_differ);
        if self.is_damaged {
            step.tally.hit("L2");
            if self.is_middle && (lost.is_some() || behind) {
                return violated!(
                    "L2",
                    "member {who} recovers {:?} at {lost:?} and (term, vote) {hard_state:x?} \
                     from a log that was damaged before its last batch; durable was ({}, {:x})",
                    lost.and_then(|index| by_index.get(&index)),
                    durable.term,
                    durable.vote
                );
            }
            if lost.is_some() || behind {
                let last = durable.last();
                self.lost_up_to = Some((durable.term_of(last).unwrap_or(0), last));
            }
            return Ok(());
        }
        if behind {
            return violated!(
                "L1",
                "member {who} recovers (term, vote) {hard_state:x?}, durable was ({}, {:x})",
                durable.term,
                durable.vote
            );
        }
        if let Some(index) = lost {
            return violated!(
                "L1",
                "member {who} recovers {:?} at {index}, durable was {:?}; \
                 snapshot {snapshot}, last {:?}",
                by_index.get(&index),
                durable.entries.get(&index),
                by_index.last_key_value()
            );
        }
        self.again(step, hard_state, snapshot, entries)
    }

    /// The first durable entry that is neither there nor replaced by what was handed over later.
    fn first_lost(
        &self,
        durable: &DurableLog,
        snapshot: u64,
        recovered: &BTreeMap<u64, (u64, u32)>,
    ) -> Option<u64> {
        let mut replaced = false;
        for (index, entry) in durable.entries.range(snapshot + 1..) {
            let own = recovered.get(index);
            if own == Some(entry) {
                continue;
            }
            let unsynced = self.unsynced.get(index);
            replaced |= own.is_some_and(|own| unsynced.is_some_and(|all| all.contains(own)));
            if !(replaced && (own.is_none() || unsynced.is_some())) {
                return Some(*index);
            }
        }
        None
    }

    fn again(
        &self,
        step: &Step<'_>,
        hard_state: (u64, u64),
        snapshot: u64,
        entries: &[AppendedEntry],
    ) -> Verdict {
        let Some((term, vote, before)) = &self.recovered else { return Ok(()) };
        step.tally.hit("L3");
        let visible = |entries: &[AppendedEntry]| -> Vec<AppendedEntry> {
            entries.iter().filter(|entry| entry.index.get() > snapshot).copied().collect()
        };
        if hard_state.0 < *term || visible(before) != visible(entries) {
            return violated!(
                "L3",
                "member {} recovered ({term}, {vote:x}) with {} entries, \
                 then {hard_state:x?} with {}",
                step.member + 1,
                before.len(),
                entries.len()
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use raft::Body;

    use crate::check::testing::{Play, appended, recovered, synced};
    use crate::disk::log::DurableLog;

    fn crashed_with(entries: &[(u64, u64, u32)]) -> Play {
        let mut play = Play::new(3);
        play.event(0, &appended(entries)).expect("appends");
        play.persist(0, entries);
        play.event(0, &synced(entries.len() as u64, 1)).expect("synced");
        play
    }

    #[test]
    fn losing_a_durable_entry_breaks_l1() {
        let mut play = crashed_with(&[(1, 1, 9), (2, 1, 8)]);
        play.crash(0);
        let broken = play.event(0, &recovered(1, 0, &[(1, 1, 9)])).expect_err("2 is lost");
        assert_eq!(broken.check, "L1");
    }

    #[test]
    fn losing_a_durable_vote_breaks_l1() {
        let mut play = Play::new(3);
        play.set_durable(0, DurableLog { term: 3, vote: 7, ..DurableLog::default() });
        play.crash(0);
        assert_eq!(play.event(0, &recovered(3, 8, &[])).expect_err("another vote").check, "L1");
    }

    #[test]
    fn an_unsynced_replacement_may_survive() {
        let mut play = crashed_with(&[(1, 1, 9), (2, 1, 8), (3, 1, 7)]);
        play.event(0, &appended(&[(2, 2, 5), (3, 2, 4)])).expect("replaces the suffix");
        play.crash(0);
        play.event(0, &recovered(2, 0, &[(1, 1, 9), (2, 2, 5)])).expect("a legal image");
        play.crash(0);
        let broken = play.event(0, &recovered(2, 0, &[(1, 1, 9)])).expect_err("2 is lost");
        assert!(["L1", "L3"].contains(&broken.check), "{broken}");
    }

    #[test]
    fn a_damaged_log_that_is_cut_before_its_last_batch_breaks_l2() {
        let mut play = crashed_with(&[(1, 1, 9), (2, 1, 8)]);
        play.damage(0, true);
        play.crash(0);
        let broken = play.event(0, &recovered(1, 0, &[(1, 1, 9)])).expect_err("2 was whole");
        assert_eq!(broken.check, "L2");
    }

    #[test]
    fn a_damaged_member_that_votes_for_less_breaks_l2() {
        let mut play = crashed_with(&[(1, 1, 9), (2, 1, 8)]);
        play.damage(0, false);
        play.crash(0);
        play.event(0, &recovered(1, 0, &[(1, 1, 9)])).expect("it says so");
        play.set_durable(0, DurableLog { term: 2, vote: 2, ..DurableLog::default() });
        let vote = Body::VoteReply { granted: true };
        assert_eq!(play.say(0, 1, 2, vote).expect_err("an empty candidate").check, "L2");
    }
}
