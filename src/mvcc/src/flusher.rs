//! The flusher's work, as functions that its driver calls on its thread.
//!
//! The order is the point (BK2): key revisions first, then in one batch everything else up to the
//! same entry. A crash between the two leaves revisions that recovery ignores and the log brings
//! again, identical. The other way round the record would claim changes that are not there.

use alloc::vec::Vec;

use crate::backend::{Backend, BackendError, Change};
use crate::store::Flush;

/// Writes one cut: its key revisions, then its record in one batch. Durable after
/// [`Backend::persist`], which the caller adds when it wants the cut as a checkpoint; only after
/// that may it call [`crate::Store::flushed`].
///
/// # Errors
/// The backend failed: the member stops.
pub fn write<B: Backend>(
    backend: &B,
    flush: Option<&Flush>,
    record: Vec<Change>,
) -> Result<(), BackendError> {
    let mut changes = Vec::with_capacity(record.len() + 2);
    if let Some(flush) = flush {
        assert!(!flush.entries.is_empty(), "an empty flush is written");
        if flush.begins {
            backend.create(&flush.keyspace)?;
        }
        backend.ingest(&flush.keyspace, &mut flush.entries.iter().cloned())?;
        changes.extend(flush.map.iter().cloned());
    }
    changes.extend(record);
    backend.commit(changes)
}
