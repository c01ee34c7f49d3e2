//! A new generation of segments: all keys of a snapshot that replaces whatever the store holds.
//!
//! It is built beside the old one, which stays in force and readable. The changes that it gives
//! switch the map from the old segments to the new; committed together with the new record they are
//! the one pointer that moves (BK7). Until they are durable the new segments are not on the map,
//! and recovery deletes them; afterwards it deletes the old ones.

use alloc::format;
use alloc::vec::Vec;
use core::iter::Peekable;

use bytes::Bytes;

use super::{MAP_KEYSPACE, PREFIX, Segment, keyspace, read_map};
use crate::backend::{Backend, BackendError, Change};
use crate::revision::Revision;

/// Writes the entries, encoded revisions and values in ascending order, into new segments of about
/// `segment_bytes`; gives the changes of the map that switch to them.
///
/// # Errors
/// The backend failed, or an entry's key is no revision; the old generation is as it was.
pub fn build<B: Backend>(
    backend: &B,
    entries: &mut dyn Iterator<Item = (Bytes, Bytes)>,
    segment_bytes: u64,
) -> Result<Vec<Change>, BackendError> {
    backend.create(MAP_KEYSPACE)?;
    let old = read_map(&backend.snapshot()?)?;
    let mut next_id = unused_id(backend, &old)?;
    let mut entries = entries.peekable();
    let mut built: Vec<Segment> = Vec::new();
    while entries.peek().is_some() {
        // The first one also covers what was compacted before it.
        let from = built.last().map_or(0, |last| last.to + 1);
        let name = keyspace(next_id);
        backend.create(&name)?;
        let mut part = Part { entries: &mut entries, bytes_left: segment_bytes, last: None };
        backend.ingest(&name, &mut part)?;
        let Some(last) = part.last else {
            let key = entries.peek().map(|(key, _)| key.clone());
            let message = format!("{key:?} in a snapshot is no revision");
            return Err(BackendError { message, no_space: false });
        };
        built.push(Segment { id: next_id, from, to: last });
        next_id += 1;
    }
    if let Some(last) = built.last_mut() {
        last.to = i64::MAX;
    }
    let gone = old.iter().map(Segment::unmapped);
    Ok(gone.chain(built.iter().map(Segment::mapped)).collect())
}

/// An id above those of all segments that exist, mapped or not.
fn unused_id<B: Backend>(backend: &B, mapped: &[Segment]) -> Result<u64, BackendError> {
    let present = backend.keyspaces()?;
    let id_of = |name: &str| u64::from_str_radix(name.strip_prefix(PREFIX)?, 16).ok();
    let ids = present.iter().filter_map(|name| id_of(name));
    let used = ids.chain(mapped.iter().map(|segment| segment.id)).max();
    Ok(used.map_or(1, |used| used + 1))
}

/// The entries of one segment; a main revision is never split over two.
struct Part<'a, 'b> {
    entries: &'a mut Peekable<&'b mut dyn Iterator<Item = (Bytes, Bytes)>>,
    bytes_left: u64,
    last: Option<i64>,
}

impl Iterator for Part<'_, '_> {
    type Item = (Bytes, Bytes);

    fn next(&mut self) -> Option<(Bytes, Bytes)> {
        let (key, value) = self.entries.peek()?;
        let (revision, _) = Revision::decode(key)?;
        let begins = self.last.is_some_and(|last| last != revision.main);
        if begins && self.bytes_left == 0 {
            return None;
        }
        let bytes = (key.len() + value.len()) as u64;
        self.bytes_left = self.bytes_left.saturating_sub(bytes);
        self.last = Some(revision.main);
        self.entries.next()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::BackendSnapshot;
    use crate::keyvalue;
    use crate::memory::MemoryBackend;
    use crate::store::{Recorded, Store};
    use proto::mvccpb::KeyValue;

    fn pair(main: i64, sub: i64) -> (Bytes, Bytes) {
        let value = KeyValue {
            key: format!("key-{main}-{sub}").into(),
            create_revision: main,
            mod_revision: main,
            version: 1,
            ..KeyValue::default()
        };
        (Revision::new(main, sub).encode(false), keyvalue::encode(&value))
    }

    fn segments(backend: &MemoryBackend) -> Vec<Segment> {
        read_map(&backend.snapshot().expect("in memory")).expect("sound")
    }

    #[test]
    fn a_generation_replaces_the_map_and_splits_no_revision() {
        let backend = MemoryBackend::new();
        let entries = [pair(2, 0), pair(2, 1), pair(3, 0), pair(5, 0), pair(5, 1)];
        let build_all = |bytes| {
            let changes = build(&backend, &mut entries.iter().cloned(), bytes).expect("in memory");
            backend.commit(changes).expect("in memory");
            segments(&backend)
        };
        let first = build_all(1);
        let bounds = |all: &[Segment]| -> Vec<(i64, i64)> {
            all.iter().map(|segment| (segment.from, segment.to)).collect()
        };
        assert_eq!(bounds(&first), [(0, 2), (3, 3), (4, i64::MAX)]);
        let second = build_all(1 << 20);
        assert_eq!(bounds(&second), [(0, i64::MAX)]);
        assert!(second[0].id > first[2].id, "an id was used twice");
        let recorded = Recorded { revision: 5, compaction: -1 };
        let store = Store::restore(&backend, &recorded, Default::default(), &mut |_, _| {});
        let mut store = store.expect("a whole generation");
        store.check();
        assert_eq!(store.view().keys(), 5);
        let left = backend.keyspaces().expect("in memory");
        assert_eq!(left.iter().filter(|name| name.starts_with(PREFIX)).count(), 1, "{left:?}");
    }

    #[test]
    fn a_failed_build_leaves_the_old_generation_in_force() {
        let backend = MemoryBackend::new();
        let changes = build(&backend, &mut [pair(2, 0)].into_iter(), 1).expect("in memory");
        backend.commit(changes).expect("in memory");
        let before = segments(&backend);
        let damaged = (Bytes::from_static(b"no revision"), Bytes::new());
        let mut entries = [pair(2, 0), damaged].into_iter();
        assert!(build(&backend, &mut entries, 1).is_err());
        backend.crash(usize::MAX);
        assert_eq!(segments(&backend), before);
        let snapshot = backend.snapshot().expect("in memory");
        assert!(snapshot.get(&before[0].keyspace(), &pair(2, 0).0).expect("read").is_some());
    }
}
