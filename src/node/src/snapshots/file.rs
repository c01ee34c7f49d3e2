//! The file of a snapshot on its way out, a piece at a time and never whole: laid out from lengths
//! alone, then written front to back (H-c).
//!
//! Both passes read the same view, so they cannot disagree. Memory: a few words for each revision,
//! and one piece.

use std::time::Duration;

use bbolt::etcd_layout::{ContentHash, bucket};
use bbolt::{Plan, Planner, WriteError, Writer};
use bytes::Bytes;
use mvcc::{BackendError, BackendSnapshot, Living};
use tokio::sync::mpsc;

use super::content::{Content, Rows};
use crate::api::{Snapshot, until};
use crate::env::Env;

/// Bytes of keys and values that are read in one go.
const PIECE_BYTES: usize = 256 << 10;

/// Why a file cannot be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileError {
    /// The backend could not be read: a local fault.
    #[error("the backend cannot be read: {0}")]
    Backend(#[from] BackendError),
    /// A key or value that the format has no room for.
    #[error("the snapshot file cannot be written: {0}")]
    Write(#[from] WriteError),
}

/// The buckets in the order of the file, the rows of all but that of the keys.
struct Buckets<S> {
    rows: Vec<(&'static [u8], Rows)>,
    keys: Living<S>,
}

impl<S: BackendSnapshot> Buckets<S> {
    fn of(content: &Content<S>) -> Buckets<S> {
        let rows = bucket::ALL.iter().map(|&name| (name, content.rows(name)));
        Buckets { rows: rows.collect(), keys: content.keys.living() }
    }

    fn plan(&self) -> Result<Plan, WriteError> {
        let mut planner = Planner::new();
        for (name, rows) in &self.rows {
            planner.bucket(name.len())?;
            for (key, value) in rows {
                planner.entry(key.len(), value.len())?;
            }
            if *name == bucket::KEY {
                for entry in self.keys.entries() {
                    planner.entry(entry.key_bytes(), entry.value_bytes as usize)?;
                }
            }
        }
        Ok(planner.finish())
    }
}

/// A file that is being written.
pub(crate) struct SnapshotFile<S> {
    buckets: Buckets<S>,
    writer: Writer,
    bytes: u64,
    /// The bucket that is being written, and how many of the keys are.
    bucket: usize,
    written: usize,
    is_finished: bool,
}

impl<S: BackendSnapshot> SnapshotFile<S> {
    /// Lays a file out. Takes time for each revision; reads no value.
    pub(crate) fn plan(
        content: &Content<S>,
        chunk_bytes: usize,
    ) -> Result<SnapshotFile<S>, FileError> {
        let buckets = Buckets::of(content);
        let plan = buckets.plan()?;
        let bytes = plan.file_bytes();
        let writer = Writer::with_chunk_bytes(plan, chunk_bytes);
        Ok(SnapshotFile { buckets, writer, bytes, bucket: 0, written: 0, is_finished: false })
    }

    /// How long the file will be.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The next piece; `None` at the end. May block on the backend.
    pub(crate) fn piece(&mut self) -> Result<Option<Bytes>, FileError> {
        loop {
            if let Some(chunk) = self.writer.chunk() {
                return Ok(Some(chunk));
            }
            if self.is_finished {
                return Ok(None);
            }
            self.feed()?;
        }
    }

    /// Gives the writer what comes next: a bucket, or a part of the keys.
    fn feed(&mut self) -> Result<(), FileError> {
        let Some((name, rows)) = self.buckets.rows.get(self.bucket) else {
            self.is_finished = true;
            return Ok(self.writer.finish()?);
        };
        if self.written == 0 {
            self.writer.bucket(name)?;
            for (key, value) in rows {
                self.writer.entry(key, value)?;
            }
        }
        if *name == bucket::KEY {
            let mut bytes = 0;
            for pair in self.buckets.keys.values_from(self.written) {
                let (key, value) = pair?;
                self.writer.entry(&key, &value)?;
                self.written += 1;
                bytes += key.len() + value.len();
                if bytes >= PIECE_BYTES {
                    return Ok(());
                }
            }
            self.written = 0;
        }
        self.bucket += 1;
        Ok(())
    }
}

/// Lays out the file of a content, off the caller's thread.
pub(crate) async fn plan<E: Env>(
    env: &E,
    content: Content<Snapshot<E>>,
    chunk_bytes: usize,
) -> Result<SnapshotFile<Snapshot<E>>, FileError> {
    env.blocking(move || SnapshotFile::plan(&content, chunk_bytes)).await
}

/// The next piece, made off the caller's thread.
async fn next<E: Env>(
    env: &E,
    mut file: SnapshotFile<Snapshot<E>>,
) -> (SnapshotFile<Snapshot<E>>, Result<Option<Bytes>, FileError>) {
    let work = move || {
        let piece = file.piece();
        (file, piece)
    };
    env.blocking(work).await
}

/// Hands the file's pieces to `sink` as fast as it takes them; false when nobody takes them, or
/// none for as long as `patience`.
pub(crate) async fn pump<E: Env>(
    env: &E,
    mut file: SnapshotFile<Snapshot<E>>,
    sink: &mpsc::Sender<Bytes>,
    patience: Option<Duration>,
) -> Result<bool, FileError> {
    loop {
        let (rest, piece) = next(env, file).await;
        file = rest;
        let Some(piece) = piece? else { return Ok(true) };
        let sending = sink.send(piece);
        let sent = match patience {
            Some(patience) => until(env, env.now() + patience, sending).await,
            None => Some(sending.await),
        };
        if !matches!(sent, Some(Ok(()))) {
            return Ok(false);
        }
    }
}

/// The hash of a content as etcd hashes its whole file.
pub(crate) fn hash<S: BackendSnapshot>(content: &Content<S>) -> Result<u32, BackendError> {
    let buckets = Buckets::of(content);
    let mut hash = ContentHash::of_state();
    for (name, rows) in &buckets.rows {
        hash.bucket(name);
        for (key, value) in rows {
            hash.entry(key, value);
        }
        if *name == bucket::KEY {
            for pair in buckets.keys.values() {
                let (key, value) = pair?;
                hash.entry(&key, &value);
            }
        }
    }
    Ok(hash.finish())
}
