//! Segments: the revision space cut into ranges, each in a keyspace of its own, so that space comes
//! back by writing what is alive of a range into a new keyspace and dropping the old one.
//!
//! The map of segments is in the backend too ([`MAP_KEYSPACE`]), one row a segment; it changes in
//! the batch of the flush or of the cleaning that changes the segments. Only the last segment
//! grows. Invariants (`check`): ranges ascend without gap or overlap; ids are unique.

pub mod clean;
pub mod generation;
mod shelf;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use bytes::{BufMut, Bytes, BytesMut};

use crate::backend::{BackendError, BackendSnapshot, Change};

pub use shelf::Shelf;

/// The keyspace of the map.
pub const MAP_KEYSPACE: &str = "segments";
/// What the keyspaces of segments begin with.
pub const PREFIX: &str = "seg-";
/// Bytes of a row's value: the first and the last main revision.
const ROW_LEN: usize = 16;

/// A range of main revisions in one keyspace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Names the keyspace; never used twice.
    pub id: u64,
    /// First main revision.
    pub from: i64,
    /// Last main revision; `i64::MAX` in the segment that grows.
    pub to: i64,
}

impl Segment {
    /// Its keyspace.
    #[must_use]
    pub fn keyspace(&self) -> String {
        keyspace(self.id)
    }

    /// The change that puts it on the map.
    #[must_use]
    pub fn mapped(&self) -> Change {
        let mut value = BytesMut::with_capacity(ROW_LEN);
        value.put_i64(self.from);
        value.put_i64(self.to);
        Change::Put { keyspace: MAP_KEYSPACE, key: row_key(self.id), value: value.freeze() }
    }

    /// The change that takes it off the map.
    #[must_use]
    pub fn unmapped(&self) -> Change {
        Change::Delete { keyspace: MAP_KEYSPACE, key: row_key(self.id) }
    }

    fn decode(key: &[u8], value: &[u8]) -> Option<Segment> {
        let id = u64::from_be_bytes(key.try_into().ok()?);
        let part = |at: usize| value.get(at..at + 8)?.try_into().ok().map(i64::from_be_bytes);
        let segment = Segment { id, from: part(0)?, to: part(8)? };
        (value.len() == ROW_LEN && segment.from <= segment.to).then_some(segment)
    }
}

/// The keyspace of a segment id.
#[must_use]
pub fn keyspace(id: u64) -> String {
    format!("{PREFIX}{id:016x}")
}

fn row_key(id: u64) -> Bytes {
    Bytes::copy_from_slice(&id.to_be_bytes())
}

/// Reads the map, in order of revisions.
///
/// # Errors
/// The backend failed, or the map is damaged.
pub fn read_map<S: BackendSnapshot>(snapshot: &S) -> Result<Vec<Segment>, BackendError> {
    let mut segments = Vec::new();
    for row in snapshot.scan(MAP_KEYSPACE, b"", None) {
        let (key, value) = row?;
        let segment = Segment::decode(&key, &value);
        segments.push(segment.ok_or_else(|| damaged(format!("row {key:?} {value:?}")))?);
    }
    segments.sort_by_key(|segment| segment.from);
    let gap = segments.windows(2).find(|pair| pair[0].to.checked_add(1) != Some(pair[1].from));
    match gap {
        Some(gap) => Err(damaged(format!("{gap:?}"))),
        None => Ok(segments),
    }
}

fn damaged(what: String) -> BackendError {
    BackendError { message: format!("the map of segments is damaged: {what}"), no_space: false }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_read_back() {
        let segment = Segment { id: 0x1f, from: 2, to: i64::MAX };
        assert_eq!(segment.keyspace(), "seg-000000000000001f");
        let Change::Put { keyspace, key, value } = segment.mapped() else { panic!("a put") };
        assert_eq!(keyspace, MAP_KEYSPACE);
        assert_eq!(Segment::decode(&key, &value), Some(segment));
        assert_eq!(Segment::decode(&key[1..], &value), None);
        assert_eq!(Segment::decode(&key, &value[1..]), None);
        assert_eq!(segment.unmapped(), Change::Delete { keyspace: MAP_KEYSPACE, key });
    }
}
