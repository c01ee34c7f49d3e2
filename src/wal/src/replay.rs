//! Replays records in order into what they say together: the meaning of a log, without its bytes.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base::Index;

use crate::frame::kind;
use crate::log::Log;
use crate::message;
use crate::types::{HardState, Metadata, SnapshotMark};

/// A mark beyond the known commit index: a snapshot was received, and the log restarts behind it
/// once a hard state confirms it. Until then both logs are kept.
struct Pending {
    mark: SnapshotMark,
    log: Log,
    /// An entry went only into the new log.
    left_behind: bool,
}

/// Why a record with an intact checksum is refused.
pub(crate) enum Refusal {
    Corrupt(String),
    Newer(String),
    Foreign { expected: Metadata, found: Metadata },
}

/// The meaning of the records so far.
#[derive(Default)]
pub(crate) struct Replay {
    pub metadata: Option<Metadata>,
    pub hard_state: HardState,
    /// Marks that are in force, oldest first.
    pub marks: Vec<SnapshotMark>,
    pub log: Log,
    pending: Option<Pending>,
}

impl Replay {
    /// A log whose oldest segment begins behind an entry. A mark below it may come first: its own
    /// entries were released.
    pub(crate) fn behind(index: Index) -> Replay {
        let mut replay = Replay::default();
        if !index.is_zero() {
            replay.log.base = Some((index, None));
        }
        replay
    }

    /// Takes in the data of one record.
    pub(crate) fn record(&mut self, record_kind: u64, data: &[u8]) -> Result<(), Refusal> {
        let malformed = |what: &str| Refusal::Corrupt(format!("a malformed {what}"));
        match record_kind {
            kind::METADATA => {
                self.metadata(message::read_metadata(data).ok_or_else(|| malformed("metadata"))?)
            }
            kind::ENTRY => self.entry(message::read_entry(data).ok_or_else(|| malformed("entry"))?),
            kind::HARD_STATE => {
                let state = message::read_hard_state(data);
                self.hard_state(state.ok_or_else(|| malformed("hard state"))?)
            }
            kind::SNAPSHOT => {
                self.mark(message::read_snapshot(data).ok_or_else(|| malformed("snapshot mark"))?)
            }
            other => Err(Refusal::Newer(format!("a record of the unknown type {other}"))),
        }
    }

    fn metadata(&mut self, found: Metadata) -> Result<(), Refusal> {
        match self.metadata {
            Some(expected) if expected != found => Err(Refusal::Foreign { expected, found }),
            _ => {
                self.metadata = Some(found);
                Ok(())
            }
        }
    }

    fn entry(&mut self, entry: crate::Entry) -> Result<(), Refusal> {
        if entry.index.is_zero() {
            return Err(Refusal::Corrupt("an entry without an index".into()));
        }
        let commit = self.hard_state.commit;
        // An entry at or below the mark says that the snapshot was never installed.
        if self.pending.as_ref().is_some_and(|pending| entry.index <= pending.mark.index) {
            self.pending = None;
        }
        if let Some(pending) = &mut self.pending {
            pending.log.put(entry.clone(), commit).map_err(Refusal::Corrupt)?;
            if entry.index > self.log.last().next() {
                pending.left_behind = true;
                return Ok(());
            }
        }
        self.log.put(entry, commit).map_err(Refusal::Corrupt)
    }

    fn hard_state(&mut self, state: HardState) -> Result<(), Refusal> {
        let old = self.hard_state;
        let two_votes = state.term == old.term && !old.vote.is_zero() && state.vote != old.vote;
        if state.term < old.term || state.commit < old.commit || two_votes {
            return Err(Refusal::Corrupt(format!("hard state {state:?} follows {old:?}")));
        }
        self.hard_state = state;
        if let Some(pending) = self.pending.take_if(|it| it.mark.index <= state.commit) {
            self.log = pending.log;
            self.marks.push(pending.mark);
        }
        Ok(())
    }

    fn mark(&mut self, mark: SnapshotMark) -> Result<(), Refusal> {
        if mark.index > self.hard_state.commit {
            let log = self.log.clone().cut_at(mark.index, mark.term);
            self.pending = Some(Pending { mark, log, left_behind: false });
            return Ok(());
        }
        match self.log.term(mark.index) {
            Some(term) if term != mark.term => {
                return Err(Refusal::Corrupt(format!(
                    "the mark at {} has term {}, the entry term {term}",
                    mark.index, mark.term
                )));
            }
            _ => {}
        }
        // A mark below an earlier one adds nothing to the base.
        let base = self.log.base.map_or(Index::ZERO, |(index, _)| index);
        if self.log.base == Some((mark.index, None)) {
            // The segment that held this entry was released; those behind it follow it.
            self.log.base = Some((mark.index, Some(mark.term)));
        } else if self.log.base.is_none() || mark.index >= base {
            let log = core::mem::take(&mut self.log);
            self.log = log.cut_at(mark.index, mark.term);
        }
        self.marks.push(mark);
        Ok(())
    }

    /// Checks that the log is whole.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.pending.as_ref().is_some_and(|pending| pending.left_behind) {
            return Err("entries follow a snapshot that was never installed".into());
        }
        let Some((base, term)) = self.log.base else {
            return Err("there is neither an entry nor a snapshot mark".into());
        };
        if term.is_none() && !base.is_zero() {
            return Err(format!("the entries begin behind {base}, which no snapshot mark covers"));
        }
        if self.hard_state.commit > self.log.last() {
            return Err(format!(
                "entry {} is committed, but the log ends at {}",
                self.hard_state.commit,
                self.log.last()
            ));
        }
        Ok(())
    }
}
