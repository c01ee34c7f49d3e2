//! Files that may change: noticed by a look at their inodes, read again only then.
//!
//! A file that changed a moment before it was read may change again within one tick of the clock
//! that stamps it; such a reading is not trusted to be the last one and is made again.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Longer than a tick of any file system's clock.
const TICK_MAX: Duration = Duration::from_secs(2);

/// What can be known of a file without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Mark {
    /// `None` when there is no such file, or it cannot be seen.
    fn of(path: &Path) -> Option<Mark> {
        let found = std::fs::metadata(path).ok()?;
        Some(Mark {
            device: found.dev(),
            inode: found.ino(),
            length: found.len(),
            modified: (found.mtime(), found.mtime_nsec()),
            changed: (found.ctime(), found.ctime_nsec()),
        })
    }

    fn is_fresh(&self) -> bool {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let age = |seconds: i64| now.as_secs().abs_diff(u64::try_from(seconds).unwrap_or(0));
        age(self.modified.0).min(age(self.changed.0)) <= TICK_MAX.as_secs()
    }
}

/// A value that is made of some files.
pub(super) struct Watched<T> {
    paths: Vec<PathBuf>,
    marks: Vec<Option<Mark>>,
    is_settled: bool,
    content: u64,
    value: T,
    /// Why the newest version is not in use.
    failure: Option<String>,
}

impl<T: Clone> Watched<T> {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// A file cannot be read, or `make` refuses what is in them.
    pub(super) fn open(
        paths: Vec<PathBuf>,
        make: impl Fn(&[Vec<u8>]) -> Result<T, String>,
    ) -> Result<Watched<T>, String> {
        let (marks, is_settled) = marks(&paths);
        let bytes = read(&paths)?;
        let value = make(&bytes)?;
        Ok(Watched { paths, marks, is_settled, content: hash(&bytes), value, failure: None })
    }

    pub(super) fn value(&self) -> &T {
        &self.value
    }

    /// Whether the files are those that were read last. Costs a system call a file.
    pub(super) fn is_current(&self) -> bool {
        self.is_settled
            && self.paths.iter().zip(&self.marks).all(|(path, mark)| Mark::of(path) == *mark)
    }

    /// The same with what is in the files now; with the old value where that cannot be used.
    /// Says whether the value is another one.
    pub(super) fn renewed(
        &self,
        make: impl Fn(&[Vec<u8>]) -> Result<T, String>,
    ) -> (Watched<T>, bool) {
        let (marks, is_settled) = marks(&self.paths);
        let paths = self.paths.clone();
        let old = |content, failure| Watched {
            paths: paths.clone(),
            marks: marks.clone(),
            is_settled,
            content,
            value: self.value.clone(),
            failure,
        };
        let bytes = match read(&self.paths) {
            Ok(bytes) => bytes,
            Err(error) => return (old(0, self.failed(error)), false),
        };
        let content = hash(&bytes);
        if content == self.content {
            return (old(content, self.failure.clone()), false);
        }
        match make(&bytes) {
            Err(error) => (old(content, self.failed(error)), false),
            Ok(value) => {
                tracing::info!(files = self.names(), "read changed files for TLS");
                let new = Watched { paths, marks, is_settled, content, value, failure: None };
                (new, true)
            }
        }
    }

    /// Tells of a failure, once until it changes.
    fn failed(&self, error: String) -> Option<String> {
        if self.failure.as_ref() != Some(&error) {
            tracing::warn!(
                files = self.names(),
                error,
                "changed files for TLS cannot be used; what was read before stays in use"
            );
        }
        Some(error)
    }

    fn names(&self) -> String {
        let names: Vec<String> = self.paths.iter().map(|path| path.display().to_string()).collect();
        names.join(",")
    }
}

/// Taken before the files are read, so that a change meanwhile is noticed afterwards.
fn marks(paths: &[PathBuf]) -> (Vec<Option<Mark>>, bool) {
    let marks: Vec<Option<Mark>> = paths.iter().map(|path| Mark::of(path)).collect();
    let is_settled = marks.iter().all(|mark| !mark.is_some_and(|mark| mark.is_fresh()));
    (marks, is_settled)
}

fn read(paths: &[PathBuf]) -> Result<Vec<Vec<u8>>, String> {
    paths.iter().map(|path| tls::files::read(path)).collect()
}

/// Only told apart from what the same files held before; nobody chooses both.
fn hash(bytes: &[Vec<u8>]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(bytes: &[Vec<u8>]) -> Result<String, String> {
        match String::from_utf8_lossy(&bytes.concat()).into_owned() {
            text if text.contains("bad") => Err("it is bad".into()),
            text => Ok(text),
        }
    }

    #[test]
    fn a_change_is_seen_and_a_bad_one_is_not_taken() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("file");
        assert!(Watched::open(vec![path.clone()], text).is_err(), "there is no file");
        std::fs::write(&path, "one").expect("written");
        let mut file = Watched::open(vec![path.clone()], text).expect("read");
        // As long, and within the same tick.
        std::fs::write(&path, "two").expect("written");
        assert!(!file.is_current());
        let mut step = |expected: &str, is_new: bool| {
            let (next, changed) = file.renewed(text);
            assert_eq!((next.value().as_str(), changed), (expected, is_new));
            file = next;
        };
        step("two", true);
        step("two", false);
        std::fs::write(&path, "bad").expect("written");
        step("two", false);
        std::fs::remove_file(&path).expect("removed");
        step("two", false);
        std::fs::write(&path, "three").expect("written");
        step("three", true);
    }

    #[test]
    fn an_old_file_is_read_once() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("file");
        std::fs::write(&path, "one").expect("written");
        let mark = Mark::of(&path).expect("it is there");
        assert!(mark.is_fresh());
        let old = Mark { modified: (1, 0), changed: (1, 0), ..mark };
        assert!(!old.is_fresh());
        let mut file = Watched::open(vec![path.clone()], text).expect("read");
        file.is_settled = true;
        assert!(file.is_current());
        std::fs::write(&path, "longer").expect("written");
        assert!(!file.is_current());
    }
}
