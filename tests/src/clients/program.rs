//! How a client is started.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::cluster::{Cluster, Member};

use super::Run;

/// A program, the arguments that it is always given, and the folder that it runs in.
#[derive(Clone, Debug)]
pub struct Program {
    words: Vec<OsString>,
    folder: Option<PathBuf>,
}

impl Program {
    /// A program without arguments of its own.
    #[must_use]
    pub fn of(path: &Path) -> Program {
        Program { words: vec![path.into()], folder: None }
    }

    /// The same with one more argument.
    #[must_use]
    pub fn arg(mut self, arg: impl Into<OsString>) -> Program {
        self.words.push(arg.into());
        self
    }

    /// The same in another folder.
    #[must_use]
    pub fn within(mut self, folder: &Path) -> Program {
        self.folder = Some(folder.to_path_buf());
        self
    }

    /// To start it.
    #[must_use]
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        command
    }

    /// Runs a program of chapters against a cluster; its last line.
    pub(super) fn run_chapters(&self, run: &Run<'_>) -> Result<String, String> {
        let mut command = self.command();
        for name in run.skipped() {
            command.args(["--skip", name]);
        }
        let out = succeed(command.args(urls(run.cluster)))?;
        Ok(out.lines().last().unwrap_or_default().to_owned())
    }
}

/// The clients' URLs of all members.
pub(super) fn urls(cluster: &Cluster) -> Vec<String> {
    cluster.members().iter().map(Member::client_url).collect()
}

/// Runs a command that must succeed; what it printed.
pub(super) fn succeed(command: &mut Command) -> Result<String, String> {
    let started = command.output();
    let output = started.map_err(|error| format!("{}: {error}", described(command)))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{}: {}", described(command), told(&output))),
    }
}

fn described(command: &Command) -> String {
    command.get_program().to_string_lossy().into_owned()
}

fn told(output: &Output) -> String {
    let [out, errors] = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text));
    format!("{}\n{out}{errors}", output.status)
}
