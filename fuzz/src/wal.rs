//! The log under damage and under strange histories.
//!
//! Three ways, chosen by the first byte: the input is the only segment; the input is damage done to
//! a sound log of several segments, with the checksum of the damaged record made good again so that
//! the damage is believed; the input is a history that is written, torn off and read.
//!
//! Held against: no read panics or keeps more than the files hold; a log that is accepted stays the
//! same log when its repairs are carried out and it is read again (L3); what was written is read
//! back, and of a torn log the batches that were complete (L1).

mod files;

use std::collections::BTreeMap;

use base::{ClusterId, Index, MemberId, Term};
use bytes::Bytes;
use wal::{Entry, EntryRef, HardState, Metadata, Recovered, Recovery, WalError, Writer};

use files::{Files, damaged, perform};

const METADATA: Metadata = Metadata { member: MemberId(7), cluster: ClusterId(9) };
const SEGMENT_BYTES: u64 = 1024;
/// The history of the log that is damaged.
const SOUND: &[u8] = b"\x03\x10\x22\x05\x30\x11\x04\x20\x33\x09\x40\x01\x06\x50\x02\x07\x10\x60";

/// Runs one input.
///
/// # Panics
/// When a promise of the crate is broken.
pub fn run(data: &[u8]) {
    let Some((way, data)) = data.split_first() else { return };
    match way % 3 {
        0 => {
            let _ = wal::read_entries(data, Index(1), Index(u64::MAX));
            let name = "0000000000000000-0000000000000000.wal".to_owned();
            read_twice(Files::from([(name, data.to_vec())]));
        }
        1 => {
            let (files, _) = write(&SOUND.repeat(4));
            read_twice(damaged(files, data));
        }
        _ => write_and_tear(data),
    }
}

/// Sound inputs of each way.
#[must_use]
pub fn samples() -> Vec<Vec<u8>> {
    let history: Vec<u8> = (0..120_u8).map(|byte| byte.wrapping_mul(37)).collect();
    let (files, _) = write(&history[..30]);
    let mut samples: Vec<Vec<u8>> = files
        .values()
        .map(|bytes| {
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 9);
            [&[0], &bytes[..used.min(bytes.len())]].concat()
        })
        .collect();
    samples.push([&[1_u8], b"\0\x20\x01\x05\x01\x44\xff\x07".as_slice()].concat());
    samples.push([&[2_u8, 40], history.as_slice()].concat());
    samples
}

fn recover(files: &Files) -> Result<Recovered, WalError> {
    let names: Vec<String> = files.keys().cloned().collect();
    let mut recovery = Recovery::new(&names)?;
    for name in recovery.names() {
        recovery.segment(&name, Bytes::copy_from_slice(&files[&name]))?;
    }
    recovery.finish(SEGMENT_BYTES)
}

/// A log that is accepted is the same after its repairs.
fn read_twice(mut files: Files) {
    let held: usize = files.values().map(Vec::len).sum();
    let Ok(first) = recover(&files) else { return };
    let read: usize = first.entries.iter().map(|entry| entry.data.len()).sum();
    assert!(read <= held, "{read} bytes of entries out of {held}");
    perform(&mut files, &first.ops);
    let second = recover(&files).expect("repairs mend what was accepted");
    assert_eq!(first.entries, second.entries);
    assert_eq!(first.hard_state, second.hard_state);
    assert_eq!(first.metadata, second.metadata);
    assert_eq!(first.mark, second.mark);
    assert_eq!(second.tail, wal::Tail::Clean, "a repaired log ends clean");
    assert_eq!(first.suspect, second.suspect, "a doubt outlives the repair of its cause");
}

/// A log of what the input describes, three bytes a batch: how many entries and whether they
/// replace the last ones, the length of their payloads, and the vote.
fn write(history: &[u8]) -> (Files, Vec<(Vec<Entry>, HardState)>) {
    let mut state = HardState { term: Term(1), vote: MemberId(0), commit: Index(0) };
    let (mut writer, ops) =
        Writer::create(METADATA, SEGMENT_BYTES, state, std::iter::empty::<EntryRef<'_>>());
    let mut files = Files::new();
    perform(&mut files, &ops);
    let mut log: BTreeMap<u64, Entry> = BTreeMap::new();
    let mut states = vec![(Vec::new(), state)];
    for (step, batch) in history.chunks_exact(3).take(64).enumerate() {
        let last = log.last_key_value().map_or(0, |(index, _)| *index);
        let back = u64::from(batch[0] >> 6).min(last - state.commit.get());
        if back > 0 || batch[2] & 0x80 != 0 {
            state.term = state.term.next();
            state.vote = MemberId(u64::from(batch[2] % 4));
        }
        let first = last - back + 1;
        log.split_off(&first);
        for index in first..first + u64::from(batch[0] % 4) {
            let data = vec![step as u8 | 1; usize::from(batch[1])];
            let (term, index) = (state.term, Index(index));
            log.insert(index.get(), Entry { term, index, kind: 0, data: data.into() });
        }
        state.commit = Index(state.commit.get().max(last.min(first - 1)));
        let entries: Vec<Entry> = log.range(first..).map(|(_, entry)| entry.clone()).collect();
        // A batch must not only take entries away: the log is cut by what replaces them.
        if entries.is_empty() && back > 0 {
            break;
        }
        let refs = entries.iter().map(|entry| EntryRef {
            term: entry.term,
            index: entry.index,
            kind: entry.kind,
            data: &entry.data,
        });
        perform(&mut files, &writer.append(Some(state), refs, true));
        states.push((log.values().cloned().collect(), state));
    }
    (files, states)
}

/// Writes a history and reads it; then tears off the end and reads what is left.
fn write_and_tear(data: &[u8]) {
    let Some((cut, history)) = data.split_first() else { return };
    let (mut files, states) = write(history);
    let whole = recover(&files).expect("what was written is sound");
    let (entries, state) = states.last().expect("there is the first state");
    assert_eq!((&whole.entries, whole.hard_state), (entries, *state));
    let (name, bytes) = files.last_key_value().expect("there is a segment");
    let (name, used) = (name.clone(), bytes.iter().rposition(|byte| *byte != 0));
    let torn = used.map_or(0, |used| used.saturating_sub(usize::from(*cut)));
    files.get_mut(&name).expect("it is there")[torn..].fill(0);
    if let Ok(left) = recover(&files) {
        let within = states.iter().any(|(entries, _)| {
            entries.len() >= left.entries.len() && entries[..left.entries.len()] == left.entries[..]
        });
        assert!(within, "a torn log holds entries that no history had: {:?}", left.entries);
        assert!(left.hard_state.term <= state.term);
        read_twice(files);
    }
}
