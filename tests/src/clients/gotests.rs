//! Tests of others in Go, compiled from the modules that they come in.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::go;

use super::installed::{sources, target};
use super::program::{succeed, urls};
use super::{Program, Run};

/// The module of the apiserver, and the package in it whose tests are run.
const APISERVER: &str = "k8s.io/apiserver";
const STORAGE: &str = "pkg/storage/etcd3";

/// etcd's tests of what its clients may rely on.
const COMMON: &str = "go.etcd.io/etcd/tests/v3/common";

/// etcd's tests of its processes.
const E2E: &str = "go.etcd.io/etcd/tests/v3/e2e";

/// Those of its gateway and of what one port takes, and those of its tool. Each starts a cluster of
/// the size that it wants.
const E2E_HALVES: [&str; 2] = ["^(TestCurl|TestConnectionMultiplexing$)", "^TestCtlV3"];

fn go_in(module: &str) -> Command {
    let mut command = Command::new("go");
    command.current_dir(sources(module));
    command
}

/// Compiles the tests of a package. They are run in the package's folder, which has their data.
fn compile(mut go: Command, package: &str, flags: &[&str], path: &Path) -> Result<Program, String> {
    succeed(go.args(["test", "-c"]).args(flags).arg("-o").arg(path).arg(package))?;
    Ok(Program::of(path))
}

/// The storage's tests in a copy of the module: the file that starts a server for each test is
/// replaced by one of ours, which gives it a client of the running cluster. Go allows no such
/// replacement where it keeps its modules.
pub(super) fn kubernetes() -> Result<Program, String> {
    let target = target("kubernetes")?;
    let copy = target.join("apiserver");
    let server = copy.join(STORAGE).join("testserver/test_server.go");
    if !server.exists() {
        let ask = ["list", "-m", "-f", "{{.Dir}}", APISERVER];
        succeed(go_in("kubernetes").args(["mod", "download", APISERVER]))?;
        let module = succeed(go_in("kubernetes").args(ask))?;
        let _ = fs::remove_dir_all(&copy);
        succeed(Command::new("cp").arg("-r").arg(module.trim()).arg(&copy))?;
        succeed(Command::new("chmod").args(["-R", "u+w"]).arg(&copy))?;
    }
    let ours = sources("kubernetes").join("testserver/external.go");
    fs::copy(ours, &server).map_err(|error| error.to_string())?;
    let mut go = Command::new("go");
    go.current_dir(&copy);
    compile(go, &format!("./{STORAGE}"), &[], &target.join("tests"))
}

/// etcd's tests of what clients may rely on.
pub(super) fn etcd_tests() -> Result<Program, String> {
    suite(COMMON, "tests")
}

/// etcd's tests of its processes.
pub(super) fn etcd_e2e() -> Result<Program, String> {
    suite(E2E, "e2e")
}

/// Tests of etcd's that start the programs of a folder.
fn suite(package: &str, name: &str) -> Result<Program, String> {
    compile(go_in("etcd-tests"), package, &["-tags=e2e"], &target("etcd-tests")?.join(name))
}

/// Runs compiled tests and counts those that passed; none at all is a failure too.
fn run_tests(mut command: Command, run: &Run<'_>) -> Result<String, String> {
    let skipped: Vec<String> = run.skipped().map(pattern).collect();
    if !skipped.is_empty() {
        command.arg(format!("-test.skip={}", skipped.join("|")));
    }
    let out = succeed(command.arg("-test.v"))?;
    let count = |mark: &str| out.lines().filter(|line| line.trim_start().starts_with(mark)).count();
    let (passed, skipped) = (count("--- PASS"), count("--- SKIP"));
    match passed {
        0 => Err(format!("no test was run:\n{out}")),
        _ => Ok(format!("{passed} tests and parts of tests passed, {skipped} skipped themselves")),
    }
}

/// A test, or a part of it, as the pattern that means it alone; a star stands for any text.
fn pattern(name: &str) -> String {
    let exact = |part: &str| format!("^{}$", part.replace('*', ".*"));
    name.split('/').map(exact).collect::<Vec<_>>().join("/")
}

/// Runs the storage's tests.
pub(super) fn run_kubernetes(program: &Program, run: &Run<'_>) -> Result<String, String> {
    let mut command = program.command();
    command.current_dir(target("kubernetes")?.join("apiserver").join(STORAGE));
    command.env("CLIENTS_ENDPOINTS", urls(run.cluster).join(","));
    run_tests(command, run)
}

/// Runs etcd's tests: their case of one member, or their case of a cluster without TLS, whose
/// members of the last release are the same program here.
pub(super) fn run_etcd_tests(program: &Program, run: &Run<'_>) -> Result<String, String> {
    let case = match run.cluster.members().len() {
        1 => "NoTLS",
        _ => "MinorityLastVersion",
    };
    let mut command = starting(program, COMMON, run.server)?;
    command.arg(format!("-test.run=/^{case}$"));
    run_tests(command, run)
}

/// Runs one half of etcd's tests of its processes.
pub(super) fn run_etcd_e2e(program: &Program, run: &Run<'_>) -> Result<String, String> {
    let half = usize::from(run.cluster.members().len() > 1);
    let mut command = starting(program, E2E, run.server)?;
    command.arg(format!("-test.run={}", E2E_HALVES[half]));
    run_tests(command, run)
}

/// Compiled tests that start this server wherever they start etcd.
fn starting(program: &Program, package: &str, server: &Path) -> Result<Command, String> {
    let programs = programs(server)?;
    let mut command = program.command();
    let folder = succeed(go_in("etcd-tests").args(["list", "-f", "{{.Dir}}", package]))?;
    command.current_dir(folder.trim());
    command.arg(format!("-bin-dir={}", programs.display()));
    command.arg(format!("-bin-last-release={}", programs.join("etcd").display()));
    command.arg("-test.timeout=30m");
    Ok(command)
}

/// A folder with the server under etcd's name beside etcd's own tools.
fn programs(server: &Path) -> Result<PathBuf, String> {
    let folder = target("etcd-tests")?.join("bin");
    // It may hold another server from the run before.
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
    let tools = [("etcd", server), ("etcdctl", go::etcdctl()), ("etcdutl", go::etcdutl())];
    for (name, path) in tools {
        symlink(path, folder.join(name)).map_err(|error| error.to_string())?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_test_is_meant_exactly() {
        assert_eq!(pattern("TestWatch"), "^TestWatch$");
        assert_eq!(pattern("TestWatch/one"), "^TestWatch$/^one$");
        assert_eq!(pattern("TestAuth*"), "^TestAuth.*$");
    }
}
