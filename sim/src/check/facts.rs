//! Facts as a kind and numbers, for the trace. Two runs that are equal in these are taken as equal.

use node::env::{Event, Role};

/// The kind of a fact and its numbers.
#[must_use]
pub fn event_numbers(event: &Event) -> (&'static str, Vec<u64>) {
    match event {
        Event::Recovered { term, vote, commit, snapshot, entries, applied } => {
            let last = entries.last().map_or(snapshot.get(), |entry| entry.index.get());
            let numbers = [term.get(), vote.get(), commit.get(), snapshot.get(), last];
            ("recovered", [&numbers[..], &[applied.get()]].concat())
        }
        Event::RoleChanged { term, role, leader, last } => {
            let role = match role {
                Role::Follower => 0,
                Role::PreCandidate => 1,
                Role::Candidate => 2,
                Role::Leader => 3,
            };
            ("role", vec![term.get(), role, leader.get(), last.get()])
        }
        Event::Appended { entries } => {
            let numbers = entries
                .iter()
                .flat_map(|entry| [entry.index.get(), entry.term.get(), u64::from(entry.checksum)]);
            ("appended", numbers.collect())
        }
        Event::Synced { last, term, vote } => ("synced", vec![last.get(), term.get(), vote.get()]),
        Event::Committed { commit, term, by_counting } => {
            ("committed", vec![commit.get(), term.get(), u64::from(*by_counting)])
        }
        Event::Applied { index, term, answer, revision, chain, logical_bytes, .. } => {
            let (answer, revision) = (u64::from(*answer), *revision as u64);
            let numbers =
                [index.get(), term.get(), answer, revision, *chain, *logical_bytes as u64];
            ("applied", numbers.to_vec())
        }
        Event::Persisted { applied } => ("persisted", vec![applied.get()]),
        Event::Installed { index, term } => ("installed", vec![index.get(), term.get()]),
        Event::Cleaned { kept_bytes, dropped_bytes } => {
            ("cleaned", vec![*kept_bytes, *dropped_bytes])
        }
        Event::Released { index } => ("released", vec![index.get()]),
        Event::ReadArrived { read } => ("read arrived", vec![*read]),
        Event::ReadServed { read, barrier, applied } => {
            ("read served", vec![*read, barrier.get(), applied.get()])
        }
        Event::Configured { index, voters, voters_outgoing, learners } => {
            let ids = voters.iter().chain(voters_outgoing).chain(learners);
            let mut numbers: Vec<u64> = ids.map(|id| id.get()).collect();
            numbers.push(index.get());
            ("configured", numbers)
        }
        Event::HashesCompared { members } => ("hashes compared", vec![*members as u64]),
        Event::CorruptionFound { member } => ("corruption found", vec![member.get()]),
        Event::LeaseExpired { lease, term } => ("lease expired", vec![*lease as u64, term.get()]),
    }
}
