//! Maintenance.Snapshot and Maintenance.Hash: the whole state of this member, as a file and as a
//! number.

use bytes::{Bytes, BytesMut};
use proto::etcdserverpb as pb;
use sha2::{Digest, Sha256};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

use super::header::encoded;
use super::{Answer, Api, Caller};
use crate::env::Env;
use crate::error::{ApiError, Code};
use crate::snapshots::content::capture;
use crate::snapshots::file::{self, FileError, SnapshotFile};

/// Bytes of the file in one answer.
const BLOB_BYTES: usize = 32 << 10;
/// Pieces of the file, and answers, that wait for a slow client.
const WAITING_MAX: usize = 4;

impl<E: Env> Api<E> {
    /// Maintenance.Hash: of all that the member's snapshot would hold, but for the few values that
    /// differ between members with the same state.
    ///
    /// # Errors
    /// None but a stopping member's.
    pub async fn hash(&self, caller: &Caller, _request: pb::HashRequest) -> Answer {
        self.require_admin(caller).await?;
        let content = capture(&self.inner.applier).await.ok_or(ApiError::STOPPED)?;
        let revision = content.keys.revision();
        let hash = self.inner.env.blocking(move || file::hash(&content)).await;
        let hash = hash.map_err(|error| self.file_failed(error.into()))?;
        Ok(encoded(&pb::HashResponse { header: Some(self.header(revision)), hash }))
    }

    /// Maintenance.Snapshot: encoded `SnapshotResponse`s, the file in blobs and then its SHA-256.
    /// The state is that of one moment, however long the client takes; nothing waits for it.
    ///
    /// # Errors
    /// `too many requests` while as many clients as the member serves take their snapshots.
    pub async fn snapshot(
        &self,
        caller: &Caller,
        _request: pb::SnapshotRequest,
    ) -> Result<mpsc::Receiver<Answer>, ApiError> {
        self.require_admin(caller).await?;
        let permit = self.inner.snapshot_streams.clone().try_acquire_owned();
        let permit = permit.map_err(|_| ApiError::TOO_MANY_REQUESTS)?;
        let content = capture(&self.inner.applier).await.ok_or(ApiError::STOPPED)?;
        let version = content.storage_version();
        let chunk_bytes = self.inner.config.knobs.snapshot_chunk_bytes;
        let planned = file::plan(&self.inner.env, content, chunk_bytes).await;
        let planned = planned.map_err(|error| self.file_failed(error))?;
        let (answers, taken) = mpsc::channel(WAITING_MAX);
        let stream =
            Stream { api: self.clone(), version, left: planned.bytes(), answers, _permit: permit };
        self.inner.env.spawn("snapshot", stream.run(planned));
        Ok(taken)
    }

    /// A local fault ends the process; else the client is told.
    fn file_failed(&self, error: FileError) -> ApiError {
        match error {
            FileError::Backend(error) => self.read_failed(mvcc::ReadError::Backend(error)),
            FileError::Write(error) => {
                ApiError::with_text(Code::Internal, format!("snapshot: {error}"))
            }
        }
    }
}

/// One client's snapshot.
struct Stream<E: Env> {
    api: Api<E>,
    version: String,
    /// Bytes of the file that were not sent.
    left: u64,
    answers: mpsc::Sender<Answer>,
    _permit: OwnedSemaphorePermit,
}

impl<E: Env> Stream<E> {
    async fn run(mut self, file: SnapshotFile<super::Snapshot<E>>) {
        let (sink, pieces) = mpsc::channel(WAITING_MAX);
        let env = self.api.inner.env.clone();
        let making = async move { file::pump(&env, file, &sink, None).await };
        let (made, sent) = futures_util::future::join(making, self.send_all(pieces)).await;
        let end = match made {
            Ok(_) if sent.is_some() => return,
            Ok(_) => ApiError::STOPPED,
            Err(error) => self.api.file_failed(error),
        };
        // A client that has gone does not hear it.
        let _gone = self.answers.send(Err(end)).await;
    }

    /// Cuts the file into blobs; `None` when it ended early or the client has gone.
    async fn send_all(&mut self, mut pieces: mpsc::Receiver<Bytes>) -> Option<()> {
        let mut digest = Sha256::new();
        let mut waiting = BytesMut::new();
        while self.left > 0 {
            let wanted = BLOB_BYTES.min(usize::try_from(self.left).unwrap_or(BLOB_BYTES));
            while waiting.len() < wanted {
                waiting.extend_from_slice(&pieces.recv().await?);
            }
            let blob = waiting.split_to(wanted).freeze();
            digest.update(&blob);
            self.left -= blob.len() as u64;
            self.send(blob).await?;
        }
        self.send(Bytes::copy_from_slice(&digest.finalize())).await
    }

    async fn send(&self, blob: Bytes) -> Option<()> {
        let response = pb::SnapshotResponse {
            header: None,
            remaining_bytes: self.left,
            blob,
            version: self.version.clone(),
        };
        self.answers.send(Ok(encoded(&response))).await.ok()
    }
}
