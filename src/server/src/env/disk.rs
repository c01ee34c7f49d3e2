//! The data directory as real files.
//!
//! Calls block: the trait awaits them only on threads of their own or during start-up. Directories
//! are made for their owner alone, as are files. Nothing is durable before the sync that the trait
//! names, and no failed sync is repeated here.
//!
//! The directory is held with an exclusive lock on the directory itself, so that a directory which
//! turns out to be somebody else's has not been touched.

mod file;

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use node::env::{Disk, DiskEntry, DiskError, DiskErrorKind};
use rustix::io::Errno;

pub use file::RealFile;

/// The directory that `--wal-dir` moves elsewhere.
const LOG_DIRECTORY: &str = "member/wal";

/// One member's data directory, locked as long as a clone of this lives.
#[derive(Clone, Debug)]
pub struct FileDisk(Arc<Root>);

#[derive(Debug)]
struct Root {
    path: PathBuf,
    log_path: Option<PathBuf>,
    /// Whether it was said that the room cannot be measured; again only after it could be.
    blind: AtomicBool,
    _lock: File,
}

impl FileDisk {
    /// Opens the data directory, making it if need be, and locks it. With `log_path` the log's
    /// files live there instead of in the data directory.
    ///
    /// # Errors
    /// `Locked` when another process holds the directory; otherwise what the system says.
    pub fn open(path: &Path, log_path: Option<&Path>) -> Result<FileDisk, DiskError> {
        let name = path.to_string_lossy();
        make_directory(path).map_err(|error| failure("create directory", &name, &error))?;
        let lock = File::open(path).map_err(|error| failure("open directory", &name, &error))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(DiskError {
                    kind: DiskErrorKind::Locked,
                    operation: "lock",
                    path: name.into_owned(),
                    message: "another process uses this data directory".into(),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failure("lock", &name, &error)),
        }
        let log_path = log_path.map(Path::to_path_buf);
        let path = path.to_path_buf();
        let root = Root { path, log_path, blind: AtomicBool::new(false), _lock: lock };
        // A member that cannot see its disk fill up would end by it: that shows at the start.
        if let Some(log_path) = &root.log_path {
            let failed = |error| failure("create directory", &log_path.to_string_lossy(), &error);
            make_directory(log_path).map_err(failed)?;
        }
        root.directories().try_for_each(|dir| available_bytes(dir).map(drop))?;
        Ok(FileDisk(Arc::new(root)))
    }

    /// The real path of a path within the data directory.
    ///
    /// # Panics
    /// When the path leads out of it: callers name their files themselves.
    fn resolve(&self, path: &str) -> PathBuf {
        let inside = Path::new(path).components().all(|part| matches!(part, Component::Normal(_)));
        assert!(inside, "{path:?} is not a path within the data directory");
        match (&self.0.log_path, path.strip_prefix(LOG_DIRECTORY)) {
            (Some(log_path), Some("")) => log_path.clone(),
            (Some(log_path), Some(rest)) if rest.starts_with('/') => log_path.join(&rest[1..]),
            _ => self.0.path.join(path),
        }
    }

    fn attempt<T>(
        &self,
        operation: &'static str,
        path: &str,
        act: impl FnOnce(&Path) -> io::Result<T>,
    ) -> Result<T, DiskError> {
        let real = self.resolve(path);
        act(&real).map_err(|error| failure(operation, &real.to_string_lossy(), &error))
    }

    fn open_with(&self, operation: &'static str, path: &str, new: bool) -> OpenResult {
        let file = self.attempt(operation, path, |real| {
            OpenOptions::new().read(true).write(true).create_new(new).mode(0o600).open(real)
        })?;
        Ok(RealFile::new(file, self.resolve(path)))
    }
}

type OpenResult = Result<RealFile, DiskError>;

impl Disk for FileDisk {
    type File = RealFile;

    async fn create(&self, path: &str) -> OpenResult {
        self.open_with("create", path, true)
    }

    async fn open(&self, path: &str) -> OpenResult {
        self.open_with("open", path, false)
    }

    async fn rename(&self, from: &str, to: &str) -> Result<(), DiskError> {
        let to = self.resolve(to);
        self.attempt("rename", from, |from| fs::rename(from, &to))
    }

    async fn remove(&self, path: &str) -> Result<(), DiskError> {
        self.attempt("remove", path, |real| fs::remove_file(real))
    }

    async fn list(&self, dir: &str) -> Result<Vec<DiskEntry>, DiskError> {
        self.attempt("list", dir, entries)
    }

    async fn create_dir(&self, dir: &str) -> Result<(), DiskError> {
        if let Some((parent, _)) = dir.rsplit_once('/') {
            // Where the log lives elsewhere, the directory above it is in the data directory still.
            self.attempt("create directory", parent, make_directory)?;
        }
        self.attempt("create directory", dir, make_directory)
    }

    async fn sync_dir(&self, dir: &str) -> Result<(), DiskError> {
        self.attempt("sync directory", dir, |real| File::open(real)?.sync_all())
    }

    fn available_bytes(&self) -> Option<u64> {
        let measured: Vec<_> = self.0.directories().map(available_bytes).collect();
        self.0.say_if_blind(measured.iter().find_map(|one| one.as_ref().err()));
        measured.into_iter().flatten().min()
    }
}

impl Root {
    /// The data directory, and the log's where it is another one.
    fn directories(&self) -> impl Iterator<Item = &Path> {
        [Some(&self.path), self.log_path.as_ref()].into_iter().flatten().map(PathBuf::as_path)
    }

