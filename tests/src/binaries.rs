//! The binaries of the workspace, which `cargo test --workspace` builds beside the tests.

use std::path::PathBuf;

/// The folder of what the profile of this program built: `target/debug` or `target/release`.
///
/// # Panics
/// When this program was moved out of it.
#[must_use]
pub fn profile_folder() -> PathBuf {
    let own = std::env::current_exe().expect("a program knows its own file");
    // Tests lie in `deps`, other programs beside it.
    let found = own.ancestors().skip(1).find(|folder| folder.join("deps").is_dir());
    found.expect("a folder of cargo's").to_path_buf()
}

/// The path of a built binary.
///
/// # Panics
/// When it was not built: run `cargo test --workspace`, or build it first.
#[must_use]
pub fn built(name: &str) -> PathBuf {
    let path = profile_folder().join(name);
    assert!(path.exists(), "{} is not built: cargo build --workspace", path.display());
    path
}
