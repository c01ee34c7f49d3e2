//! A file system of a few megabytes, in memory, that a test may fill.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::fs::{FallocateFlags, fallocate, statvfs};

/// The mounted file system; unmounted when dropped.
pub struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// Mounts one of `mebibytes` at a new directory. Where the test may not mount, it says so and
    /// gives `None`.
    pub fn mount(path: &Path, mebibytes: u64) -> Option<SmallDisk> {
        fs::create_dir_all(path).expect("the temporary directory is writable");
        let size = format!("size={mebibytes}m,mode=700");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &size, "cairn-test"]).arg(path);
        let reason = match mount.output() {
            Ok(output) if output.status.success() => {
                return Some(SmallDisk { path: path.to_path_buf() });
            }
            Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
            Err(error) => error.to_string(),
        };
        super::skipped(&format!("a small file system cannot be mounted here: {reason}"));
        None
    }

    /// Bytes that can still be written.
    pub fn available_bytes(&self) -> u64 {
        let stat = statvfs(&self.path).expect("it is mounted");
        stat.f_bavail * stat.f_frsize
    }

    fn filler(&self) -> PathBuf {
        self.path.join("somebody-else")
    }

    /// Lets somebody else take all but `left` bytes.
    pub fn fill(&self, left: u64) {
        let file = File::create(self.filler()).expect("a name takes no room");
        let bytes = self.available_bytes().saturating_sub(left);
        fallocate(&file, FallocateFlags::empty(), 0, bytes).expect("so much was left");
    }

    /// Gives the room back.
    pub fn free(&self) {
        fs::remove_file(self.filler()).expect("it was filled");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a process that is being killed may still hold a file.
        let _unmounted = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}
