//! A small cluster of real cores over a network, disks and a clock that the test moves by hand.
//! Every output is judged by the ghost before it is carried out.

pub mod codec;
pub mod ghost;
pub mod member;

use std::collections::BTreeMap;
use std::time::Duration;

use ghost::Ghost;
use member::{Disk, Member};
use raft::{Body, ConfState, Config, Entry, Index, Instant, MemberId, Message, Output, Raft, Role};
use raft::{SnapshotMeta, Term};

/// Members, the messages between them, and the observer.
pub struct Cluster {
    /// The members by id.
    pub members: BTreeMap<MemberId, Member>,
    /// Messages on their way, oldest first.
    pub network: Vec<Message>,
    /// The observer.
    pub ghost: Ghost,
    /// The time on every member's clock.
    pub now: Instant,
    /// Members that cannot hear each other, as pairs.
    pub cut: Vec<(MemberId, MemberId)>,
    /// The configuration before the first entry.
    initial: ConfState,
}

/// Entries of these terms behind `prev`; their payloads say where they belong.
pub fn laid(prev: Index, terms: &[u64]) -> Vec<Entry> {
    let entry = |(place, &term): (usize, &u64)| {
        let index = prev.plus(place as u64 + 1);
        let data = bytes::Bytes::from(format!("{index}@{term}"));
        Entry { term: Term(term), index, kind: raft::EntryKind::Normal, data }
    };
    terms.iter().enumerate().map(entry).collect()
}

impl Cluster {
    /// A cluster whose members are not started; `tune` adjusts each configuration.
    pub fn new(conf_state: &ConfState, tune: impl Fn(&mut Config)) -> Cluster {
        let now = Instant::from_nanos(1_000_000_000);
        let ids = conf_state.voters.iter().chain(&conf_state.learners);
        let member = |&id: &MemberId| {
            let mut config = Config::new(id, id.get(), codec::decode);
            tune(&mut config);
            let disk = Disk { applied: (Index::ZERO, conf_state.clone()), ..Disk::default() };
            (id, Member::new(config, disk))
        };
        let members = ids.map(member).collect();
        Cluster {
            members,
            network: Vec::new(),
            ghost: Ghost::default(),
            now,
            cut: Vec::new(),
            initial: conf_state.clone(),
        }
    }

    /// Voters `1..=count`, started.
    pub fn of(count: u64) -> Cluster {
        let voters = (1..=count).map(MemberId).collect();
        let mut cluster = Cluster::new(&ConfState { voters, ..ConfState::default() }, |_config| {});
        cluster.start_all();
        cluster
    }

    /// Gives a member that is not started a log with these terms, and a hard state.
    pub fn lay(&mut self, id: u64, terms: &[u64], term: u64, vote: u64, commit: u64) {
        let disk = &mut self.member(id).disk;
        disk.entries = laid(Index::ZERO, terms);
        disk.hard_state =
            raft::HardState { term: Term(term), vote: MemberId(vote), commit: Index(commit) };
    }

    /// Starts every member that does not run.
    pub fn start_all(&mut self) {
        let now = self.now;
        for member in self.members.values_mut().filter(|member| member.raft.is_none()) {
            member.start(now);
        }
    }

    /// Adds a member with an empty disk and starts it.
    pub fn join(&mut self, id: u64) {
        let mut config = self.members.values().next().expect("members").config.clone();
        (config.id, config.seed) = (MemberId(id), id);
        let applied = (Index::ZERO, self.initial.clone());
        let mut member = Member::new(config, Disk { applied, ..Disk::default() });
        member.start(self.now);
        self.members.insert(MemberId(id), member);
    }

    /// A member.
    pub fn member(&mut self, id: u64) -> &mut Member {
        self.members.get_mut(&MemberId(id)).unwrap_or_else(|| panic!("no member {id}"))
    }

    /// A running member's core.
    pub fn raft(&mut self, id: u64) -> &mut Raft {
        self.member(id).raft.as_mut().unwrap_or_else(|| panic!("member {id} is down"))
    }

    /// The next output of a member, after the ghost has judged it; messages are put on the network,
    /// writes and entries into the member's queues.
    pub fn output(&mut self, id: MemberId) -> Option<Output> {
        let member = self.members.get_mut(&id)?;
        let raft = member.raft.as_mut()?;
        let output = raft.output()?;
        raft.check();
        let status = raft.status();
        if let Some(append) = &output.append {
            judge_append(&mut self.ghost, member, append);
            member.take_append(append.clone());
        }
        if output.role.is_some_and(|change| change.role == Role::Leader) {
            let start = member.disk.start.0;
            self.ghost.elected(status.term, id, start, &member.view);
        }
        for message in &output.messages {
            self.ghost.spoken(message, &member.disk);
        }
        for entry in &output.committed {
            assert!(entry.index <= member.disk.last(), "{id} handed out {entry:?} undurable");
            self.ghost.committed_entry(id, entry);
        }
        member.applying.extend(output.committed.iter().cloned());
        member.fetches.extend(output.fetches.iter().copied());
        if let Some((meta, _)) = &output.install {
            member.install = Some(meta.clone());
        }
        self.network.extend(output.messages.iter().cloned());
        Some(output)
    }

