//! The binaries of the workspace, which `cargo test --workspace` builds beside the tests.

use std::path::PathBuf;

/// The path of a built binary.
///
/// # Panics
/// When it was not built: run `cargo test --workspace`, or build it first.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let own = std::env::current_exe().expect("a test knows its own file");
    let profile = own.parent().and_then(|deps| deps.parent()).expect("target/<profile>/deps");
    let path = profile.join(name);
    assert!(path.exists(), "{} is not built: cargo build --workspace", path.display());
    path
}
