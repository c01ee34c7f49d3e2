//! Tells a torn tail from corruption.
//!
//! A batch is written only after the one before it was synced, and begins with a hard state. So a
//! damaged frame with a hard state behind it, in an intact piece of chain or as the last of all,
//! was durable: corruption.
//! Without one it lies in the last batch, which may have been torn by the crash or been damaged
//! later: nobody can tell, so it is cut off and its entries are suspect.

use base::Index;

use crate::frame::{self, Found, Frame, HEADER_BYTES, kind};
use crate::message;
use crate::types::HardState;

/// The smallest unit that a disk writes whole.
const SECTOR_BYTES: usize = 512;

/// What lies at and behind a damaged frame.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Survey {
    /// A batch that was begun later: the damage is corruption.
    pub later_batch: bool,
    /// A sector of the frame is zero, which is how etcd recognises a torn write.
    pub zero_sector: bool,
    /// The damaged record still calls itself an entry.
    pub entry: bool,
    /// The highest index among intact entries behind the damage.
    pub last: Option<Index>,
}

/// Surveys `bytes` from the damaged frame at `at` on, where the chain stood at `crc` and the hard
/// state at `known`.
pub(crate) fn survey(bytes: &[u8], at: usize, crc: u32, known: HardState) -> Survey {
    let damaged = frame::parse_record(bytes, at + HEADER_BYTES).map(|(frame, _)| frame);
    let end = damaged.as_ref().map_or(at + HEADER_BYTES, |frame| frame.end);
    let mut survey = Survey {
        zero_sector: has_zero_sector(bytes, at, end),
        entry: damaged.as_ref().is_some_and(|frame| frame.kind == kind::ENTRY),
        ..Survey::default()
    };
    let mut position = match damaged {
        Some(frame) => survey.resume_behind(bytes, at, &frame, crc),
        None => at + HEADER_BYTES,
    };
    while let Some(next) = next_nonzero(bytes, position) {
        position = survey.resume_at(bytes, next, known);
    }
    survey
}

impl Survey {
    /// Goes on right behind the damaged frame, if only one of its checksum, its data and its length
    /// is damaged; gives where to search on.
    fn resume_behind(&mut self, bytes: &[u8], at: usize, damaged: &Frame, crc: u32) -> usize {
        let computed = base::checksum::crc32c_append(crc, &bytes[damaged.data.clone()]);
        if let Found::Frame(next) = frame::parse(bytes, damaged.end.min(bytes.len() / 8 * 8))
            && (next.follows(damaged.crc, bytes) || next.follows(computed, bytes))
        {
            return self.walk(bytes, next);
        }
        at + HEADER_BYTES
    }

    /// Looks for two frames of which the second continues the first, or for a last hard state,
    /// whose predecessor's checksum went with the damage.
    fn resume_at(&mut self, bytes: &[u8], at: usize, known: HardState) -> usize {
        let Found::Frame(one) = frame::parse(bytes, at) else { return at + HEADER_BYTES };
        if one.kind == kind::HARD_STATE
            && let Some(state) = message::read_hard_state(&bytes[one.data.clone()])
            && state.term >= known.term
            && state.commit >= known.commit
            && is_blank(bytes, one.end)
        {
            self.later_batch = true;
        }
        if let Found::Frame(two) = frame::parse(bytes, one.end)
            && two.follows(one.crc, bytes)
        {
            return self.walk(bytes, one);
        }
        at + HEADER_BYTES
    }

    /// Takes in an intact piece of chain; gives its end.
    fn walk(&mut self, bytes: &[u8], mut frame: Frame) -> usize {
        loop {
            let data = &bytes[frame.data.clone()];
            match frame.kind {
                kind::HARD_STATE if message::read_hard_state(data).is_some() => {
                    self.later_batch = true;
                }
                kind::ENTRY => {
                    let index = message::read_entry(data).map(|entry| entry.index);
                    self.last = self.last.max(index);
                }
                _ => {}
            }
            match frame::parse(bytes, frame.end) {
                Found::Frame(next) if next.follows(frame.crc, bytes) => frame = next,
                _ => return frame.end,
            }
        }
    }
}

/// The next multiple of eight at or behind `at` where the bytes are not zero.
fn next_nonzero(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = bytes.get(at..)?;
    let offset = rest.chunks(HEADER_BYTES).position(|word| word.iter().any(|&byte| byte != 0))?;
    Some(at + offset * HEADER_BYTES)
}

/// Whether all from `at` on is zero: nothing was ever written there.
pub(crate) fn is_blank(bytes: &[u8], at: usize) -> bool {
    next_nonzero(bytes, at).is_none()
}

/// Whether the part of some sector that lies in `at..end` is zero.
fn has_zero_sector(bytes: &[u8], at: usize, end: usize) -> bool {
    let end = end.min(bytes.len());
    let mut begin = at;
    while begin < end {
        let sector_end = (begin / SECTOR_BYTES + 1) * SECTOR_BYTES;
        if bytes[begin..sector_end.min(end)].iter().all(|&byte| byte == 0) {
            return true;
        }
        begin = sector_end;
    }
    false
}
