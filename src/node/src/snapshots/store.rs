//! Where received snapshots lie until they are installed: one file each, named by its index as etcd
//! names it, whole and durable once it has that name.

use base::Index;

use crate::env::{Disk, DiskError, DiskErrorKind, Env};

/// The directory of received snapshots within the data directory.
pub(crate) const DIRECTORY: &str = "member/snap";
/// A snapshot that is being received.
pub(crate) const UNFINISHED: &str = "member/snap/tmp.receiving";
/// The state that a tool restored from a backup, beside the log that it made for it.
const RESTORED: &str = "member/snap/db";

/// Where the snapshot at an index lies.
pub(crate) fn path(index: Index) -> String {
    format!("{DIRECTORY}/{:016x}.snap.db", index.get())
}

/// The file from which the state at `index` can be installed, if there is one.
pub(crate) async fn find<E: Env>(env: &E, index: Index) -> Result<Option<String>, DiskError> {
    for candidate in [path(index), RESTORED.to_string()] {
        match env.disk().open(&candidate).await {
            Ok(_) => return Ok(Some(candidate)),
            Err(error) if error.kind == DiskErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}

/// Whether a restored state waits for its first start.
pub(crate) async fn has_restored<E: Env>(env: &E) -> Result<bool, DiskError> {
    match env.disk().open(RESTORED).await {
        Ok(_) => Ok(true),
        Err(error) if error.kind == DiskErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Removes a file, if it is there. A name that comes back after a crash is removed by the next
/// boot.
pub(crate) async fn remove<E: Env>(env: &E, path: &str) -> Result<(), DiskError> {
    match env.disk().remove(path).await {
        Err(error) if error.kind != DiskErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Removes what an earlier life received and will not install.
pub(crate) async fn clear<E: Env>(env: &E) -> Result<(), DiskError> {
    let entries = match env.disk().list(DIRECTORY).await {
        Ok(entries) => entries,
        Err(error) if error.kind == DiskErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries.iter().filter(|entry| !entry.is_dir) {
        remove(env, &format!("{DIRECTORY}/{}", entry.name)).await?;
    }
    Ok(())
}
