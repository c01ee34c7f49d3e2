//! Names in the log directory: segments, temporary files, and what may be left over of them.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base::Index;

use crate::op::Op;

/// What a file that is not yet a segment is called.
const TEMPORARY: &str = ".tmp";

/// The name of a segment: its place in the chain and the index of the first entry that it can hold
/// without an older segment being needed. Orders as the chain does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SegmentName {
    /// Counts segments from zero, never skipping one.
    pub sequence: u64,
    /// One above the last entry when the segment began.
    pub first: Index,
}

impl SegmentName {
    /// Reads a file name; none when it is not exactly what [`fmt::Display`] writes.
    #[must_use]
    pub fn parse(name: &str) -> Option<SegmentName> {
        let (sequence, first) = name.strip_suffix(".wal")?.split_once('-')?;
        Some(SegmentName { sequence: parse_hex(sequence)?, first: Index(parse_hex(first)?) })
    }
}

impl fmt::Display for SegmentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}-{:016x}.wal", self.sequence, self.first.get())
    }
}

/// Sixteen lower-case hexadecimal digits.
pub(crate) fn parse_hex(text: &str) -> Option<u64> {
    let plain = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    match text.len() == 16 && text.bytes().all(plain) {
        true => u64::from_str_radix(text, 16).ok(),
        false => None,
    }
}

/// The name under which the segment of this sequence number is prepared.
pub(crate) fn temporary(sequence: u64) -> String {
    alloc::format!("{sequence:016x}{TEMPORARY}")
}

/// Whether a file was never made a segment and may go.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.ends_with(TEMPORARY)
}

/// Removals of what an interrupted creation or preparation left behind. A driver that is about to
/// make a new log carries them out first; [`crate::Recovered::ops`] contains them already.
#[must_use]
pub fn leftovers(names: &[String]) -> Vec<Op> {
    let temporary = names.iter().filter(|name| is_temporary(name));
    temporary.map(|name| Op::Remove { name: name.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    #[test]
    fn only_exact_names_are_segments() {
        let name = SegmentName { sequence: 0x1f, first: Index(0xabc) };
        assert_eq!(name.to_string(), "000000000000001f-0000000000000abc.wal");
        assert_eq!(SegmentName::parse(&name.to_string()), Some(name));
        for other in [
            "000000000000001f-0000000000000abc.wal.broken",
            "000000000000001F-0000000000000abc.wal",
            "1f-abc.wal",
            "+00000000000001f-0000000000000abc.wal",
            "0000000000000001.tmp",
            "",
        ] {
            assert_eq!(SegmentName::parse(other), None, "{other}");
        }
    }
}
