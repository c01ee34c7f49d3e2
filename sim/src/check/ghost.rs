//! What an observer who sees everything knows: each member's log as it stated it, leaders by term,
//! and the log that is committed. It outlives every crash.

use std::collections::BTreeMap;

use base::MemberId;
use node::env::{AppendedEntry, Event, Role};

use crate::disk::log::DurableLog;

/// An entry as a member stated it, with the hash of the whole log up to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GhostEntry {
    /// Its term.
    pub term: u64,
    /// The checksum of kind and payload.
    pub checksum: u32,
    /// Whether it changes the configuration.
    pub is_change: bool,
    /// The hash of all entries up to this one; zero when an earlier one is not known.
    pub prefix: u64,
}

/// One member as it describes itself.
#[derive(Clone, Debug, Default)]
pub struct GhostMember {
    /// Its log in memory, behind the snapshot.
    pub log: BTreeMap<u64, GhostEntry>,
    /// Index and term of its snapshot or of what it released.
    pub base: (u64, u64),
    /// Its term.
    pub term: u64,
    /// Whether it leads in that term.
    pub is_leader: bool,
    /// Its commit index in this incarnation.
    pub commit: u64,
    /// Its applied index in this incarnation.
    pub applied: u64,
    /// The applied index that its backend has recorded.
    pub persisted: u64,
    /// The last index that it holds for durable.
    pub stable: u64,
    /// Whether it runs (has recovered and not crashed).
    pub is_up: bool,
    /// The configuration that its Raft core works with; unknown before one was stated.
    pub configuration: Option<GhostConfiguration>,
    /// The entry that brought it, or up to which recovery found it.
    pub configured: u64,
    /// Whether it ever took a snapshot from a leader.
    pub was_installed: bool,
}

impl GhostMember {
    /// The last index.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.log.last_key_value().map_or(self.base.0, |(&last, _)| last)
    }

    /// The term at an index, as far as known.
    #[must_use]
    pub fn term_of(&self, index: u64) -> Option<u64> {
        if index == self.base.0 {
            return Some(self.base.1);
        }
        self.log.get(&index).map(|entry| entry.term)
    }
}

/// A configuration that was in force from an index on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GhostConfiguration {
    /// Voters.
    pub voters: Vec<MemberId>,
    /// The other half of a joint configuration.
    pub outgoing: Vec<MemberId>,
    /// Members without a vote.
    pub learners: Vec<MemberId>,
}

/// All of it.
#[derive(Debug)]
pub struct Ghost {
    /// Ids by number.
    pub ids: Vec<MemberId>,
    /// Members by number.
    pub members: Vec<GhostMember>,
    /// The committed log.
    pub committed: BTreeMap<u64, GhostEntry>,
    /// Prefix hashes by (index, term), of every log that any member ever had.
    pub prefixes: BTreeMap<(u64, u64), u64>,
    /// What every crash preserves, by member.
    pub durable: Vec<DurableLog>,
    /// Configurations by the index that brought them.
    pub configurations: BTreeMap<u64, GhostConfiguration>,
}

/// The prefix hash of a log that continues `before` with an entry.
#[must_use]
pub fn continue_prefix(before: u64, index: u64, term: u64, checksum: u32) -> u64 {
    let mut hash = before ^ 0x9e37_79b9_7f4a_7c15;
    for number in [index, term, u64::from(checksum)] {
        hash = (hash ^ number).wrapping_mul(0xff51_afd7_ed55_8ccd);
        hash ^= hash >> 32;
    }
    hash.max(1)
}

/// The indexes behind `after` up to `last`; none when `last` is not behind.
#[must_use]
pub fn span(after: u64, last: u64) -> std::ops::Range<u64> {
    after + 1..last.max(after) + 1
}

impl Ghost {
    /// Nothing has happened yet.
    #[must_use]
    pub fn new(ids: Vec<MemberId>) -> Ghost {
        let count = ids.len();
        Ghost {
            ids,
            members: vec![GhostMember::default(); count],
            committed: BTreeMap::new(),
            prefixes: BTreeMap::from([((0, 0), 1)]),
            durable: vec![DurableLog::default(); count],
            configurations: BTreeMap::new(),
        }
    }

    /// The highest committed index.
    #[must_use]
    pub fn commit(&self) -> u64 {
        self.committed.last_key_value().map_or(0, |(&index, _)| index)
    }

    /// The configuration in force for an entry: the last one that an earlier entry brought.
    #[must_use]
    pub fn configuration(&self, index: u64) -> Option<&GhostConfiguration> {
        self.configurations.range(..index.max(1)).next_back().map(|(_, found)| found)
    }

    /// The prefix hash that a member's log has before `index`; zero when unknown.
    #[must_use]
    pub fn prefix_before(&self, member: usize, index: u64) -> u64 {
        let member = &self.members[member];
        let before = index - 1;
        if before == member.base.0 {
            return self.prefixes.get(&member.base).copied().unwrap_or(0);
        }
        member.log.get(&before).map_or(0, |entry| entry.prefix)
    }

