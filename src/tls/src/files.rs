//! Files that flags name.

use std::io::{Error, ErrorKind};
use std::path::Path;

/// The bytes of a file.
///
/// # Errors
/// Why it cannot be read, in Go's words.
pub fn read(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| format!("open {}: {}", path.display(), in_go(&error)))
}

/// The system's error in Go's words, which are the same without the number.
fn in_go(error: &Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "no such file or directory".into(),
        ErrorKind::PermissionDenied => "permission denied".into(),
        _ => error.to_string(),
    }
}
