//! Logs that the input describes, with what they say after each batch and where each batch lies.

use std::collections::BTreeMap;

use base::{ClusterId, Index, MemberId, Term};
use proto::raftpb::ConfState;
use wal::{Entry, EntryRef, HardState, Metadata, Op, Recovered, SnapshotMark, Writer};

use super::files::{Files, perform};

const METADATA: Metadata = Metadata { member: MemberId(7), cluster: ClusterId(9) };
/// Small, so that a short history has several segments.
pub const SEGMENT_BYTES: u64 = 1024;
/// Bytes that describe one batch.
const STEP_BYTES: usize = 3;
/// Batches of one history.
const STEPS_MAX: usize = 64;

/// Where a byte lies: segments in the order of their names.
pub type Place<'a> = (&'a str, usize);

/// What was written in one piece.
#[derive(Debug, Default)]
pub struct Batch {
    segment: String,
    begin: usize,
    end: usize,
    /// The entries in it.
    entries: Vec<Entry>,
    /// The entries of the log behind its newest mark, once the batch is whole.
    pub log: Vec<Entry>,
    /// The hard state in it.
    pub state: HardState,
}

impl Batch {
    /// Its first byte.
    pub fn begin(&self) -> Place<'_> {
        (&self.segment, self.begin)
    }

    /// The byte behind its last.
    pub fn end(&self) -> Place<'_> {
        (&self.segment, self.end)
    }

    /// Whether a log that held `before`, and of the next batch `self` only a part, could read so.
    pub fn is_part_read(&self, before: &Batch, read: &Recovered) -> bool {
        let reads = |log: &[Entry]| read.entries == log;
        if read.hard_state != self.state {
            return read.hard_state == before.state && reads(&before.log);
        }
        let first = self.entries.first().map(|entry| entry.index);
        let kept = before.log.iter().filter(|entry| first.is_none_or(|it| entry.index < it));
        let some = |count| kept.clone().chain(&self.entries[..count]).eq(&read.entries);
        reads(&before.log) || reads(&self.log) || (1..=self.entries.len()).any(some)
    }
}

/// A log.
pub struct History {
    /// Its segments.
    pub files: Files,
    /// The batches that nothing has overwritten, oldest first; there is one at least.
    pub batches: Vec<Batch>,
}

impl History {
    /// Writes what the input describes, three bytes a batch: how many entries and whether they
    /// replace the last ones, the length of their payloads, and the term, the vote, whether a mark
    /// is set instead and whether a mere commit index is synced.
    pub fn write(steps: &[u8]) -> History {
        let mut scribe = Scribe::new();
        for (number, step) in steps.chunks_exact(STEP_BYTES).take(STEPS_MAX).enumerate() {
            match step[2] & 0x70 == 0x70 && scribe.mark < scribe.state.commit.get() {
                true => scribe.set_mark(),
                false => scribe.append(number, step),
            }
        }
        scribe.history
    }

    /// The last batch.
    pub fn last(&self) -> &Batch {
        self.batches.last().expect("the first batch makes the log")
    }
}

/// Writes a history and remembers what it must say.
struct Scribe {
    history: History,
    writer: Writer,
    /// All entries that are not released by a mark.
    log: BTreeMap<u64, Entry>,
    last: u64,
    mark: u64,
    state: HardState,
    /// Whether the last batch was made durable; else the next one overwrites it.
    is_synced: bool,
}

impl Scribe {
    fn new() -> Scribe {
        let state = HardState { term: Term(1), vote: MemberId(0), commit: Index(0) };
        let none = std::iter::empty::<EntryRef<'_>>();
        let (writer, ops) = Writer::create(METADATA, SEGMENT_BYTES, state, none);
        let history = History { files: Files::new(), batches: Vec::new() };
        let log = BTreeMap::new();
        let mut scribe = Scribe { history, writer, log, last: 0, mark: 0, state, is_synced: true };
        scribe.note(&ops, Vec::new(), true);
        // The first batch was written before the segment had its name.
        let name = scribe.history.files.keys().next().expect("there is a segment").clone();
        scribe.history.batches[0].segment = name;
        scribe
    }

