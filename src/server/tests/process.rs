//! The binary as a process: exit codes, where texts go, start, signals, the lock of its directory.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take before the test gives up.
const PATIENCE: Duration = Duration::from_secs(60);

fn cairn() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cairn"));
    let variables = std::env::vars_os().map(|(name, _)| name);
    for name in variables.filter(|name| name.to_string_lossy().starts_with("ETCD_")) {
        command.env_remove(name);
    }
    command
}

fn ended(args: &[&str]) -> Output {
    cairn().args(args).output().expect("the binary runs")
}

/// A running member that is killed when the test leaves it.
struct Member {
    child: Child,
    log: std::path::PathBuf,
}

impl Drop for Member {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
    }
}

impl Member {
    /// Starts a member on ports that the system chooses; returns when it serves.
    fn start(dir: &Path) -> Member {
        let log = dir.join("log");
        let child = member_command(dir, &log).spawn().expect("the binary runs");
        let mut member = Member { child, log };
        member.wait_for("ready to serve client requests");
        member
    }

    fn text(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn wait_for(&mut self, text: &str) {
        let began = Instant::now();
        while !self.text().contains(text) {
            let status = self.child.try_wait().expect("it is our child");
            assert!(status.is_none(), "it ended early, {status:?}: {}", self.text());
            assert!(began.elapsed() < PATIENCE, "{text:?} is not in: {}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        kill_process(pid.expect("a process has an id"), signal).expect("it runs");
    }

    fn wait(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("it is our child") {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it does not end: {}", self.text());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

fn member_command(dir: &Path, log: &Path) -> Command {
    let mut command = cairn();
    command
        .args(["--listen-client-urls=http://127.0.0.1:0", "--listen-peer-urls=http://127.0.0.1:0"])
        .arg("--advertise-client-urls=http://127.0.0.1:2379")
        .arg(format!("--data-dir={}", dir.join("data").display()))
        .arg(format!("--log-outputs={}", log.display()))
        .stdin(Stdio::null());
    command
}

#[test]
fn texts_and_codes_are_where_scripts_expect_them() {
    let cases: [(&[&str], i32, &str, &str); 7] = [
        (&["--help"], 0, "Usage:", ""),
        (&["-h"], 0, "--initial-cluster '", ""),
        (&["--version"], 0, "etcd Version: 3.7.1\nGit SHA: ", ""),
        (&["--no-such-flag"], 2, "", "flag provided but not defined: -no-such-flag"),
        (&["--heartbeat-interval=x"], 2, "", "invalid value \"x\" for flag -heartbeat-interval"),
        (&["--heartbeat-interval=0"], 1, "", "--heartbeat-interval must be >0 (set to 0ms)"),
        (&["--force-new-cluster"], 1, "", "not supported yet: --force-new-cluster"),
    ];
    for (args, code, stdout, stderr) in cases {
        let output = ended(args);
        assert_eq!(output.status.code(), Some(code), "{args:?}");
        for (found, expected) in [(&output.stdout, stdout), (&output.stderr, stderr)] {
            let found = String::from_utf8_lossy(found);
            assert!(found.contains(expected), "{args:?}: {found}");
            assert_eq!(found.is_empty(), expected.is_empty(), "{args:?}: {found}");
        }
    }
}

#[test]
fn flag_and_variable_together_end_the_start() {
    let output = cairn().arg("--name=a").env("ETCD_NAME", "b").output().expect("the binary runs");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("conflicting environment variable is shadowed"), "{text}");
}

#[test]
fn member_starts_stops_on_a_signal_and_starts_again() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    for signal in [Signal::TERM, Signal::INT] {
        let mut member = Member::start(dir.path());
        let began = Instant::now();
        member.signal(signal);
        let status = member.wait();
        assert_eq!(status.signal(), Some(signal.as_raw()), "{}", member.text());
        assert!(began.elapsed() < Duration::from_secs(6), "{:?}", began.elapsed());
        let text = member.text();
        let lines: Vec<&str> = text.lines().collect();
        for line in &lines {
            assert!(line.starts_with("{\"level\":\"") && line.ends_with('}'), "{line}");
        }
        assert!(lines[0].contains("starting Cairn"), "{}", lines[0]);
        std::fs::remove_file(&member.log).expect("it was written");
    }
}

#[test]
fn directory_of_a_running_member_is_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let _member = Member::start(dir.path());
    let second = member_command(dir.path(), &dir.path().join("second.log"))
        .output()
        .expect("the binary runs");
    assert_eq!(second.status.code(), Some(1));
    let text = std::fs::read_to_string(dir.path().join("second.log")).expect("it was written");
    assert!(text.contains("another process uses this data directory"), "{text}");
}
