//! The log's files: carries out the operations that the pure log decided on, in their order.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::env::{Disk, DiskError, DiskFile, Env};

/// The directory of the log within the data directory.
pub(crate) const DIRECTORY: &str = "member/wal";

type File<E> = <<E as Env>::Disk as Disk>::File;

/// The open files of the log directory.
pub(crate) struct LogFiles<E: Env> {
    disk: E::Disk,
    open: BTreeMap<String, Arc<File<E>>>,
}

impl<E: Env> LogFiles<E> {
    pub(crate) fn new(disk: E::Disk) -> LogFiles<E> {
        LogFiles { disk, open: BTreeMap::new() }
    }

    fn path(name: &str) -> String {
        format!("{DIRECTORY}/{name}")
    }

    async fn file(&mut self, name: &str) -> Result<Arc<File<E>>, DiskError> {
        if let Some(file) = self.open.get(name) {
            return Ok(file.clone());
        }
        let file = Arc::new(self.disk.open(&Self::path(name)).await?);
        self.open.insert(name.to_string(), file.clone());
        Ok(file)
    }

    /// A file that gets no room leaves no name behind either, so that it can be tried again.
    async fn create(&self, name: &str, allocate: u64) -> Result<File<E>, DiskError> {
        let path = Self::path(name);
        let file = self.disk.create(&path).await?;
        match file.allocate(allocate).await {
            Ok(()) => Ok(file),
            Err(error) => {
                // The reason of the failure is told; a name that stays is a leftover of recovery.
                let _kept = self.disk.remove(&path).await;
                Err(error)
            }
        }
    }

    /// Carries out one operation.
    pub(crate) async fn run(&mut self, op: wal::Op) -> Result<(), DiskError> {
        match op {
            wal::Op::Create { name, allocate } => {
                let file = self.create(&name, allocate).await?;
                self.open.insert(name, Arc::new(file));
            }
            wal::Op::Write { name, offset, bytes } => {
                self.file(&name).await?.write_at(offset, &bytes).await?;
            }
            wal::Op::Sync { name } => self.file(&name).await?.sync().await?,
            wal::Op::Rename { from, to } => {
                self.disk.rename(&Self::path(&from), &Self::path(&to)).await?;
                if let Some(file) = self.open.remove(&from) {
                    self.open.insert(to, file);
                }
            }
            wal::Op::SyncDir => self.disk.sync_dir(DIRECTORY).await?,
            wal::Op::Remove { name } => {
                self.open.remove(&name);
                self.disk.remove(&Self::path(&name)).await?;
            }
            wal::Op::Allocate { name, len } => self.file(&name).await?.allocate(len).await?,
            wal::Op::Truncate { name, len } => self.file(&name).await?.truncate(len).await?,
        }
        Ok(())
    }
}
