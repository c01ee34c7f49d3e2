//! Receiving a snapshot: its file is written, synced and checked as a whole before the core hears
//! of it. Nothing is acknowledged by that: the core answers the leader once the log has the mark.
//!
//! One at a time. What the core does not want is refused or thrown away; a file that is corrupt,
//! truncated or another than was announced never gets its name.

use std::sync::Arc;

use base::{Index, mark};
use raft::{Body, Message, SnapshotMeta};
use tokio::sync::{mpsc, oneshot};

use super::read::{self, FileSource, ReadFailure};
use super::store::{self, DIRECTORY, UNFINISHED};
use crate::env::{Disk, DiskError, DiskErrorKind, DiskFile, Env, Net, SnapshotStream};
use crate::raft_task::input::Notice;
use crate::shared::Shared;

type Stream<E> = <<E as Env>::Net as Net>::Snapshot;

/// Why a snapshot was not taken.
enum Failure {
    /// The sender is told and may try again.
    Refused(String),
    /// A local fault: the member ends.
    Disk(DiskError),
}

impl From<DiskError> for Failure {
    fn from(error: DiskError) -> Failure {
        match error.kind {
            DiskErrorKind::NoSpace => Failure::Refused(error.to_string()),
            _ => Failure::Disk(error),
        }
    }
}

/// The running receiver.
pub(crate) struct Receiver<E: Env> {
    pub env: E,
    pub notices: mpsc::UnboundedSender<Notice>,
    pub shared: Arc<Shared>,
    pub space_low_bytes: u64,
}

impl<E: Env> Receiver<E> {
    /// Runs until the member stops or the disk fails.
    pub(crate) async fn run(self) {
        loop {
            let stream = tokio::select! {
                biased;
                () = self.shared.wait_stopped() => return,
                stream = self.env.net().next_snapshot() => stream,
            };
            if let Err(error) = self.serve(stream).await {
                self.env.fail_stop(&format!("a snapshot cannot be received: {error}"));
                return;
            }
        }
    }

    async fn serve(&self, mut stream: Stream<E>) -> Result<(), DiskError> {
        let message = stream.message().clone();
        let Body::Snapshot { meta, .. } = &message.body else {
            stream.finish(Err("the message announces no snapshot".into())).await;
            return Ok(());
        };
        let index = meta.index;
        if index <= self.shared.committed() {
            // The core only answers how far it is; nothing of the file is needed for that.
            self.hand_over(message, false).await;
            stream.finish(Ok(())).await;
            return Ok(());
        }
        match self.take(&mut stream, meta).await {
            Ok(()) => {
                let is_wanted = self.hand_over(message, true).await;
                stream.finish(Ok(())).await;
                if is_wanted {
                    self.shared.wait_applied(index).await;
                    return Ok(());
                }
                mark!("snapshot: received and not wanted");
                store::remove(&self.env, &store::path(index)).await
            }
            Err(Failure::Refused(reason)) => {
                mark!("snapshot: refused by the receiver");
                stream.finish(Err(reason)).await;
                store::remove(&self.env, UNFINISHED).await
            }
            Err(Failure::Disk(error)) => Err(error),
        }
    }

    /// Tells the core; whether it wants the file installed.
    async fn hand_over(&self, message: Message, has_file: bool) -> bool {
        let (answer, wanted) = oneshot::channel();
        let _stopping = self.notices.send(Notice::SnapshotArrived { message, has_file, answer });
        wanted.await.unwrap_or(false)
    }

    /// Writes the file, makes it durable, checks it, and gives it its name.
    async fn take(&self, stream: &mut Stream<E>, meta: &SnapshotMeta) -> Result<(), Failure> {
        let disk = self.env.disk();
        disk.create_dir(DIRECTORY).await?;
        store::remove(&self.env, UNFINISHED).await?;
        let file = disk.create(UNFINISHED).await?;
        let mut len = 0;
        while let Some(chunk) = stream.chunk().await.map_err(Failure::Refused)? {
            self.require_room(len)?;
            file.write_at(len, &chunk).await?;
            len += chunk.len() as u64;
        }
        file.sync().await?;
        self.check(FileSource { file, len }, meta.clone()).await?;
        self.name(meta.index).await
    }

    /// As much again as the file's length is needed to install it, and the log and the flushes must
    /// not meet a full disk meanwhile (X-e).
    fn require_room(&self, len: u64) -> Result<(), Failure> {
        let needed = self.space_low_bytes.saturating_add(len);
        match self.env.disk().available_bytes().is_some_and(|left| left < needed) {
            true => Err(Failure::Refused("too little room on the disk for this snapshot".into())),
            false => Ok(()),
        }
    }

    async fn check(
        &self,
        source: FileSource<<E::Disk as Disk>::File>,
        meta: SnapshotMeta,
    ) -> Result<(), Failure> {
        let checked = self.env.blocking(move || read::open(source, &meta).map(|_| ())).await;
        match checked {
            Ok(()) => Ok(()),
            Err(ReadFailure::Disk(error)) => Err(Failure::Disk(error)),
            Err(ReadFailure::Corrupt(reason)) => Err(Failure::Refused(reason)),
        }
    }

    async fn name(&self, index: Index) -> Result<(), Failure> {
        let disk = self.env.disk();
        disk.rename(UNFINISHED, &store::path(index)).await?;
        disk.sync_dir(DIRECTORY).await?;
        // The directory itself may be as new as the file.
        disk.sync_dir("member").await?;
        Ok(())
    }
}
