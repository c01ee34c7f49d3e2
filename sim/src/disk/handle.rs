//! The disk as one incarnation of a member sees it: operations take time, may fail, and never
//! complete for a member that is dead.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use node::env::{Disk, DiskEntry, DiskError, DiskErrorKind, DiskFile};

use super::image::DiskImage;
use super::names::{Node, parent};
use crate::sync::lock;
use crate::world::Life;

/// Time of an operation on names or of a read that misses the page cache.
const OPERATION_TIME: Duration = Duration::from_micros(20);

/// The disk of one incarnation.
#[derive(Clone)]
pub struct SimDisk {
    image: Arc<Mutex<DiskImage>>,
    life: Life,
}

/// An open file of one incarnation.
pub struct SimFile {
    disk: SimDisk,
    number: u64,
    path: String,
}

fn failure(kind: DiskErrorKind, operation: &'static str, path: &str, message: &str) -> DiskError {
    DiskError { kind, operation, path: path.into(), message: message.into() }
}

impl SimDisk {
    /// The disk as `life` sees it.
    #[must_use]
    pub fn new(image: Arc<Mutex<DiskImage>>, life: Life) -> SimDisk {
        SimDisk { image, life }
    }

    /// Waits until the disk has served an operation; for ever if the member dies meanwhile.
    async fn serve(&self, time: Duration) {
        let clock = &self.life.world().clock;
        let done = lock(&self.image).reserve(clock.now(), time);
        clock.sleep_until(done).await;
        self.alive().await;
    }

    /// A buffered operation: at once unless the disk stalls.
    async fn pass(&self) {
        let clock = &self.life.world().clock;
        let until = lock(&self.image).faults.stalled_until;
        if until > clock.now() {
            clock.sleep_until(until).await;
        }
        self.alive().await;
    }

    async fn alive(&self) {
        if !self.life.is_alive() {
            pending::<()>().await;
        }
    }

    /// Fails as the fault list says: with an I/O error, or for want of room for `growth` bytes.
    fn may_write(&self, operation: &'static str, path: &str, growth: u64) -> Result<(), DiskError> {
        let mut image = lock(&self.image);
        if image.faults.fail_writes > 0 {
            image.faults.fail_writes -= 1;
            drop(image);
            self.life.world().count("fault: write error hit");
            self.life.world().excuse(self.life.member());
            return Err(failure(DiskErrorKind::Other, operation, path, "input/output error"));
        }
        if !image.take_room(growth) {
            drop(image);
            self.life.world().count("fault: no space hit");
            self.life.world().excuse(self.life.member());
            return Err(failure(
                DiskErrorKind::NoSpace,
                operation,
                path,
                "no space left on device",
            ));
        }
        Ok(())
    }
}

impl Disk for SimDisk {
    type File = SimFile;

    async fn create(&self, path: &str) -> Result<SimFile, DiskError> {
        self.serve(OPERATION_TIME).await;
        self.may_write("create", path, 0)?;
        let mut image = lock(&self.image);
        if image.names.get(path).is_some() {
            return Err(failure(DiskErrorKind::AlreadyExists, "create", path, "file exists"));
        }
        if !image.names.is_dir(parent(path)) {
            return Err(failure(DiskErrorKind::NotFound, "create", path, "no such directory"));
        }
        let number = image.create(path);
        Ok(SimFile { disk: self.clone(), number, path: path.into() })
    }

    async fn open(&self, path: &str) -> Result<SimFile, DiskError> {
        self.serve(OPERATION_TIME).await;
        match lock(&self.image).names.get(path) {
            Some(Node::File(number)) => {
                Ok(SimFile { disk: self.clone(), number, path: path.into() })
            }
            Some(Node::Dir) => Err(failure(DiskErrorKind::Other, "open", path, "is a directory")),
            None => Err(failure(DiskErrorKind::NotFound, "open", path, "no such file")),
        }
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        self.serve(OPERATION_TIME).await;
        let mut image = lock(&self.image);
        if image.names.get(from).is_none() || !image.names.is_dir(parent(to)) {
            return Err(failure(DiskErrorKind::NotFound, "rename", from, "no such file"));
        }
        image.names.rename(from, to);
        Ok(())
    }

    async fn remove(&self, path: &str) -> Result<(), DiskError> {
        self.serve(OPERATION_TIME).await;
        let mut image = lock(&self.image);
        if image.names.get(path).is_none() {
            return Err(failure(DiskErrorKind::NotFound, "remove", path, "no such file"));
        }
        if let Some(Node::File(number)) = image.names.get(path) {
            let freed = image.file(number).len();
            image.give_room(freed);
        }
        image.names.remove(path);
        Ok(())
    }

