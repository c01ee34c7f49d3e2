//! Walks the checksum chain of one segment, for recovery and for followers that lag.

use alloc::string::String;
use alloc::vec::Vec;

use base::Index;

use crate::frame::{self, Found, Frame, kind};
use crate::message;
use crate::types::Entry;

/// What the chain holds next.
pub(crate) enum Step {
    Record(Frame),
    End,
    Bad(String),
}

/// A position in a segment and the checksum of the chain up to it.
pub(crate) struct Chain {
    pub at: usize,
    /// None until the first segment's checksum record tells where the chain stands.
    pub crc: Option<u32>,
}

impl Chain {
    /// The next record whose checksum holds; moves on only behind such a record.
    pub(crate) fn next(&mut self, bytes: &[u8]) -> Step {
        let frame = match frame::parse(bytes, self.at) {
            Found::Frame(frame) => frame,
            Found::End => return Step::End,
            Found::Malformed(reason) => return Step::Bad(reason.into()),
        };
        let holds = match (frame.kind == kind::CRC, self.crc) {
            (true, _) if !frame.data.is_empty() => false,
            (true, before) => before.is_none_or(|before| before == frame.crc),
            (false, Some(before)) => frame.follows(before, bytes),
            (false, None) => return Step::Bad("the segment has no checksum record".into()),
        };
        if !holds {
            let crc = frame.crc;
            return Step::Bad(alloc::format!("the recorded checksum {crc:08x} does not hold"));
        }
        self.crc = Some(frame.crc);
        self.at = frame.end;
        Step::Record(frame)
    }
}

/// The entries of one segment within `first..=last`, in the order in which they were written: a
/// later one replaces an earlier one at its index and all behind that.
///
/// Reads up to the first frame that is not whole, so it may be given a segment that is being
/// written; what is missing shows as a gap.
#[must_use]
pub fn read_entries(segment: &[u8], first: Index, last: Index) -> Vec<Entry> {
    let mut chain = Chain { at: 0, crc: None };
    let mut entries = Vec::new();
    while let Step::Record(frame) = chain.next(segment) {
        if frame.kind != kind::ENTRY {
            continue;
        }
        let Some(entry) = message::read_entry(&segment[frame.data]) else { break };
        if (first..=last).contains(&entry.index) {
            entries.push(entry);
        }
    }
    entries
}
