//! Traces by hand for the checkers' own tests. Member `n` has id `n + 1`.

use base::checksum::{crc32c, crc32c_append};
use base::{Index, Instant, MemberId, Term};
use bytes::Bytes;
use model::Settings;
use node::env::{AppendedEntry, Event, Role};
use prost::Message as _;
use proto::etcdserverpb::InternalRaftRequest;
use raft::{Body, Message};

use super::timeline::Timeline;
use super::{Checks, Verdict};
use crate::disk::log::DurableLog;

/// Checkers and what the disks preserve.
pub struct Play {
    pub checks: Checks,
    durable: Vec<DurableLog>,
}

impl Play {
    pub fn new(count: usize) -> Play {
        let ids = (1..=count as u64).map(MemberId).collect();
        Play {
            checks: Checks::new(ids, Settings::default(), None),
            durable: vec![DurableLog::default(); count],
        }
    }

    pub fn ids(&self) -> Vec<MemberId> {
        (1..=self.durable.len() as u64).map(MemberId).collect()
    }

    pub fn event(&mut self, member: usize, event: &Event) -> Verdict {
        self.event_at(Instant::ORIGIN, member, event)
    }

    pub fn event_at(&mut self, now: Instant, member: usize, event: &Event) -> Verdict {
        self.checks.event(now, member, &self.durable[member], event)
    }

    pub fn say(&mut self, from: usize, to: usize, term: u64, body: Body) -> Verdict {
        let id = |member: usize| MemberId(member as u64 + 1);
        let message = Message { from: id(from), to: id(to), term: Term(term), body };
        self.checks.sent(from, &message, &self.durable[from])
    }

    pub fn set_durable(&mut self, member: usize, durable: DurableLog) {
        self.durable[member] = durable;
        let _ = self.checks.durable(member, &self.durable[member]);
    }

    pub fn set_durable_term(&mut self, member: usize, term: u64) {
        let mut durable = self.durable[member].clone();
        durable.term = term;
        self.set_durable(member, durable);
    }

    pub fn persist(&mut self, member: usize, entries: &[(u64, u64, u32)]) {
        let mut durable = self.durable[member].clone();
        for &(index, term, checksum) in entries {
            durable.entries.insert(index, (term, checksum));
            durable.term = durable.term.max(term);
        }
        self.set_durable(member, durable);
    }

    pub fn commit_all(&mut self, member: usize, term: u64, entries: &[(u64, u64, u32)]) {
        self.event(member, &appended(entries)).expect("appends");
        self.persist(member, entries);
        let last = entries.last().map_or(0, |entry| entry.0);
        self.event(member, &committed(last, term, false)).expect("commits");
    }

    /// Commits requests on a member, in one term, from the first index on.
    pub fn commit_requests(&mut self, member: usize, requests: &[InternalRaftRequest]) {
        let checksum =
            |request: &InternalRaftRequest| crc32c_append(crc32c(&[0]), &request.encode_to_vec());
        let entries: Vec<(u64, u64, u32)> = requests
            .iter()
            .zip(1..)
            .map(|(request, index)| (index, 1, checksum(request)))
            .collect();
        self.commit_all(member, 1, &entries);
    }

    /// All other members vote for one, which then leads.
    pub fn elect(&mut self, member: usize, term: u64) {
        let vote = member as u64 + 1;
        for voter in (0..self.durable.len()).filter(|&voter| voter != member) {
            self.set_durable(voter, DurableLog { term, vote, ..self.durable[voter].clone() });
            self.say(voter, member, term, Body::VoteReply { granted: true }).expect("durable");
        }
        self.event(member, &leader(term)).expect("leads");
    }

    /// A member gets a committed entry that changes the configuration.
    pub fn commit_change(&mut self, member: usize, index: u64) {
        self.event(member, &change_appended(index, 1)).expect("appends");
        self.persist(member, &[(index, 1, 7)]);
        self.set_durable(member, DurableLog { commit: index, ..self.durable[member].clone() });
        self.event(member, &committed(index, 1, false)).expect("commits");
    }

    pub fn crash(&mut self, member: usize) {
        self.checks.crashed(member, &self.durable[member]);
    }

    pub fn damage(&mut self, member: usize, is_middle: bool) {
        self.checks.log_damaged(member, is_middle);
    }

    pub fn fail_sync(&mut self, member: usize) {
        self.checks.sync_failed(member);
    }
}

fn entries(entries: &[(u64, u64, u32)]) -> Vec<AppendedEntry> {
    entries
        .iter()
        .map(|&(index, term, checksum)| AppendedEntry {
            index: Index(index),
            term: Term(term),
            checksum,
            is_change: false,
        })
        .collect()
}

pub fn leader(term: u64) -> Event {
    let (leader, last) = (MemberId(1), Index(0));
    Event::RoleChanged { term: Term(term), role: Role::Leader, leader, last }
}

pub fn appended(list: &[(u64, u64, u32)]) -> Event {
    Event::Appended { entries: entries(list) }
}

pub fn synced(last: u64, term: u64) -> Event {
    Event::Synced { last: Index(last), term: Term(term), vote: MemberId(0) }
}

pub fn committed(commit: u64, term: u64, by_counting: bool) -> Event {
    Event::Committed { commit: Index(commit), term: Term(term), by_counting }
}

pub fn applied(index: u64, term: u64) -> Event {
    let data = Bytes::new();
    let (index, term) = (Index(index), Term(term));
    Event::Applied { index, term, data, answer: 0, revision: 1, chain: 0, logical_bytes: 0 }
}

pub fn configured(voters: &[MemberId]) -> Event {
    configured_at(0, voters)
}

pub fn configured_at(index: u64, voters: &[MemberId]) -> Event {
    with_learners(index, voters, &[])
}

pub fn with_learners(index: u64, voters: &[MemberId], learners: &[MemberId]) -> Event {
    Event::Configured {
        index: Index(index),
        voters: voters.to_vec(),
        voters_outgoing: Vec::new(),
        learners: learners.to_vec(),
    }
}

pub fn change_appended(index: u64, term: u64) -> Event {
    let (index, term) = (Index(index), Term(term));
    let entry = AppendedEntry { index, term, checksum: 7, is_change: true };
    Event::Appended { entries: vec![entry] }
}

/// A member follows a leader.
pub fn leads(term: u64, leader: MemberId) -> Event {
    let (term, last) = (Term(term), Index(0));
    Event::RoleChanged { term, role: Role::Follower, leader, last }
}

pub fn recovered(term: u64, vote: u64, list: &[(u64, u64, u32)]) -> Event {
    Event::Recovered {
        term: Term(term),
        vote: MemberId(vote),
        commit: Index(0),
        snapshot: Index(0),
        entries: entries(list),
        applied: Index(0),
    }
}

/// A history of these requests.
pub fn timeline(settings: Settings, requests: &[InternalRaftRequest]) -> Timeline {
    let mut timeline = Timeline::new(settings, None);
    for (request, index) in requests.iter().zip(1..) {
        timeline.rule(index, 1, &request.encode_to_vec(), 0);
    }
    timeline
}