    fn append(&mut self, number: usize, step: &[u8]) {
        let count = u64::from(step[0] % 4);
        // A batch must not only take entries away: the log is cut by what replaces them.
        let back = if count == 0 { 0 } else { u64::from(step[0] >> 6) };
        let back = back.min(self.last - self.state.commit.get());
        let is_new_term = back > 0 || step[2] & 0x80 != 0;
        if is_new_term {
            self.state.term = self.state.term.next();
            self.state.vote = MemberId(u64::from(step[2] % 4));
        }
        let first = self.last - back + 1;
        self.log.split_off(&first);
        let data = vec![number as u8 | 1; usize::from(step[1])];
        // A change of members is never without a payload.
        let kind = i32::from(step[2] >> 2 & 1 & step[1].min(1));
        for index in first..first + count {
            let (term, index) = (self.state.term, Index(index));
            self.log.insert(index.get(), Entry { term, index, kind, data: data.clone().into() });
        }
        self.state.commit = Index(self.state.commit.get().max(self.last.min(first - 1)));
        self.last = first + count - 1;
        let entries: Vec<Entry> = self.log.range(first..).map(|(_, entry)| entry.clone()).collect();
        let is_synced = count > 0 || is_new_term || step[2] & 0x40 == 0;
        let refs = entries.iter().map(entry_ref);
        let ops = self.writer.append(Some(self.state), refs, is_synced);
        self.note(&ops, entries, is_synced);
    }

    /// Marks what is committed, once what the mark before made needless is released.
    fn set_mark(&mut self) {
        let released = self.writer.release(Index(self.mark));
        perform(&mut self.history.files, &released);
        let index = self.state.commit;
        let term = self.log[&index.get()].term;
        let mark = SnapshotMark { index, term, conf_state: ConfState::default() };
        let ops = self.writer.snapshot(&mark, self.state);
        self.mark = index.get();
        self.log = self.log.split_off(&(self.mark + 1));
        self.note(&ops, Vec::new(), true);
    }

    fn note(&mut self, ops: &[Op], entries: Vec<Entry>, is_synced: bool) {
        perform(&mut self.history.files, ops);
        let written = ops.iter().rev().find_map(|op| match op {
            Op::Write { name, offset, bytes } => {
                Some((name.clone(), *offset as usize, bytes.len()))
            }
            _ => None,
        });
        let Some((segment, begin, len)) = written else { return };
        if !std::mem::replace(&mut self.is_synced, is_synced) {
            self.history.batches.pop();
        }
        let (end, log): (_, Vec<_>) = (begin + len, self.log.values().cloned().collect());
        let state = self.state;
        if let Some((segment, end)) = header(ops).filter(|_| !is_synced) {
            // What the next batch overwrites is in the new segment's header too, which is synced.
            let log = log.clone();
            self.history.batches.push(Batch {
                segment,
                begin: 0,
                end,
                entries: Vec::new(),
                log,
                state,
            });
        }
        self.history.batches.push(Batch { segment, begin, end, entries, log, state });
    }
}

/// The segment that is begun, and the length of its header.
fn header(ops: &[Op]) -> Option<(String, usize)> {
    let (from, to) = ops.iter().find_map(|op| match op {
        Op::Rename { from, to } => Some((from, to.clone())),
        _ => None,
    })?;
    ops.iter().find_map(|op| match op {
        Op::Write { name, bytes, .. } if name == from => Some((to.clone(), bytes.len())),
        _ => None,
    })
}

/// An entry as the writer wants it.
pub fn entry_ref(entry: &Entry) -> EntryRef<'_> {
    let Entry { term, index, kind, data } = entry;
    EntryRef { term: *term, index: *index, kind: *kind, data }
}
