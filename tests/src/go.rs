//! etcd's own programs and the Go programs that judge, all from one module that pins them
//! (`tests/interop/go`). Each is built once a run; Go's cache makes that quick when nothing has
//! changed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use crate::binaries::profile_folder;
use crate::repository::root;

macro_rules! programs {
    ($($(#[$doc:meta])* $name:ident: $package:literal;)*) => {$(
        $(#[$doc])*
        pub fn $name() -> &'static Path {
            static BUILT: OnceLock<PathBuf> = OnceLock::new();
            BUILT.get_or_init(|| build(stringify!($name), $package))
        }
    )*};
}

programs! {
    /// The oracle that calls bbolt's library.
    bboltcheck: "./bboltcheck";
    /// The oracle that calls etcd's package of the log.
    walcheck: "./walcheck";
    /// The program that uses a cluster through etcd's Go client.
    clientv3: "./clientv3";
    /// The real server.
    etcd: "go.etcd.io/etcd/server/v3";
    /// Its client.
    etcdctl: "go.etcd.io/etcd/etcdctl/v3";
    /// Its offline tool.
    etcdutl: "go.etcd.io/etcd/etcdutl/v3";
}

/// Builds one package of the module, or of one that it requires, as a program of this name.
///
/// # Panics
/// Without Go, and when the program cannot be built.
fn build(name: &str, package: &str) -> PathBuf {
    let folder = profile_folder().join("go");
    fs::create_dir_all(&folder).expect("the build folder can be written");
    let path = folder.join(name);
    // Built beside it and renamed: another test may be starting the program right now.
    let fresh = folder.join(format!("{name}.{}", std::process::id()));
    let mut command = Command::new("go");
    command.current_dir(root().join("tests/interop/go")).args(["build", "-o"]).arg(&fresh);
    let output = command.arg(package).output().unwrap_or_else(|error| {
        panic!(
            "`go` cannot be started ({error}): comparing with etcd needs Go 1.26 or newer in PATH \
             (https://go.dev/dl), and the network once"
        )
    });
    accept(&format!("go build {package}"), &output);
    fs::rename(&fresh, &path).expect("both are in one folder");
    path
}

/// Runs a program that must succeed and returns what it printed.
///
/// # Panics
/// When it fails.
#[must_use]
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
