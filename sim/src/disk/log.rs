//! A witness of the member's log: it reads the segments out of the durable image by itself, as far
//! as they became durable, and knows what every legal crash preserves of terms, votes, entries and
//! snapshots. It shares no code with the log it watches.
//!
//! It reads forward only: what it has seen stays known although the sector rots later. It does not
//! see segments through a directory entry that is not durable, and takes segments in the order in
//! which they become durable, which is the log's order for any log that syncs a segment before it
//! begins the next.

mod records;

use std::collections::BTreeMap;
use std::ops::Range;

use base::checksum::crc32c_append;

use super::file::FileImage;
use super::names::{Names, Node};
pub use records::{Frame, decode_frame};

/// Where the segments lie.
pub const LOG_DIR: &str = "member/wal";

/// What every legal crash of a member preserves of its log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DurableLog {
    /// The term.
    pub term: u64,
    /// The vote in that term, zero for none.
    pub vote: u64,
    /// The recorded commit index.
    pub commit: u64,
    /// Index and term of the newest snapshot record that is in force.
    pub snapshot: (u64, u64),
    /// A snapshot record ahead of the commit index: in force once that reaches it, and without
    /// meaning when the log goes on below it.
    pub pending: Option<(u64, u64)>,
    /// Term and checksum (of kind and payload) of each entry.
    pub entries: BTreeMap<u64, (u64, u32)>,
}

impl DurableLog {
    /// The last index, of an entry or of the snapshot.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.entries.last_key_value().map_or(self.snapshot.0, |(&last, _)| last)
    }

    /// The term of an index, as far as known.
    #[must_use]
    pub fn term_of(&self, index: u64) -> Option<u64> {
        if index == self.snapshot.0 {
            return Some(self.snapshot.1);
        }
        self.entries.get(&index).map(|(term, _)| *term)
    }

    fn take(&mut self, frame: Frame) {
        match frame {
            Frame::Entry { index, term, checksum } => {
                self.pending = self.pending.filter(|pending| index > pending.0);
                self.entries.split_off(&index);
                self.entries.insert(index, (term, checksum));
            }
            Frame::HardState { term, vote, commit } => {
                self.term = term;
                self.vote = vote;
                self.commit = commit;
                if let Some((index, term)) = self.pending.take_if(|pending| pending.0 <= commit) {
                    self.cover(index, term);
                }
            }
            Frame::Snapshot { index, term } if index > self.commit => {
                self.pending = Some((index, term));
            }
            Frame::Snapshot { index, term } => self.cover(index, term),
            Frame::Other => {}
        }
    }
}

impl DurableLog {
    /// A snapshot stands in for the log up to an index. Where it contradicts the log, nothing of
    /// the log is left.
    fn cover(&mut self, index: u64, term: u64) {
        if index > 0 && self.term_of(index) != Some(term) {
            self.entries.clear();
        }
        self.snapshot = self.snapshot.max((index, term));
    }
}

#[derive(Clone, Debug, Default)]
struct Cursor {
    offset: u64,
    crc: u32,
    /// Where frames began, with the checksum chain before each, to step back to.
    frames: Vec<(u64, u32)>,
    /// Where those began that open a batch: its hard state.
    batches: Vec<u64>,
}

/// Reads segments as they become durable.
#[derive(Clone, Debug, Default)]
pub struct LogWitness {
    cursors: BTreeMap<u64, Cursor>,
    log: DurableLog,
}

impl LogWitness {
    /// What is known to be durable.
    #[must_use]
    pub fn log(&self) -> &DurableLog {
        &self.log
    }

    /// The bytes of the given segments, oldest first, behind which a later batch is durable; `None`
    /// without any.
    #[must_use]
    pub fn before_last_batch(&self, segments: &[u64]) -> Option<Vec<(u64, Range<u64>)>> {
        let read = |number: &u64| self.cursors.get(number).filter(|cursor| cursor.offset > 0);
        let read: Vec<(u64, &Cursor)> =
            segments.iter().filter_map(|number| Some((*number, read(number)?))).collect();
        let (last, whole) = read.split_last()?;
        let mut places: Vec<(u64, Range<u64>)> =
            whole.iter().map(|(number, cursor)| (*number, 0..cursor.offset)).collect();
        if let Some(&batch) = last.1.batches.last().filter(|batch| **batch > 0) {
            places.push((last.0, 0..batch));
        }
        (!places.is_empty()).then_some(places)
    }

