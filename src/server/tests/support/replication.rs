//! What the traces of a cluster's members say together: which entries each wrote and synced when,
//! what each acknowledged to its peers, and when clients had their answers.

use prost::Message as _;
use proto::{raftpb, walpb};

use super::strace::{Call, parse};

/// An entry record in the log (`walpb.Record.type`).
const ENTRY: i64 = 2;

/// Entries that one call wrote to the log.
struct Written {
    ended: usize,
    entries: Vec<raftpb::Entry>,
}

/// A finished sync of a log file.
struct Synced {
    began: usize,
    ended: usize,
    ended_us: u64,
}

/// An acknowledgement that left for a peer.
struct Acknowledged {
    began: usize,
    index: u64,
}

/// One member's trace, as far as durability goes.
pub struct Trace {
    writes: Vec<Written>,
    syncs: Vec<Synced>,
    acknowledgements: Vec<Acknowledged>,
}

impl Trace {
    /// Reads what strace wrote.
    pub fn read(text: &str) -> Trace {
        let calls = parse(text);
        let in_log = |call: &&Call| call.text.contains("/member/wal/");
        let writes = calls.iter().filter(|call| call.writes_log());
        let syncs = calls.iter().filter(|call| call.is(&["fdatasync", "fsync"])).filter(in_log);
        let syncs = syncs.filter(|call| call.text.contains("= 0"));
        let sends = calls.iter().filter(|call| call.sends());
        Trace {
            writes: writes.map(written).collect(),
            syncs: syncs
                .map(|call| Synced {
                    began: call.began,
                    ended: call.ended,
                    ended_us: call.ended_us,
                })
                .collect(),
            acknowledgements: sends.flat_map(acknowledged).collect(),
        }
    }

    /// The first sync that began after the write had ended.
    fn sync_after(&self, written: &Written) -> Option<&Synced> {
        self.syncs.iter().filter(|sync| sync.began > written.ended).min_by_key(|sync| sync.ended)
    }

    /// When the entry that carries `mark` was first durable here, in microseconds.
    fn durable_us(&self, mark: &str) -> Option<u64> {
        let carries = |entry: &raftpb::Entry| {
            let data = entry.data.as_deref().unwrap_or_default();
            data.windows(mark.len()).any(|window| window == mark.as_bytes())
        };
        let written = self.writes.iter().find(|write| write.entries.iter().any(carries))?;
        self.sync_after(written).map(|sync| sync.ended_us)
    }

    /// Checks that every acknowledgement left after a sync of the entry that it names, and gives
    /// how many there were.
    ///
    /// # Errors
    /// The acknowledgement that left too early.
    pub fn check_acknowledgements(&self) -> Result<usize, String> {
        for acknowledged in &self.acknowledgements {
            let index = acknowledged.index;
            let wrote = self.writes.iter().filter(|write| {
                write.ended < acknowledged.began
                    && write.entries.iter().any(|entry| entry.index() == index)
            });
            let synced = wrote.filter_map(|write| self.sync_after(write));
            if !synced.into_iter().any(|sync| sync.ended < acknowledged.began) {
                return Err(format!(
                    "entry {index} was acknowledged at line {} before it was synced",
                    acknowledged.began
                ));
            }
        }
        Ok(self.acknowledgements.len())
    }
}

/// Checks that each mark was durable on the member that answered and on a majority of all members
/// when its client had the answer.
///
/// # Errors
/// The mark that was answered too early.
pub fn check_answers(
    traces: &[Trace],
    answered_by: usize,
    answers: &[(String, u64)],
) -> Result<(), String> {
    for (mark, answered_us) in answers {
        let durable = |trace: &Trace| trace.durable_us(mark).is_some_and(|at| at < *answered_us);
        if !durable(&traces[answered_by]) {
            return Err(format!("{mark} was answered before it was synced where it was answered"));
        }
        let count = traces.iter().filter(|trace| durable(trace)).count();
        if count <= traces.len() / 2 {
            return Err(format!("{mark} was answered when {count} members had synced it"));
        }
    }
    Ok(())
}

/// The entries among the records of a write: each a length word whose low 56 bits count, the
/// record, and zeros up to a multiple of eight.
fn written(call: &Call) -> Written {
    let bytes = call.bytes();
    let mut rest = &bytes[..];
    let mut entries = Vec::new();
    while let Some((word, behind)) = rest.split_first_chunk::<8>() {
        let length = (u64::from_le_bytes(*word) & ((1 << 56) - 1)) as usize;
        let Some(record) = behind.get(..length).filter(|record| !record.is_empty()) else { break };
        let record = walpb::Record::decode(record).expect("the log holds records");
        if record.r#type() == ENTRY {
            let data = record.data.unwrap_or_default();
            entries.push(raftpb::Entry::decode(data).expect("an entry record holds an entry"));
        }
        rest = behind.get(length.next_multiple_of(8)..).unwrap_or_default();
    }
    Written { ended: call.ended, entries }
}

/// The append acknowledgements among the bytes that a call sent: each an eight-byte length and a
/// message. The stream's own framing around them is skipped over.
fn acknowledged(call: &Call) -> Vec<Acknowledged> {
    let bytes = call.bytes();
    let message_at = |at: usize| {
        let (word, behind) = bytes[at..].split_first_chunk::<8>()?;
        let length = usize::try_from(u64::from_be_bytes(*word)).ok()?;
        let message = raftpb::Message::decode(behind.get(..length)?).ok()?;
        let is_acknowledgement = message.r#type() == raftpb::MessageType::MsgAppResp
            && message.from() != 0
            && message.to() != 0
            && message.index() != 0
            && !message.reject();
        is_acknowledgement.then(|| Acknowledged { began: call.began, index: message.index() })
    };
    (0..bytes.len()).filter_map(message_at).collect()
}
