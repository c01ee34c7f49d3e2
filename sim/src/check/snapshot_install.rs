//! X2: a snapshot that a member has taken over is there in every crash image: what recovers is at
//! it or behind it. X3: no member goes back to a snapshot before what it has applied or committed.
//! L4: log and state cover the history without a gap: whatever recovers, the state reaches the
//! log's beginning and the entries follow it one by one.
//!
//! A member states that it takes a snapshot over once file and mark are durable, before it builds
//! the state; so every crash from there on must lead to the snapshot. What the state holds is
//! compared by A1, V4 and the audit at rest.

use node::env::Event;

use super::{Step, Verdict, violated};

/// What each member has taken over.
pub struct Installs {
    installed: Vec<u64>,
    is_damaged: Vec<bool>,
}

impl Installs {
    /// For a number of members.
    #[must_use]
    pub fn new(count: usize) -> Installs {
        Installs { installed: vec![0; count], is_damaged: vec![false; count] }
    }

    /// A fault damaged a member's log: it may lose what it had taken over, if it says so.
    pub fn damaged(&mut self, member: usize) {
        self.is_damaged[member] = true;
    }

    /// Judges installations and recoveries.
    pub fn step(&mut self, step: &Step<'_>) -> Verdict {
        match step.event {
            Event::Installed { index, term } => self.install(step, index.get(), term.get()),
            Event::Recovered { snapshot, entries, applied, .. } => {
                let first = entries.first().map(|entry| entry.index.get());
                let ascend = entries.windows(2).all(|pair| pair[1].index == pair[0].index.next());
                self.recover(step, snapshot.get(), applied.get(), first, ascend)
            }
            _ => Ok(()),
        }
    }

    fn install(&mut self, step: &Step<'_>, index: u64, term: u64) -> Verdict {
        step.tally.hit("X3");
        let who = step.member + 1;
        let member = &step.ghost.members[step.member];
        let before = self.installed[step.member].max(member.applied).max(member.commit);
        self.installed[step.member] = index;
        if index <= before {
            return violated!("X3", "member {who} installs {index}, it was at {before}");
        }
        match step.ghost.committed.get(&index) {
            Some(entry) if entry.term != term => violated!(
                "X3",
                "member {who} installs {index} of term {term}, committed is term {}",
                entry.term
            ),
            _ => Ok(()),
        }
    }

    fn recover(
        &mut self,
        step: &Step<'_>,
        snapshot: u64,
        applied: u64,
        first: Option<u64>,
        ascend: bool,
    ) -> Verdict {
        step.tally.hit("L4");
        let who = step.member + 1;
        let follows = first.is_none_or(|first| first == snapshot + 1);
        if applied < snapshot || !follows || !ascend {
            return violated!(
                "L4",
                "member {who} recovers a state at {applied}, a log behind {snapshot} that begins \
                 at {first:?}"
            );
        }
        let installed = self.installed[step.member];
        if installed == 0 {
            return Ok(());
        }
        step.tally.hit("X2");
        if applied >= installed {
            return Ok(());
        }
        if !self.is_damaged[step.member] {
            return violated!(
                "X2",
                "member {who} had taken over a snapshot at {installed} and recovers {applied}"
            );
        }
        self.installed[step.member] = applied;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use base::{Index, MemberId, Term};
    use node::env::Event;

    use crate::check::testing::{Play, appended, recovered, synced};

    fn installed(index: u64, term: u64) -> Event {
        Event::Installed { index: Index(index), term: Term(term) }
    }

    fn recovered_at(snapshot: u64, applied: u64) -> Event {
        let (snapshot, applied) = (Index(snapshot), Index(applied));
        let (term, vote, commit) = (Term(2), MemberId(0), Index(0));
        Event::Recovered { term, vote, commit, snapshot, entries: Vec::new(), applied }
    }

    #[test]
    fn going_back_to_an_older_snapshot_breaks_x3() {
        let mut play = Play::new(1);
        play.event(0, &installed(7, 2)).expect("ahead");
        let broken = play.event(0, &installed(5, 2)).expect_err("behind");
        assert!(["X3", "R10"].contains(&broken.check), "{broken}");
    }

    #[test]
    fn losing_a_snapshot_in_a_crash_breaks_x2() {
        let mut play = Play::new(1);
        play.event(0, &installed(7, 2)).expect("ahead");
        play.crash(0);
        assert_eq!(play.event(0, &recovered_at(0, 3)).expect_err("lost").check, "X2");
        let mut play = Play::new(1);
        play.event(0, &installed(7, 2)).expect("ahead");
        play.crash(0);
        play.event(0, &recovered_at(7, 7)).expect("there");
    }

    #[test]
    fn a_gap_between_state_and_log_breaks_l4() {
        let mut play = Play::new(1);
        assert_eq!(play.event(0, &recovered_at(9, 3)).expect_err("a gap").check, "L4");
        let mut play = Play::new(1);
        play.event(0, &appended(&[(1, 1, 9), (2, 1, 9)])).expect("appends");
        play.persist(0, &[(1, 1, 9), (2, 1, 9)]);
        play.event(0, &synced(2, 1)).expect("synced");
        play.crash(0);
        play.event(0, &recovered(1, 0, &[(1, 1, 9), (2, 1, 9)])).expect("no gap");
    }
}