    /// Carries out everything a member wants, disk and applier included; gives its outputs.
    pub fn run(&mut self, id: MemberId) -> Vec<Output> {
        let mut outputs = Vec::new();
        loop {
            let before = outputs.len();
            while let Some(output) = self.output(id) {
                outputs.push(output);
                assert!(outputs.len() < 10_000, "member {id} never has enough");
            }
            let member = self.members.get_mut(&id).expect("a member");
            let mut moved = member.persist_one();
            while member.persist_one() {}
            while member.raft.is_some() && member.apply_one() {
                moved = true;
            }
            while member.raft.is_some() && member.answer_fetch(true) {
                moved = true;
            }
            if !moved && outputs.len() == before {
                return outputs;
            }
        }
    }

    /// Moves every clock and ticks.
    pub fn advance(&mut self, by: Duration) {
        self.now = self.now + by;
        let now = self.now;
        for member in self.members.values_mut() {
            if let Some(raft) = &mut member.raft {
                raft.tick(now);
            }
        }
    }

    /// Whether a message can pass.
    pub fn connected(&self, from: MemberId, to: MemberId) -> bool {
        !self.cut.contains(&(from, to)) && !self.cut.contains(&(to, from))
    }

    /// Hands a message to its receiver, if it can pass.
    pub fn deliver(&mut self, message: Message) {
        if !self.connected(message.from, message.to) {
            return;
        }
        let now = self.now;
        let Some(member) = self.members.get_mut(&message.to) else { return };
        if let Some(raft) = &mut member.raft {
            raft.tick(now);
            raft.step(message);
            raft.check();
        }
    }

    /// Lets everything happen until nothing does; gives what was asked for, member by member.
    pub fn settle(&mut self) -> Vec<(MemberId, Output)> {
        let ids: Vec<MemberId> = self.members.keys().copied().collect();
        let mut log = Vec::new();
        for round in 0.. {
            assert!(round < 20_000, "the cluster does not settle: {:?}", self.network);
            let before = log.len();
            for &id in &ids {
                log.extend(self.run(id).into_iter().map(|output| (id, output)));
            }
            let messages = std::mem::take(&mut self.network);
            if messages.is_empty() && log.len() == before {
                break;
            }
            for message in messages {
                self.deliver(message);
            }
        }
        log
    }

    /// A snapshot of a member's state machine for another, as its driver would send it.
    pub fn snapshot(&mut self, from: u64, to: u64) -> Message {
        let member = self.member(from);
        let (index, conf_state) = member.applied.clone();
        let raft = member.raft.as_ref().expect("only a running member sends");
        let term = raft.status().term;
        let (start, start_term) = member.disk.start;
        let snapshot_term = match index.since(start) {
            0 => start_term,
            place => member.view[place as usize - 1].term,
        };
        let meta = SnapshotMeta { index, term: snapshot_term, conf_state };
        let body = Body::Snapshot { meta, data: bytes::Bytes::new() };
        Message { from: MemberId(from), to: MemberId(to), term, body }
    }

    /// Elects a member although another one leads.
    pub fn elect_again(&mut self, id: u64) {
        let leaders: Vec<MemberId> = self.members.keys().copied().collect();
        for other in leaders {
            if self.raft(other.get()).status().role == Role::Leader {
                self.raft(other.get()).transfer_leadership(MemberId(id)).expect("a voter");
            }
        }
        self.settle();
        assert_eq!(self.raft(id).status().role, Role::Leader, "{:?}", self.raft(id).status());
    }

    /// Elects a member and settles.
    pub fn elect(&mut self, id: u64) {
        self.raft(id).campaign();
        self.settle();
        assert_eq!(self.raft(id).status().role, Role::Leader, "{:?}", self.raft(id).status());
    }
}

/// R5 for what a member is about to write.
fn judge_append(ghost: &mut Ghost, member: &Member, append: &raft::Append) {
    let start = member.disk.start;
    let mut before = None;
    for entry in &append.entries {
        let prev_term = before.unwrap_or_else(|| {
            let place = entry.index.since(start.0) as usize;
            if place == 1 { start.1 } else { member.view[place - 2].term }
        });
        ghost.appended(prev_term, entry);
        before = Some(entry.term);
    }
}
