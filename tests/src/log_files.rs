//! A log directory, read with our own reader.

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use wal::{Recovered, Recovery};

/// All that a log says, which must be whole; nothing is repaired.
///
/// # Panics
/// When the files cannot be read, or are no log.
#[must_use]
pub fn recovered(directory: &Path, segment_bytes: u64) -> Recovered {
    let files: BTreeMap<String, Bytes> = std::fs::read_dir(directory)
        .expect("the directory exists")
        .map(|file| {
            let file = file.expect("it can be listed");
            let bytes = std::fs::read(file.path()).expect("it can be read");
            (file.file_name().into_string().expect("names are ASCII"), bytes.into())
        })
        .collect();
    let names: Vec<String> = files.keys().cloned().collect();
    let mut recovery = Recovery::new(&names).expect("there are segments");
    for name in recovery.names() {
        recovery.segment(&name, files[&name].clone()).expect("the segment is sound");
    }
    recovery.finish(segment_bytes).expect("the log is whole")
}
