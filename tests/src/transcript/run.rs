//! Runs transcripts against a cluster.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::step::words;
use super::{Names, Script, Step, fill, matches};
use crate::clients::Program;

/// How long a line may take to appear on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

/// A tool that runs beside the rest; it ends with this value.
struct Beside {
    child: Child,
    lines: Receiver<String>,
}

impl Drop for Beside {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A tool and the cluster that it is used on.
pub struct Session {
    tool: Program,
    names: Names,
    beside: BTreeMap<String, Beside>,
}

impl Session {
    /// `names` are known to all transcripts; `endpoints` is what the tool is given when a command
    /// names none.
    #[must_use]
    pub fn new(tool: Program, names: Names) -> Session {
        Session { tool, names, beside: BTreeMap::new() }
    }

    /// Runs a transcript.
    ///
    /// # Errors
    /// The first line that is not as it is written.
    pub fn run(mut self, script: &Script) -> Result<(), String> {
        for (number, step) in &script.steps {
            let outcome = match step {
                Step::Run { words, input, output, ends } => {
                    self.perform(words, input, output, (ends.0, ends.1.as_deref()))
                }
                Step::Start { name, words } => self.start(name, words),
                Step::Expect { name, line } => self.expect(name, line),
                Step::Stop { name } => {
                    self.beside.remove(name);
                    Ok(())
                }
            };
            outcome.map_err(|why| format!("{}:{number}: {why}", script.name))?;
        }
        Ok(())
    }

    fn command(&self, line: &str) -> Command {
        let line = fill(line, &self.names);
        let mut command = self.tool.command();
        // Old ones speak to the v2 API otherwise.
        command.env("ETCDCTL_API", "3");
        command.args(words(&line));
        if !line.contains("--endpoints") {
            command.arg(format!("--endpoints={}", self.names["endpoints"]));
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn perform(
        &mut self,
        line: &str,
        input: &str,
        output: &[String],
        (code, error): (i32, Option<&str>),
    ) -> Result<(), String> {
        let mut child = self.command(line).spawn().map_err(|error| error.to_string())?;
        if let Some(mut stdin) = child.stdin.take() {
            // A tool that refuses its arguments may be gone before it reads.
            let _ = stdin.write_all(fill(input, &self.names).as_bytes());
        }
        let ended = child.wait_with_output().map_err(|error| error.to_string())?;
        let out = String::from_utf8_lossy(&ended.stdout).into_owned();
        let errors = String::from_utf8_lossy(&ended.stderr).into_owned();
        let told = || format!("{line}\n  printed {out:?}\n  errors {errors:?}");
        if ended.status.code() != Some(code) {
            return Err(format!("{}, not {code}: {}", ended.status, told()));
        }
        let mut lines: Vec<&str> = out.lines().collect();
        while lines.last().is_some_and(|line| line.is_empty()) {
            lines.pop();
        }
        if lines.len() != output.len() {
            let (found, wanted) = (lines.len(), output.len());
            return Err(format!("{found} lines, not {wanted}: {}", told()));
        }
        for (wanted, found) in output.iter().zip(lines) {
            if !matches(wanted, found, &mut self.names) {
                return Err(format!("{found:?} is not {wanted:?}: {}", told()));
            }
        }
        // Go's client logs in JSON beside what the tool says.
        let first = errors.lines().find(|line| !line.starts_with('{')).unwrap_or_default();
        match error.is_none_or(|wanted| matches(wanted, first, &mut self.names)) {
            true => Ok(()),
            false => Err(format!("{first:?} is not {error:?}: {}", told())),
        }
    }

    fn start(&mut self, name: &str, line: &str) -> Result<(), String> {
        let mut child = self.command(line).spawn().map_err(|error| error.to_string())?;
        let stdout = child.stdout.take().ok_or("it has no output")?;
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        self.beside.insert(name.to_owned(), Beside { child, lines });
        Ok(())
    }

    fn expect(&mut self, name: &str, wanted: &str) -> Result<(), String> {
        let beside = self.beside.get(name).ok_or_else(|| format!("{name} does not run"))?;
        let found = beside.lines.recv_timeout(PATIENCE);
        let found = found.map_err(|_| format!("{name} does not say {wanted:?}"))?;
        match matches(wanted, &found, &mut self.names) {
            true => Ok(()),
            false => Err(format!("{name} says {found:?}, not {wanted:?}")),
        }
    }
}
