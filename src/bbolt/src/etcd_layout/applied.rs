//! How far the log is contained in a file: what a receiver holds against the Raft message that the
//! file came with.

use super::contents::hex;
use super::{ConfState, LayoutError, bucket, meta_key};
use crate::{Bucket, Database, ReadAt};

/// The point of the log that a file is at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The index of the last applied entry; 0 when the file does not say.
    pub index: u64,
    /// The term of that entry; 0 when the file does not say (etcd before 3.5).
    pub term: u64,
    /// The configuration behind that entry; `None` when the file does not say (etcd before 3.5).
    pub conf_state: Option<ConfState>,
}

/// Reads the point of the log from the bucket `meta`.
///
/// # Errors
/// When the file is corrupt or one of the values is not of its form.
pub fn applied<S: ReadAt>(database: &Database<S>) -> Result<Applied, LayoutError<S::Error>> {
    let Some(meta) = database.bucket(bucket::META)? else { return Ok(Applied::default()) };
    let conf_state = match meta.get(meta_key::CONF_STATE)? {
        None => None,
        Some(text) => Some(
            ConfState::decode(&text)
                .ok_or_else(|| LayoutError::NotAMetaValue { key: hex(meta_key::CONF_STATE) })?,
        ),
    };
    Ok(Applied {
        index: number(&meta, meta_key::CONSISTENT_INDEX)?,
        term: number(&meta, meta_key::TERM)?,
        conf_state,
    })
}

/// Eight bytes, big-endian; 0 when there are none.
fn number<S: ReadAt>(meta: &Bucket<'_, S>, key: &[u8]) -> Result<u64, LayoutError<S::Error>> {
    let Some(value) = meta.get(key)? else { return Ok(0) };
    let bytes = <[u8; 8]>::try_from(&value[..]);
    bytes.map(u64::from_be_bytes).map_err(|_| LayoutError::NotAMetaValue { key: hex(key) })
}
