//! The log under damage and under strange histories.
//!
//! Three ways, chosen by the first byte: the input is the only segment; the input is damage done to
//! a sound log of several segments, mostly with the checksum of the damaged record made good again
//! so that the damage is believed; the input is a history that is written, torn or damaged in one
//! place, and read.
//!
//! Held against: no read panics or keeps more than the files hold; a log that is accepted stays the
//! same log when its repairs are carried out and it is read again (L3), and can be continued; what
//! was written is read back. Of a log with damage that no checksum covers up, every batch that was
//! whole before the first damaged byte comes back, and of the next one a beginning or nothing (L1).
//! Damage within the last batch never makes the log unreadable; damage with a whole batch behind
//! it, or in a segment before the last, is never accepted (L2).
//!
//! Not verified: a received snapshot that replaces the log, and the order in which files change
//! (the crate's own crash tests do both).

mod files;
mod history;

use base::{Index, Term};
use bytes::Bytes;
use wal::{Entry, HardState, Recovered, Recovery, Tail, WalError};

use files::{Files, believe, damaged, perform, torn};
use history::{Batch, History, Place, SEGMENT_BYTES, entry_ref};

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
        1 => damage_sound(data),
        _ => write_and_tear(data),
    }
}

/// Sound inputs of each way.
#[must_use]
pub fn samples() -> Vec<Vec<u8>> {
    let history: Vec<u8> = (0..120_u8).map(|byte| byte.wrapping_mul(37)).collect();
    let mut samples: Vec<Vec<u8>> = History::write(&history[..30])
        .files
        .values()
        .map(|bytes| {
            let used = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 9);
            [&[0], &bytes[..used.min(bytes.len())]].concat()
        })
        .collect();
    for damage in [b"\0\x20\x01\x05\x01\x44\xff\x07".as_slice(), b"\x06\x01\xf0\x55\0\0\0"] {
        samples.push([&[1], damage].concat());
    }
    for kind in 0..files::TEARS {
        samples.push([&[2, kind, kind * 7, 40], history.as_slice()].concat());
    }
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

/// Damages a sound log as the input describes; the last bit of its length says whether the
/// checksums are made good.
fn damage_sound(data: &[u8]) {
    let history = History::write(&SOUND.repeat(4));
    let mut files = damaged(history.files.clone(), data);
    match data.len() % 4 == 3 {
        true => judge(&history, &files),
        false => believe(&mut files),
    }
    read_twice(files);
}

/// Writes a history and reads it; then damages it in one place and reads what is left.
fn write_and_tear(data: &[u8]) {
    let Some((tear, steps)) = data.split_at_checked(3) else { return };
    let history = History::write(steps);
    judge(&history, &history.files);
    let files = torn(history.files.clone(), history.last().end(), [tear[0], tear[1], tear[2]]);
    judge(&history, &files);
    read_twice(files);
}

/// What may be read of a history whose files were changed to these.
fn judge(history: &History, files: &Files) {
    let (mut first, mut last) = (None, None);
    for place in changed(&history.files, files) {
        first = first.or(Some(place));
        last = Some(place);
    }
    let is_whole = |batch: &&Batch| first.is_none_or(|first| batch.end() <= first);
    let whole = history.batches.iter().take_while(is_whole).count();
    // The first batch has no file to be torn in, for it gets its name once it is durable; and one
    // byte alone, which no crash changes, may turn a record's type into one that is refused.
    let is_crash = whole > 0 && (first.is_none() || first != last);
    let is_torn = is_crash && first.is_none_or(|first| first >= history.last().begin());
    let is_inside = last.is_some_and(|last| last < history.last().begin());
    match recover(files) {
        Ok(read) => {
            assert!(!is_inside, "damage from {first:?} to {last:?} is passed over");
            judge_read(&history.batches, whole, &read);
            assert_eq!(read.suspect.is_some(), read.tail != Tail::Clean, "{:?}", read.suspect);
            continue_log(files.clone(), read);
        }
        Err(error) => assert!(!is_torn, "torn at {first:?}, and not read: {error}"),
    }
}

/// The places where the files differ; what was cut off differs, for even padding is missed.
fn changed<'a>(before: &'a Files, after: &'a Files) -> impl Iterator<Item = Place<'a>> {
    before.iter().flat_map(|(name, bytes)| {
        let now = &after[name];
        let differs = move |at: &usize| now.get(*at) != Some(&bytes[*at]);
        (0..bytes.len()).filter(differs).map(move |at| (name.as_str(), at))
    })
}

/// All batches that are whole come back, and a part of the next at most.
fn judge_read(batches: &[Batch], whole: usize, read: &Recovered) {
    let none = Batch::default();
    let before = whole.checked_sub(1).map_or(&none, |last| &batches[last]);
    let next = batches.get(whole).unwrap_or(before);
    let of = |log: &[Entry], state: HardState| {
        let last = log.last().map(|entry| (entry.index, entry.term));
        format!("{state:?} and {} entries up to {last:?}", log.len())
    };
    assert!(
        next.is_part_read(before, read),
        "{whole} of {} batches are whole, with {}, the next with {}; read is {}",
        batches.len(),
        of(&before.log, before.state),
        of(&next.log, next.state),
        of(&read.entries, read.hard_state),
    );
}

/// Repairs a log that was read, appends to it and reads it again.
fn continue_log(mut files: Files, mut read: Recovered) {
    perform(&mut files, &read.ops);
    let term = read.hard_state.term.max(Term(1));
    let state = HardState { term, ..read.hard_state };
    let index = read.writer.last().next();
    let entry = Entry { term, index, kind: 0, data: Bytes::from_static(b"continued") };
    let ops = read.writer.append(Some(state), std::iter::once(entry_ref(&entry)), true);
    perform(&mut files, &ops);
    let again = recover(&files).expect("a repaired log can be continued");
    read.entries.push(entry);
    assert_eq!((again.entries, again.hard_state), (read.entries, state));
    assert_eq!((again.tail, again.suspect), (Tail::Clean, read.suspect));
}