    async fn list(&self, dir: &str) -> Result<Vec<DiskEntry>, DiskError> {
        self.serve(OPERATION_TIME).await;
        let mut image = lock(&self.image);
        if !image.names.is_dir(dir) {
            return Err(failure(DiskErrorKind::NotFound, "list", dir, "no such directory"));
        }
        let names: Vec<(String, Node)> =
            image.names.list(dir).map(|(name, node)| (name.to_string(), node)).collect();
        let entries = names.into_iter().map(|(name, node)| match node {
            Node::Dir => DiskEntry { name, len: 0, is_dir: true },
            Node::File(number) => DiskEntry { name, len: image.file(number).len(), is_dir: false },
        });
        Ok(entries.collect())
    }

    async fn create_dir(&self, dir: &str) -> Result<(), DiskError> {
        self.serve(OPERATION_TIME).await;
        self.may_write("mkdir", dir, 0)?;
        let mut image = lock(&self.image);
        let ends = dir.match_indices('/').map(|(at, _)| at).chain([dir.len()]);
        for end in ends {
            match image.names.get(&dir[..end]) {
                None if end > 0 => image.names.set(&dir[..end], Node::Dir),
                Some(Node::File(_)) => {
                    let kind = DiskErrorKind::AlreadyExists;
                    return Err(failure(kind, "mkdir", dir, "a file has this name"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn sync_dir(&self, dir: &str) -> Result<(), DiskError> {
        let time = lock(&self.image).sync_time();
        self.serve(time).await;
        let mut image = lock(&self.image);
        image.names.sync_dir(dir);
        image.witness_names();
        drop(image);
        self.life.world().durable_changed(self.life.member());
        Ok(())
    }

    fn available_bytes(&self) -> Option<u64> {
        Some(lock(&self.image).available_bytes())
    }
}

impl SimFile {
    /// Bytes by which the file grows when it reaches to `end`.
    fn growth(&self, end: u64) -> u64 {
        end.saturating_sub(lock(&self.disk.image).file(self.number).len())
    }

    async fn sync_once(&self) -> Result<(), DiskError> {
        let (sync, time) = {
            let mut image = lock(&self.disk.image);
            (image.file(self.number).begin_sync(), image.sync_time())
        };
        self.disk.serve(time).await;
        let mut image = lock(&self.disk.image);
        if let Some(failed) = image.faults.fail_sync.take() {
            image.file(self.number).fail_sync(sync, failed);
            drop(image);
            self.disk.life.world().sync_failed(self.disk.life.member());
            let path = &self.path;
            return Err(failure(DiskErrorKind::Other, "fsync", path, "input/output error"));
        }
        image.file(self.number).finish_sync(sync);
        image.witness_file(self.number);
        drop(image);
        self.disk.life.world().durable_changed(self.disk.life.member());
        Ok(())
    }
}

impl DiskFile for SimFile {
    async fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, DiskError> {
        self.disk.serve(OPERATION_TIME).await;
        Ok(Bytes::from(lock(&self.disk.image).file(self.number).read(offset, len)))
    }

    fn read_now(&self, offset: u64, len: usize) -> Result<Bytes, DiskError> {
        Ok(Bytes::from(lock(&self.disk.image).file(self.number).read(offset, len)))
    }

    async fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.disk.pass().await;
        self.disk.may_write("write", &self.path, self.growth(offset + bytes.len() as u64))?;
        lock(&self.disk.image).file(self.number).write(offset, bytes);
        Ok(())
    }

    async fn sync(&self) -> Result<(), DiskError> {
        self.sync_once().await
    }

    async fn truncate(&self, len: u64) -> Result<(), DiskError> {
        self.disk.serve(OPERATION_TIME).await;
        let mut image = lock(&self.disk.image);
        let before = image.file(self.number).len();
        image.file(self.number).truncate(len);
        image.give_room(before.saturating_sub(len));
        Ok(())
    }

    async fn allocate(&self, len: u64) -> Result<(), DiskError> {
        self.disk.serve(OPERATION_TIME).await;
        self.disk.may_write("allocate", &self.path, self.growth(len))?;
        let mut image = lock(&self.disk.image);
        let file = image.file(self.number);
        if file.len() < len {
            file.truncate(len);
        }
        Ok(())
    }

    async fn len(&self) -> Result<u64, DiskError> {
        self.disk.pass().await;
        Ok(lock(&self.disk.image).file(self.number).len())
    }
}
