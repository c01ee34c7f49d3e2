//! One member with its disk, its log writer and its applier, as a driver would run them.

use std::collections::VecDeque;

use raft::{Append, Boot, ConfState, Config, Entry, HardState, Index, Instant, Raft, SnapshotMeta};
use raft::{Term, Unavailable};

/// What survives a crash.
#[derive(Clone, Debug, Default)]
pub struct Disk {
    /// The last synced hard state.
    pub hard_state: HardState,
    /// The log begins behind this entry.
    pub start: (Index, Term),
    /// The log.
    pub entries: Vec<Entry>,
    /// The state machine is durable up to here, with this configuration.
    pub applied: (Index, ConfState),
    /// Set by a script to boot as a suspect member.
    pub suspect: Option<Index>,
}

impl Disk {
    /// The last durable index.
    pub fn last(&self) -> Index {
        self.start.0.plus(self.entries.len() as u64)
    }

    /// Writes an append over whatever is there.
    pub fn write(&mut self, append: &Append) {
        self.hard_state = append.hard_state;
        write_over(&mut self.entries, self.start.0, &append.entries);
    }
}

/// Replaces the log from the first entry's index on.
fn write_over(log: &mut Vec<Entry>, start: Index, entries: &[Entry]) {
    if let Some(first) = entries.first() {
        let keep = first.index.since(start) as usize - 1;
        assert!(keep <= log.len(), "{first:?} leaves a gap behind {}", log.len());
        log.truncate(keep);
        log.extend_from_slice(entries);
    }
}

/// A member of the test cluster.
pub struct Member {
    /// Its limits.
    pub config: Config,
    /// The core; none while crashed.
    pub raft: Option<Raft>,
    /// What is durable.
    pub disk: Disk,
    /// Handed to the log writer, not yet durable.
    pub writes: VecDeque<Append>,
    /// The log with all writes, for the ghost.
    pub view: Vec<Entry>,
    /// Handed to the applier, not yet applied.
    pub applying: VecDeque<Entry>,
    /// Applied, with the configuration as of it.
    pub applied: (Index, ConfState),
    /// A snapshot being installed.
    pub install: Option<SnapshotMeta>,
    /// Fetches to answer.
    pub fetches: VecDeque<raft::Fetch>,
}

impl Member {
    /// A member that is not yet started.
    pub fn new(config: Config, disk: Disk) -> Member {
        Member {
            config,
            raft: None,
            view: Vec::new(),
            applied: disk.applied.clone(),
            disk,
            writes: VecDeque::new(),
            applying: VecDeque::new(),
            install: None,
            fetches: VecDeque::new(),
        }
    }

    /// Starts from what is durable.
    pub fn start(&mut self, now: Instant) {
        assert!(self.raft.is_none(), "member {} runs already", self.config.id);
        let disk = &self.disk;
        let boot = Boot {
            hard_state: disk.hard_state,
            conf_state: disk.applied.1.clone(),
            snapshot: disk.start,
            entries: disk.entries.clone(),
            applied: disk.applied.0,
            suspect: disk.suspect,
        };
        self.view = disk.entries.clone();
        self.applied = disk.applied.clone();
        self.raft = Some(Raft::new(self.config.clone(), boot, now));
    }

    /// Loses everything that is not durable.
    pub fn crash(&mut self) {
        self.raft = None;
        self.writes.clear();
        self.applying.clear();
        self.fetches.clear();
        self.install = None;
    }

    /// The log writer takes an append.
    pub fn take_append(&mut self, append: Append) {
        write_over(&mut self.view, self.disk.start.0, &append.entries);
        self.writes.push_back(append);
    }

    /// The disk finishes the oldest write.
    pub fn persist_one(&mut self) -> bool {
        let Some(append) = self.writes.pop_front() else { return false };
        self.disk.write(&append);
        if let Some(raft) = &mut self.raft {
            raft.persisted(append.token);
        }
        true
    }

    /// The applier applies the next entry.
    pub fn apply_one(&mut self) -> bool {
        let Some(entry) = self.applying.pop_front() else { return false };
        let raft = self.raft.as_mut().expect("only a running member applies");
        if entry.kind.is_configuration() {
            let change = super::codec::decode(entry.kind, &entry.data).expect("a change");
            self.applied.1 = raft.apply_configuration(&change);
        }
        self.applied.0 = entry.index;
        raft.applied(entry.index);
        true
    }

    /// Makes the state machine durable as far as it is applied.
    pub fn checkpoint(&mut self) {
        self.disk.applied = self.applied.clone();
    }

    /// Drops the log up to what is durably applied, or less.
    pub fn release(&mut self, index: Index) {
        self.checkpoint();
        let index = index.min(self.disk.applied.0);
        let (start, _) = self.disk.start;
        if index <= start {
            return;
        }
        let gone = index.since(start) as usize;
        self.disk.start = (index, self.view[gone - 1].term);
        self.view.drain(..gone);
        self.disk.entries.drain(..gone);
        if let Some(raft) = &mut self.raft {
            raft.released(index);
        }
    }

    /// The log files answer the oldest fetch.
    pub fn answer_fetch(&mut self, available: bool) -> bool {
        let Some(fetch) = self.fetches.pop_front() else { return false };
        let wanted = |entry: &&Entry| fetch.first <= entry.index && entry.index <= fetch.last;
        let entries: Vec<Entry> = self.disk.entries.iter().filter(wanted).cloned().collect();
        let found = available && entries.first().is_some_and(|entry| entry.index == fetch.first);
        let result = if found { Ok(entries) } else { Err(Unavailable) };
        self.raft.as_mut().expect("only a running member fetches").fetched(fetch.id, result);
        true
    }

    /// The driver makes the received snapshot durable and switches to it.
    pub fn install(&mut self) -> Option<SnapshotMeta> {
        let meta = self.install.take()?;
        while self.persist_one() {}
        self.disk.start = (meta.index, meta.term);
        self.disk.entries.clear();
        self.disk.hard_state.commit = self.disk.hard_state.commit.max(meta.index);
        self.view.clear();
        self.applying.clear();
        self.applied = (meta.index, meta.conf_state.clone());
        self.checkpoint();
        let raft = self.raft.as_mut().expect("only a running member installs");
        raft.snapshot_installed(&meta);
        Some(meta)
    }
}
