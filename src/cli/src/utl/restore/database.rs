//! The restored database file: planned in one walk over its contents, written in a second.

use bbolt::{Planner, Writer};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::contents::{Contents, ContentsError, Part};
use crate::utl::file::FileError;
use crate::utl::progress::Progress;

/// Writes the file and syncs it.
pub fn write(contents: &Contents<'_>, path: &Path) -> Result<(), ContentsError> {
    let mut planner = Planner::new();
    let progress = Progress::bytes("reading", contents.bytes());
    contents.visit(&mut |part| {
        match part {
            Part::Bucket(name) => planner.bucket(name.len())?,
            Part::Entry(key, value) => {
                planner.entry(key.len(), value.len())?;
                progress.add((key.len() + value.len()) as u64);
            }
        }
        Ok(())
    })?;
    drop(progress);
    let plan = planner.finish();
    let mut file = create(path)?;
    let mut writer = Writer::new(plan);
    let progress = Progress::bytes("writing", plan.file_bytes());
    contents.visit(&mut |part| {
        match part {
            Part::Bucket(name) => writer.bucket(name)?,
            Part::Entry(key, value) => writer.entry(key, value)?,
        }
        drain(&mut writer, &mut file, path, &progress)
    })?;
    writer.finish()?;
    drain(&mut writer, &mut file, path, &progress)?;
    file.sync_all().map_err(|error| FileError::io("fsync", path, error))?;
    Ok(())
}

fn create(path: &Path) -> Result<File, FileError> {
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    created.map_err(|error| FileError::io("open", path, error))
}

fn drain(
    writer: &mut Writer,
    file: &mut File,
    path: &Path,
    progress: &Progress,
) -> Result<(), ContentsError> {
    while let Some(chunk) = writer.chunk() {
        file.write_all(&chunk).map_err(|error| FileError::io("write", path, error))?;
        progress.add(chunk.len() as u64);
    }
    Ok(())
}