    /// What is durable of a member.
    pub fn set_durable(&mut self, member: usize, durable: &DurableLog) {
        let known = &mut self.durable[member];
        known.term = durable.term;
        known.vote = durable.vote;
        known.commit = durable.commit;
        known.snapshot = durable.snapshot;
        // A snapshot that replaced the log left nothing of it.
        let begin = durable.entries.first_key_value().map_or(durable.last() + 1, |(&k, _)| k);
        if known.entries.first_key_value().is_some_and(|(&first, _)| first < begin) {
            known.entries = known.entries.split_off(&begin);
        }
        // Entries only change at the end; walk back to where both agree.
        let mut first = durable.last() + 1;
        for (&index, entry) in durable.entries.iter().rev() {
            if known.entries.get(&index) == Some(entry) {
                break;
            }
            first = index;
        }
        known.entries.split_off(&first);
        known.entries.extend(durable.entries.range(first..).map(|(k, v)| (*k, *v)));
    }

    /// A member is down.
    pub fn crashed(&mut self, member: usize) {
        let member = &mut self.members[member];
        member.is_up = false;
        member.is_leader = false;
    }

    /// Remembers a fact.
    pub fn take(&mut self, member: usize, event: &Event) {
        match event {
            Event::Recovered { term, commit, snapshot, entries, applied, .. } => {
                self.recovered(member, term.get(), commit.get(), snapshot.get(), entries);
                self.members[member].applied = applied.get();
                self.members[member].persisted = applied.get();
            }
            Event::Persisted { applied } => {
                let recorded = &mut self.members[member].persisted;
                *recorded = applied.get().max(*recorded);
            }
            Event::RoleChanged { term, role, .. } => {
                self.members[member].term = term.get();
                self.members[member].is_leader = *role == Role::Leader;
            }
            Event::Appended { entries } => self.append(member, entries),
            Event::Synced { last, .. } => self.members[member].stable = last.get(),
            Event::Committed { commit, .. } => self.commit_to(member, commit.get()),
            Event::Applied { index, .. } => self.members[member].applied = index.get(),
            Event::Installed { index, term } => self.installed(member, index.get(), term.get()),
            Event::Configured { index, voters, voters_outgoing, learners } => {
                let configuration = GhostConfiguration {
                    voters: voters.clone(),
                    outgoing: voters_outgoing.clone(),
                    learners: learners.clone(),
                };
                let member = &mut self.members[member];
                member.configuration = Some(configuration.clone());
                member.configured = index.get();
                self.configurations.insert(index.get(), configuration);
            }
            Event::Cleaned { .. }
            | Event::Released { .. }
            | Event::ReadArrived { .. }
            | Event::ReadServed { .. }
            | Event::LeaseExpired { .. }
            | Event::HashesCompared { .. }
            | Event::CorruptionFound { .. } => {}
        }
    }

    fn recovered(
        &mut self,
        member: usize,
        term: u64,
        commit: u64,
        snapshot: u64,
        entries: &[AppendedEntry],
    ) {
        let base_term = self.committed.get(&snapshot).map_or(0, |entry| entry.term);
        self.members[member] = GhostMember {
            base: (snapshot, base_term),
            term,
            commit,
            is_up: true,
            was_installed: self.members[member].was_installed,
            ..GhostMember::default()
        };
        self.append(member, entries);
        self.members[member].stable = self.members[member].last();
    }

    fn append(&mut self, member: usize, entries: &[AppendedEntry]) {
        let Some(first) = entries.first() else { return };
        let mut prefix = self.prefix_before(member, first.index.get());
        let log = &mut self.members[member].log;
        log.split_off(&first.index.get());
        for entry in entries {
            let (index, term) = (entry.index.get(), entry.term.get());
            if prefix != 0 {
                prefix = continue_prefix(prefix, index, term, entry.checksum);
                self.prefixes.entry((index, term)).or_insert(prefix);
            }
            let (checksum, is_change) = (entry.checksum, entry.is_change);
            log.insert(index, GhostEntry { term, checksum, is_change, prefix });
        }
        let stable = &mut self.members[member].stable;
        *stable = (*stable).min(first.index.get() - 1);
    }

    fn commit_to(&mut self, member: usize, commit: u64) {
        let from = self.commit() + 1;
        let member = &mut self.members[member];
        member.commit = commit;
        if from <= commit {
            self.committed.extend(member.log.range(from..=commit).map(|(k, v)| (*k, *v)));
        }
    }

    fn installed(&mut self, member: usize, index: u64, term: u64) {
        let member = &mut self.members[member];
        if member.term_of(index) != Some(term) {
            member.log.clear();
        } else {
            member.log = member.log.split_off(&(index + 1));
        }
        member.base = (index, term);
        member.was_installed = true;
        member.commit = member.commit.max(index);
        member.applied = member.applied.max(index);
        member.persisted = member.persisted.max(index);
        member.stable = member.stable.max(index);
    }
}
