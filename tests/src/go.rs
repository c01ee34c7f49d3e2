//! The Go programs that judge: built once a run, started with a clear error when they fail.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

/// The module that pins every program.
const MODULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/interop/bboltcheck");

/// The oracle that calls bbolt's library.
pub fn bboltcheck() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("bboltcheck", "."))
}

/// The real server.
pub fn etcd() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("etcd", "go.etcd.io/etcd/server/v3"))
}

/// Its client.
pub fn etcdctl() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("etcdctl", "go.etcd.io/etcd/etcdctl/v3"))
}

/// Its offline tool.
pub fn etcdutl() -> &'static Path {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    BUILT.get_or_init(|| build("etcdutl", "go.etcd.io/etcd/etcdutl/v3"))
}

/// Builds one program of the module; Go's own cache makes this quick when nothing changed.
fn build(name: &str, package: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let mut command = Command::new("go");
    command.current_dir(MODULE).args(["build", "-o"]).arg(&path).arg(package);
    let output = command.output().unwrap_or_else(|error| {
        panic!("`go` cannot be started ({error}): these tests need Go 1.26 or newer in PATH")
    });
    accept(&format!("go build {package}"), &output);
    path
}

/// Runs a program that must succeed and returns what it printed.
pub fn run(program: &Path, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().expect("the program was just built");
    accept(&format!("{} {args:?}", program.display()), &output);
    String::from_utf8(output.stdout).expect("these programs print text")
}

fn accept(what: &str, output: &Output) {
    assert!(
        output.status.success(),
        "{what} ended with {}:\n{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