    /// The bytes of the last durable batch of the given segments, oldest first; `None` when the
    /// last segment holds none.
    #[must_use]
    pub fn last_batch(&self, segments: &[u64]) -> Option<(u64, Range<u64>)> {
        let read = |number: &u64| self.cursors.get(number).filter(|cursor| cursor.offset > 0);
        let (number, cursor) =
            segments.iter().rev().find_map(|number| Some((*number, read(number)?)))?;
        Some((number, *cursor.batches.last()?..cursor.offset))
    }

    /// Reads what became durable in all segments that a crash preserves.
    pub fn advance(&mut self, names: &Names, files: &mut BTreeMap<u64, FileImage>) {
        let segments: Vec<u64> = names
            .durable_list(LOG_DIR)
            .filter_map(|(name, node)| match node {
                Node::File(number) if name.ends_with(".wal") => Some(number),
                _ => None,
            })
            .collect();
        for number in segments {
            if let Some(file) = files.get_mut(&number) {
                self.advance_file(number, file);
            }
        }
    }

    /// Reads what became durable in one segment.
    pub fn advance_file(&mut self, number: u64, file: &mut FileImage) {
        let news = file.take_news();
        let cursor = self.cursors.entry(number).or_default();
        if let Some(news) = news {
            step_back(cursor, news);
        } else if cursor.offset > 0 {
            return;
        }
        while let Some((frame, data, crc, size)) = decode_frame(file, cursor.offset) {
            let chained = crc32c_append(cursor.crc, &data);
            let is_chain_start = records::is_chain_start(&frame, &data);
            if !is_chain_start && chained != crc {
                break;
            }
            cursor.frames.push((cursor.offset, cursor.crc));
            if matches!(frame, Frame::HardState { .. }) {
                cursor.batches.push(cursor.offset);
            }
            cursor.crc = crc;
            cursor.offset += size;
            self.log.take(frame);
        }
    }
}

fn step_back(cursor: &mut Cursor, changed: u64) {
    while let Some(&(offset, crc)) = cursor.frames.last() {
        if cursor.offset <= changed {
            return;
        }
        cursor.frames.pop();
        if cursor.batches.last() == Some(&offset) {
            cursor.batches.pop();
        }
        cursor.offset = offset;
        cursor.crc = crc;
    }
}

#[cfg(test)]
mod tests {
    use super::records::encode_frame;
    use super::*;

    fn segment(frames: &[(i64, Vec<u8>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut crc = 0;
        for (kind, data) in frames {
            crc = if *kind == 4 { 0 } else { crc32c_append(crc, data) };
            bytes.extend(encode_frame(*kind, crc, data));
        }
        bytes
    }

    fn frames() -> Vec<(i64, Vec<u8>)> {
        vec![
            (4, Vec::new()),
            (3, records::encode_hard_state(2, 7, 0)),
            (2, records::encode_entry(1, 2, b"one")),
            (2, records::encode_entry(2, 2, b"two")),
        ]
    }

    #[test]
    fn entries_are_known_when_file_and_name_are_durable() {
        let mut names = Names::default();
        let mut files = BTreeMap::new();
        let mut witness = LogWitness::default();
        names.set("member", Node::Dir);
        names.set("member/wal", Node::Dir);
        names.set("member/wal/0-0.wal", Node::File(1));
        let mut file = FileImage::default();
        file.write(0, &segment(&frames()));
        let sync = file.begin_sync();
        files.insert(1, file);
        witness.advance(&names, &mut files);
        assert_eq!(witness.log().last(), 0);
        files.get_mut(&1).expect("inserted above").finish_sync(sync);
        witness.advance(&names, &mut files);
        assert_eq!(witness.log().last(), 0, "the name is not durable");
        for dir in ["", "member", "member/wal"] {
            names.sync_dir(dir);
        }
        witness.advance(&names, &mut files);
        let log = witness.log();
        assert_eq!((log.term, log.vote, log.last()), (2, 7, 2));
    }

    #[test]
    fn a_rewritten_tail_replaces_what_followed() {
        let mut file = FileImage::default();
        let mut witness = LogWitness::default();
        let mut write = |file: &mut FileImage, frames: &[(i64, Vec<u8>)]| {
            file.write(0, &segment(frames));
            let sync = file.begin_sync();
            file.finish_sync(sync);
            witness.advance_file(1, file);
            witness.log().clone()
        };
        assert_eq!(write(&mut file, &frames()).last(), 2);
        let mut longer = frames();
        longer.push((2, records::encode_entry(2, 3, b"other")));
        longer.push((2, records::encode_entry(3, 3, b"three")));
        let log = write(&mut file, &longer);
        assert_eq!((log.term_of(2), log.last()), (Some(3), 3));
    }
}
