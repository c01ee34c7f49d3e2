//! Clients from crates, Maven Central, npm and Debian.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::binaries::profile_folder;
use crate::repository::root;

use super::Program;
use super::program::succeed;

/// Where a client's sources lie.
pub(super) fn sources(name: &str) -> PathBuf {
    root().join("tests/interop").join(name)
}

/// Where what is built or installed of it goes.
pub(super) fn target(name: &str) -> Result<PathBuf, String> {
    let target = profile_folder().join("interop").join(name);
    fs::create_dir_all(&target).map_err(|error| format!("{}: {error}", target.display()))?;
    Ok(target)
}

/// The crate needs `protoc` to build, so it is no part of the workspace.
pub(super) fn etcd_client() -> Result<Program, String> {
    let target = profile_folder().with_file_name("etcd-client");
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--locked", "--manifest-path"]);
    cargo.arg(sources("etcd-client").join("Cargo.toml"));
    succeed(cargo.arg("--target-dir").arg(&target))
        .map_err(|why| format!("it needs protoc (Debian: protobuf-compiler): {why}"))?;
    Ok(Program::of(&target.join("debug/etcd-client-under-test")))
}

/// Debian's `etcd-client`; newer Debians have a newer one.
pub(super) fn etcdctl_of_3_4() -> Result<Program, String> {
    let version = succeed(Command::new("/usr/bin/etcdctl").arg("version"))
        .map_err(|why| format!("it needs Debian's etcd-client: {why}"))?;
    match version.lines().next() {
        Some(line) if line.starts_with("etcdctl version: 3.4.") => {
            Ok(Program::of(Path::new("/usr/bin/etcdctl")))
        }
        line => Err(format!("Debian 12's etcd-client is 3.4, this one says {line:?}")),
    }
}

/// Maven finds the jars, `javac` compiles.
pub(super) fn jetcd() -> Result<Program, String> {
    let (sources, target) = (sources("jetcd"), target("jetcd")?);
    let paths = target.join("classpath");
    let mut maven = Command::new("mvn");
    maven.args(["-q", "-B", "dependency:build-classpath", "-f"]).arg(sources.join("pom.xml"));
    maven.arg(format!("-Dmdep.outputFile={}", paths.display()));
    succeed(&mut maven).map_err(|why| format!("it needs Maven (Debian: maven): {why}"))?;
    let jars = fs::read_to_string(&paths).map_err(|error| error.to_string())?;
    let mut javac = Command::new("javac");
    javac.arg("-d").arg(&target).args(["-cp", jars.trim()]);
    let entries = fs::read_dir(sources.join("src")).map_err(|error| error.to_string())?;
    javac.args(entries.flatten().map(|entry| entry.path()));
    succeed(&mut javac)
        .map_err(|why| format!("it needs a JDK of 17 (Debian: default-jdk-headless): {why}"))?;
    let all = format!("{}:{}", target.display(), jars.trim());
    Ok(Program::of(Path::new("java")).arg("-cp").arg(all).arg("Main"))
}

/// npm installs into a copy of the folder.
pub(super) fn node() -> Result<Program, String> {
    let (sources, target) = (sources("node"), target("node")?);
    for name in ["package.json", "package-lock.json", "main.mjs", "chapters.mjs"] {
        fs::copy(sources.join(name), target.join(name)).map_err(|error| error.to_string())?;
    }
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--prefix"]).arg(&target);
    succeed(&mut npm).map_err(|why| format!("it needs Node 18 (Debian: nodejs, npm): {why}"))?;
    Ok(Program::of(Path::new("node")).arg(target.join("main.mjs")))
}

/// Transcripts of calls; `jq` writes each answer in one way.
pub(super) fn curl() -> Result<Program, String> {
    for tool in ["curl", "jq"] {
        succeed(Command::new(tool).arg("--version"))
            .map_err(|why| format!("it needs {tool} (Debian: {tool}): {why}"))?;
    }
    Ok(Program::of(Path::new("bash")).arg(sources("curl").join("post.sh")))
}