    /// Warns of the first failed measurement after one that went well.
    fn say_if_blind(&self, error: Option<&DiskError>) {
        let was_blind = self.blind.swap(error.is_some(), Ordering::Relaxed);
        if let (Some(error), false) = (error, was_blind) {
            tracing::warn!(
                %error,
                "the room on a disk cannot be measured: if it fills, this member ends; mend the \
                 directory or its file system"
            );
        }
    }
}

fn available_bytes(path: &Path) -> Result<u64, DiskError> {
    let stat = rustix::fs::statvfs(path);
    let failed = |error: Errno| failure("measure", &path.to_string_lossy(), &error.into());
    let stat = stat.map_err(failed)?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// Makes a directory and those above it that are missing, whose names are durable then: nothing in
/// them would be otherwise. A parent that may be written and not read cannot be synced: that is
/// left to its file system.
fn make_directory(path: &Path) -> io::Result<()> {
    let is_missing = |dir: &&Path| !dir.as_os_str().is_empty() && !dir.exists();
    let missing: Vec<&Path> = path.ancestors().take_while(is_missing).collect();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    for dir in missing {
        let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
        match File::open(parent.unwrap_or(Path::new("."))) {
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            parent => parent?.sync_all()?,
        }
    }
    Ok(())
}

fn entries(dir: &Path) -> io::Result<Vec<DiskEntry>> {
    let mut entries = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let len = if metadata.is_file() { metadata.len() } else { 0 };
        entries.push(DiskEntry { name, len, is_dir: metadata.is_dir() });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

fn failure(operation: &'static str, path: &str, error: &io::Error) -> DiskError {
    let kind = match error.kind() {
        ErrorKind::NotFound => DiskErrorKind::NotFound,
        ErrorKind::AlreadyExists => DiskErrorKind::AlreadyExists,
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => DiskErrorKind::NoSpace,
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
            DiskErrorKind::PermissionDenied
        }
        _ => DiskErrorKind::Other,
    };
    DiskError { kind, operation, path: path.into(), message: error.to_string() }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::conformance;
    use super::*;

    #[tokio::test]
    async fn real_files_keep_the_promises_of_the_trait() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let disk = FileDisk::open(&dir.path().join("a/b"), None).expect("it opens");
        conformance::disk::check_all(&disk).await;
    }

    #[test]
    fn directory_is_locked_until_the_last_clone_goes() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let disk = FileDisk::open(dir.path(), None).expect("it opens");
        let clone = disk.clone();
        drop(disk);
        let error = FileDisk::open(dir.path(), None).expect_err("it is locked");
        assert_eq!(error.kind, DiskErrorKind::Locked);
        drop(clone);
        FileDisk::open(dir.path(), None).expect("it is free again");
        assert_eq!(fs::read_dir(dir.path()).expect("it is there").count(), 0, "it was touched");
    }

    #[tokio::test]
    async fn log_lives_in_its_own_directory_when_told_so() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (root, log) = (dir.path().join("data"), dir.path().join("log"));
        let disk = FileDisk::open(&root, Some(&log)).expect("it opens");
        disk.create_dir("member/wal").await.expect("made");
        disk.create("member/wal/0.wal").await.expect("made");
        disk.create_dir("member/walled").await.expect("made");
        disk.sync_dir("member/wal").await.expect("synced");
        let names = |path: &Path| entries(path).expect("it is there").len();
        assert_eq!((names(&log), names(&root.join("member"))), (1, 1));
        assert_eq!(disk.list("member/wal").await.expect("listed")[0].name, "0.wal");
    }

    #[test]
    fn a_log_s_directory_that_cannot_be_measured_is_warned_of_and_refused_at_the_start() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (root, log) = (dir.path().join("data"), dir.path().join("log"));
        let disk = FileDisk::open(&root, Some(&log)).expect("it opens");
        assert!(disk.available_bytes().is_some());
        fs::remove_dir(&log).expect("it is empty");
        let blind = |disk: &FileDisk| disk.0.blind.load(Ordering::Relaxed);
        assert!(!blind(&disk));
        assert!(disk.available_bytes().is_some(), "the data directory is still looked at");
        assert!(blind(&disk));
        drop(disk);
        fs::write(&log, "x").expect("written");
        let error = FileDisk::open(&root, Some(&log)).expect_err("a file is in the way");
        assert!(error.to_string().contains("/log"), "{error}");
    }

    #[tokio::test]
    async fn files_and_directories_are_the_owners_alone() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let disk = FileDisk::open(&dir.path().join("data"), None).expect("it opens");
        disk.create("f").await.expect("made");
        let mode = |path: &str| {
            let path = dir.path().join(path);
            fs::metadata(path).expect("it is there").permissions().mode() & 0o777
        };
        assert_eq!((mode("data"), mode("data/f")), (0o700, 0o600));
    }

    #[test]
    fn errors_say_what_where_and_why() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let file = dir.path().join("file");
        fs::write(&file, "x").expect("written");
        let error = FileDisk::open(&file.join("data"), None).expect_err("a file is in the way");
        let text = error.to_string();
        assert!(text.starts_with("create directory /") && text.contains("os error"), "{text}");
    }

    #[test]
    #[should_panic(expected = "is not a path within the data directory")]
    fn paths_do_not_lead_out() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        FileDisk::open(dir.path(), None).expect("it opens").resolve("../x");
    }
}
