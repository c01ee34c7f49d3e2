//! One open file: positioned reads and writes, `fdatasync`, reservation of space.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use bytes::Bytes;
use node::env::{DiskError, DiskFile};
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::failure;

/// Zeros are written in pieces of this size where the file system cannot reserve.
const ZEROS: usize = 1 << 20;

/// An open file of the data directory.
#[derive(Debug)]
pub struct RealFile {
    file: File,
    path: PathBuf,
}

impl RealFile {
    pub(super) fn new(file: File, path: PathBuf) -> RealFile {
        RealFile { file, path }
    }

    fn fail(&self, operation: &'static str) -> impl FnOnce(io::Error) -> DiskError + '_ {
        move |error| failure(operation, &self.path.to_string_lossy(), &error)
    }

    fn read(&self, offset: u64, len: usize) -> io::Result<Bytes> {
        let there = self.file.metadata()?.len().saturating_sub(offset);
        let mut bytes = vec![0; len.min(usize::try_from(there).unwrap_or(usize::MAX))];
        let mut filled = 0;
        while filled < bytes.len() {
            match self.file.read_at(&mut bytes[filled..], offset + filled as u64) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(bytes.into())
    }

    fn reserve(&self, len: u64) -> io::Result<()> {
        if len == 0 {
            return Ok(());
        }
        match fallocate(&self.file, FallocateFlags::empty(), 0, len) {
            Ok(()) => Ok(()),
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.extend_with_zeros(len),
            Err(error) => Err(error.into()),
        }
    }

    fn extend_with_zeros(&self, len: u64) -> io::Result<()> {
        let mut end = self.file.metadata()?.len();
        let zeros = vec![0; ZEROS];
        while end < len {
            let count = (len - end).min(ZEROS as u64);
            self.file.write_all_at(&zeros[..count as usize], end)?;
            end += count;
        }
        Ok(())
    }
}

impl DiskFile for RealFile {
    async fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, DiskError> {
        self.read(offset, len).map_err(self.fail("read"))
    }

    fn read_now(&self, offset: u64, len: usize) -> Result<Bytes, DiskError> {
        self.read(offset, len).map_err(self.fail("read"))
    }

    async fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), DiskError> {
        self.file.write_all_at(bytes, offset).map_err(self.fail("write"))
    }

    async fn sync(&self) -> Result<(), DiskError> {
        self.file.sync_data().map_err(self.fail("sync"))
    }

    async fn truncate(&self, len: u64) -> Result<(), DiskError> {
        self.file.set_len(len).map_err(self.fail("truncate"))
    }

    async fn allocate(&self, len: u64) -> Result<(), DiskError> {
        self.reserve(len).map_err(self.fail("allocate"))
    }

    async fn len(&self) -> Result<u64, DiskError> {
        let metadata = self.file.metadata().map_err(self.fail("measure"))?;
        Ok(metadata.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_extend_a_file_where_space_cannot_be_reserved() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("f");
        std::fs::write(&path, b"abc").expect("written");
        let file = File::options().read(true).write(true).open(&path).expect("opened");
        let file = RealFile::new(file, path);
        let len = ZEROS as u64 + 10;
        file.extend_with_zeros(len).expect("extended");
        let bytes = file.read(0, usize::MAX).expect("read");
        assert_eq!(bytes.len() as u64, len);
        assert!(bytes.starts_with(b"abc") && bytes[3..].iter().all(|&byte| byte == 0));
    }
}
