//! Single facts of a file that etcd made.

use alloc::string::String;
use core::fmt;

use super::{RevisionKey, bucket, meta_key};
use crate::{Database, ReadAt, ReadError};

/// Why the contents of a file could not be understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LayoutError<E> {
    /// The file could not be read.
    Read(ReadError<E>),
    /// A key of the bucket `key` is no revision.
    NotARevision {
        /// The key, in hexadecimal.
        key: String,
    },
    /// A value of the bucket `key` is no message.
    NotAKeyValue {
        /// Its key, in hexadecimal.
        key: String,
    },
    /// A value of the bucket `meta` is not of its form.
    NotAMetaValue {
        /// Its key, in hexadecimal.
        key: String,
    },
    /// The top of the file has an entry that is no bucket.
    NotABucket {
        /// Its key, in hexadecimal.
        key: String,
    },
}

impl<E> From<ReadError<E>> for LayoutError<E> {
    fn from(error: ReadError<E>) -> LayoutError<E> {
        LayoutError::Read(error)
    }
}

impl<E: fmt::Display> fmt::Display for LayoutError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LayoutError::Read(error) => write!(f, "{error}"),
            LayoutError::NotARevision { key } => write!(f, "cannot parse revision key: {key}"),
            LayoutError::NotAKeyValue { key } => {
                write!(f, "cannot unmarshal value of revision {key}")
            }
            LayoutError::NotAMetaValue { key } => write!(f, "cannot parse value of meta key {key}"),
            LayoutError::NotABucket { key } => write!(f, "nil bucket: {key}"),
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for LayoutError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            LayoutError::Read(error) => Some(error),
            _ => None,
        }
    }
}

/// Bytes in hexadecimal, for an error.
pub(super) fn hex(bytes: &[u8]) -> String {
    use core::fmt::Write as _;
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        write!(text, "{byte:02x}").expect("writing to a string cannot fail");
    }
    text
}

/// The version of the layout (`X.Y.0`), empty when the file names none: etcd before 3.6 wrote none.
///
/// # Errors
/// When the file is corrupt.
pub fn storage_version<S: ReadAt>(database: &Database<S>) -> Result<String, ReadError<S::Error>> {
    let Some(meta) = database.bucket(bucket::META)? else { return Ok(String::new()) };
    let value = meta.get(meta_key::STORAGE_VERSION)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&value).into_owned())
}

/// The greatest revision in the bucket `key`; 0.0 when it is empty.
///
/// # Errors
/// When the file is corrupt or a key is no revision.
pub fn latest_revision<S: ReadAt>(
    database: &Database<S>,
) -> Result<RevisionKey, LayoutError<S::Error>> {
    let mut latest = RevisionKey::new(0, 0);
    let Some(keys) = database.bucket(bucket::KEY)? else { return Ok(latest) };
    for entry in keys.entries() {
        let key = entry?.key;
        latest = RevisionKey::decode(&key)
            .ok_or_else(|| LayoutError::NotARevision { key: hex(&key) })?;
    }
    Ok(latest)
}

/// The revision of a compaction that the bucket `meta` records under `name`.
pub(super) fn compaction<S: ReadAt>(
    database: &Database<S>,
    name: &[u8],
) -> Result<Option<i64>, LayoutError<S::Error>> {
    let Some(meta) = database.bucket(bucket::META)? else { return Ok(None) };
    let Some(value) = meta.get(name)? else { return Ok(None) };
    match RevisionKey::decode(&value) {
        Some(revision) => Ok(Some(revision.main)),
        None => Err(LayoutError::NotARevision { key: hex(&value) }),
    }
}
