//! The servers that are compared: built here, in release, unless this is a smoke run.

use std::path::{Path, PathBuf};
use std::process::Command;

use tests::repository::root;

/// What a server is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Server {
    /// etcd.
    Etcd,
    /// Cairn.
    Cairn,
    /// The empty tonic server.
    Empty,
}

impl Server {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Server::Etcd => "etcd",
            Server::Cairn => "cairn",
            Server::Empty => "empty",
        }
    }
}

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    etcd: PathBuf,
    cairn: PathBuf,
    empty: PathBuf,
    /// Where data directories are made.
    pub folder: PathBuf,
}

impl Programs {
    /// The Cairn beside this program, and nothing else.
    ///
    /// # Errors
    /// It was not built.
    pub fn beside() -> Result<Programs, String> {
        let cairn = own()?.with_file_name("cairn");
        if !cairn.exists() {
            return Err(format!("{} is not built: cargo build --workspace", cairn.display()));
        }
        let folder = std::env::temp_dir();
        Ok(Programs { etcd: PathBuf::new(), cairn, empty: PathBuf::new(), folder })
    }

    /// Builds what the given servers need.
    ///
    /// # Errors
    /// A build that fails.
    pub fn build(servers: &[Server]) -> Result<Programs, String> {
        let target = target()?;
        let folder = target.join("bench");
        std::fs::create_dir_all(&folder).map_err(|error| format!("{folder:?}: {error}"))?;
        let programs = Programs {
            etcd: match servers.contains(&Server::Etcd) {
                true => tests::go::etcd().to_path_buf(),
                false => PathBuf::new(),
            },
            cairn: target.join("release/cairn"),
            empty: target.join("release/examples/empty_server"),
            folder,
        };
        let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        cargo.current_dir(root()).args(["build", "--release", "-p", "server", "--bin", "cairn"]);
        cargo.args(["--example", "empty_server"]).arg("--target-dir").arg(target);
        succeed("cargo build", &mut cargo)?;
        Ok(programs)
    }

    /// The program of a server.
    #[must_use]
    pub fn of(&self, server: Server) -> &Path {
        match server {
            Server::Etcd => &self.etcd,
            Server::Cairn => &self.cairn,
            Server::Empty => &self.empty,
        }
    }
}

/// The target directory that this program was built into.
fn target() -> Result<PathBuf, String> {
    let own = own()?;
    let profile = own.parent().and_then(Path::parent);
    profile.map(Path::to_path_buf).ok_or_else(|| format!("{own:?} lies in no target directory"))
}

fn own() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|error| format!("this program's own file: {error}"))
}

fn succeed(what: &str, command: &mut Command) -> Result<(), String> {
    let status = command.status().map_err(|error| format!("{what} cannot start: {error}"))?;
    match status.success() {
        true => Ok(()),
        false => Err(format!("{what} ended with {status}")),
    }
}
