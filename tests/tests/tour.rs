//! The README's tour, run by a shell as a reader would, with Cairn's own tools, so that it cannot
//! rot.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use tests::binaries::{built, profile_folder};
use tests::cluster::{Cluster, Member};
use tests::repository::root;

/// The commands of the tour: indented lines that call the tool, without their comments.
fn tour() -> Vec<String> {
    let readme = fs::read_to_string(root().join("README.md")).expect("a README");
    let lines = readme.lines().filter_map(|line| line.strip_prefix("    "));
    let code = lines.map(|line| line.split("  #").next().unwrap_or_default().trim());
    code.filter(|line| line.contains("cairnctl")).map(str::to_owned).collect()
}

/// A shell that finds the tools that were just built, and the server.
fn shell(folder: &Path, endpoint: &str) -> Command {
    let mut command = Command::new("sh");
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", profile_folder().display()));
    command.env("ETCDCTL_ENDPOINTS", endpoint).current_dir(folder).stdin(Stdio::null());
    command
}

/// Runs lines in one shell, which ends at the first that fails; what they printed.
fn run(folder: &Path, endpoint: &str, lines: &[String]) -> String {
    let script = lines.join("\n");
    let ended = shell(folder, endpoint).args(["-e", "-c", &script]).output();
    let ended = ended.expect("a shell");
    let errors = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{script}\n{}: {errors}", ended.status);
    String::from_utf8(ended.stdout).expect("text")
}

/// The first lines of a command that does not end by itself.
fn first_lines(folder: &Path, endpoint: &str, line: &str, count: usize) -> Vec<String> {
    let exec = format!("exec {line}");
    let child = shell(folder, endpoint).args(["-c", &exec]).stdout(Stdio::piped()).spawn();
    let mut child = child.expect("a shell");
    let out = BufReader::new(child.stdout.take().expect("it is piped"));
    let lines = out.lines().take(count).map(|line| line.expect("text")).collect();
    child.kill().expect("it still runs");
    child.wait().expect("it is our child");
    lines
}

#[test]
fn the_readme_tour_works_as_it_is_written() {
    let _tool = built("cairnctl");
    let folder = tempfile::tempdir().expect("a temporary directory");
    let member = Member::new("default", folder.path());
    let endpoint = member.client_url();
    let _cluster = Cluster::start_cairn(&[member]);
    let tour = tour();
    assert!(tour.len() >= 10, "the tour has {} commands", tour.len());
    let watch = tour.iter().position(|line| line.contains(" watch ")).expect("a watch");

    let before = run(folder.path(), &endpoint, &tour[..watch]);
    let keys = "OK\ngreeting\nhello, world\nOK\nOK\n/config/a\n1\n/config/b\n2\n1\n";
    assert_eq!(before, format!("{keys}SUCCESS\n\nOK\n"));
    let told = first_lines(folder.path(), &endpoint, &tour[watch], 9);
    let changes = "PUT /config/a 1 PUT /config/b 2 PUT /config/a 2";
    assert_eq!(told.join(" "), changes);
    let after = run(folder.path(), &endpoint, &tour[watch + 1..]);
    for part in
        ["OK\nlease ", " revoked\nSnapshot saved at backup.db\nServer version 3.7", " ENDPOINT "]
    {
        assert!(after.contains(part), "no {part:?} in {after}");
    }
    assert!(folder.path().join("backup.db").exists(), "no snapshot");
}
