//! Frames: an eight-byte length word, a `walpb.Record`, and zeros up to a multiple of eight.
//!
//! Only the exact form that etcd and this crate write is read, so that a frame read and written
//! again is the same bytes (L6): fields in order, minimal varints, zero padding.

use core::ops::Range;

use base::checksum::crc32c_append;

use crate::varint;

/// Bytes of the length word.
pub(crate) const HEADER_BYTES: usize = 8;

/// `walpb.Record.type`.
pub(crate) mod kind {
    pub(crate) const METADATA: u64 = 1;
    pub(crate) const ENTRY: u64 = 2;
    pub(crate) const HARD_STATE: u64 = 3;
    pub(crate) const CRC: u64 = 4;
    pub(crate) const SNAPSHOT: u64 = 5;
}

/// A well-formed frame within a segment; whether its checksum holds is the chain's question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    /// The byte behind the padding.
    pub end: usize,
    /// `walpb.Record.type`.
    pub kind: u64,
    /// The checksum over the data of all records of the chain so far, this one included.
    pub crc: u32,
    /// Where the data lies; empty when there is none.
    pub data: Range<usize>,
}

impl Frame {
    /// Whether the recorded checksum is that of `before` continued with this frame's data.
    pub(crate) fn follows(&self, before: u32, bytes: &[u8]) -> bool {
        self.crc == crc32c_append(before, &bytes[self.data.clone()])
    }
}

/// What stands at a position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Found {
    Frame(Frame),
    /// A zero length word or the end of the file.
    End,
    Malformed(&'static str),
}

/// The length word of a record of `len` bytes, and the padding behind it.
pub(crate) fn length_word(len: usize) -> (u64, usize) {
    assert!(len > 0 && (len as u64) < 1 << 56, "a record of {len} bytes has no length word");
    let padding = len.wrapping_neg() % 8;
    let top = if padding == 0 { 0 } else { 0x80 | padding as u64 };
    (len as u64 | top << 56, padding)
}

/// Reads what stands at `at`, a multiple of eight.
pub(crate) fn parse(bytes: &[u8], at: usize) -> Found {
    assert!(at.is_multiple_of(8), "byte {at} is not the begin of a frame");
    let rest = bytes.get(at..).unwrap_or_default();
    let Some(word) = rest.first_chunk::<HEADER_BYTES>() else {
        return if rest.iter().all(|&byte| byte == 0) {
            Found::End
        } else {
            Found::Malformed("the file ends within a length word")
        };
    };
    let word = u64::from_le_bytes(*word);
    if word == 0 {
        return Found::End;
    }
    let len = (word & ((1 << 56) - 1)) as usize;
    if len == 0 || len > rest.len() - HEADER_BYTES {
        return Found::Malformed("the length word points beyond the end of the file");
    }
    let (expected, padding) = length_word(len);
    if word != expected {
        return Found::Malformed("the length word states a wrong padding");
    }
    let begin = at + HEADER_BYTES;
    let end = begin + len + padding;
    match parse_record(&bytes[..begin + len], begin) {
        None => Found::Malformed("the record is not a walpb.Record"),
        Some((_, fields_end)) if fields_end != begin + len => {
            Found::Malformed("the record is longer than its fields")
        }
        Some((frame, _)) => match bytes.get(begin + len..end) {
            Some(zeros) if zeros.iter().all(|&byte| byte == 0) => {
                Found::Frame(Frame { end, ..frame })
            }
            _ => Found::Malformed("the padding is not zero"),
        },
    }
}

/// Reads the fields of a record at `begin`, whatever its length word says; the frame, whose end is
/// where the padding of such a record would end, and the byte behind the fields.
pub(crate) fn parse_record(bytes: &[u8], begin: usize) -> Option<(Frame, usize)> {
    let rest = bytes.get(begin..)?.strip_prefix(&[0x08])?;
    let (kind, rest) = varint::get(rest)?;
    let (crc, rest) = varint::get(rest.strip_prefix(&[0x10])?)?;
    let crc = u32::try_from(crc).ok()?;
    let (data, fields_end) = match rest.strip_prefix(&[0x1a]) {
        None => {
            let end = bytes.len() - rest.len();
            (end..end, end)
        }
        Some(rest) => {
            let (len, rest) = varint::get(rest)?;
            let start = bytes.len() - rest.len();
            let end = start.checked_add(usize::try_from(len).ok()?)?;
            if end > bytes.len() {
                return None;
            }
            (start..end, end)
        }
    };
    let end = begin + (fields_end - begin).next_multiple_of(8);
    Some((Frame { end, kind, crc, data }, fields_end))
}
