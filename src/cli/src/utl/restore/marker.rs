//! The marker by which Cairn knows a data directory as its own, and whose it is.
//!
//! It is written last, when everything it stands for is durable: a directory that a crash left
//! half-made has none, and no member starts from it. etcd does not look at it.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use serde::Serialize;

use super::log::FirstRecords;
use crate::utl::file::FileError;

/// The name within the data directory.
const FILE: &str = "cairn.json";
const TEMPORARY: &str = "cairn.json.tmp";
/// The format of the directories that this version makes.
const FORMAT: u32 = 1;

#[derive(Serialize)]
struct Marker {
    format: u32,
    cluster: String,
    member: String,
    #[serde(rename = "created-by")]
    created_by: String,
    /// There is a log: a start that does not find it looks in the wrong place.
    #[serde(rename = "log-begun")]
    log_begun: bool,
}

/// Writes the marker of a restored member; durable once the directory is synced.
pub(super) fn write(data_dir: &Path, records: &FirstRecords) -> Result<(), FileError> {
    let marker = Marker {
        format: FORMAT,
        cluster: records.cluster.to_string(),
        member: records.member.to_string(),
        created_by: format!("cairnutl {}", env!("CARGO_PKG_VERSION")),
        log_begun: true,
    };
    let mut text = serde_json::to_vec_pretty(&marker).expect("a marker is plain text and numbers");
    text.push(b'\n');
    let (path, name) = (data_dir.join(TEMPORARY), data_dir.join(FILE));
    let mut options = OpenOptions::new();
    let created = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
    let mut file = created.map_err(|error| FileError::io("create", &path, error))?;
    let written = file.write_all(&text).and_then(|()| file.sync_all());
    written.map_err(|error| FileError::io("write", &path, error))?;
    fs::rename(&path, &name).map_err(|error| FileError::io("rename", &path, error))
}
