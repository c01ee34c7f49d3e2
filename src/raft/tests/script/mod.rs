//! Golden scripts: one behaviour a file in `tests/scripts`, the file name a sentence.
//!
//! Lines that begin with `> ` are commands; `#` begins a comment; what follows a command is what it
//! printed. The transcript is the assertion. `UPDATE=1` writes what is printed now.

mod command;
mod render;

use std::fs;
use std::path::{Path, PathBuf};

use command::Stage;

fn scripts() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scripts");
    let entries = fs::read_dir(folder).expect("the scripts folder");
    let mut paths: Vec<PathBuf> =
        entries.map(|entry| entry.expect("a readable folder").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    paths
}

/// The script with what its commands print now.
fn replay(script: &str) -> String {
    let mut stage = Stage::default();
    let mut transcript = String::new();
    for line in script.lines() {
        if let Some(command) = line.strip_prefix("> ") {
            transcript.push_str(line);
            transcript.push('\n');
            for printed in stage.run(command) {
                transcript.push_str(&printed);
                transcript.push('\n');
            }
        } else if line.is_empty() || line.starts_with('#') {
            transcript.push_str(line);
            transcript.push('\n');
        }
    }
    transcript
}

/// Where two transcripts first differ.
fn difference(expected: &str, printed: &str) -> Option<String> {
    let (mut expected, mut printed) = (expected.lines(), printed.lines());
    for number in 1.. {
        match (expected.next(), printed.next()) {
            (None, None) => return None,
            (left, right) if left != right => {
                return Some(format!("line {number}\n  expected {left:?}\n  printed  {right:?}"));
            }
            _ => {}
        }
    }
    None
}

#[test]
fn every_script_prints_what_it_says() {
    let update = std::env::var_os("UPDATE").is_some();
    let paths = scripts();
    assert!(paths.len() >= 50, "only {} scripts were found", paths.len());
    let mut failures = Vec::new();
    for path in paths {
        let script = fs::read_to_string(&path).expect("a readable script");
        let name = path.file_stem().expect("a file name").to_string_lossy().into_owned();
        let replayed = std::panic::catch_unwind(|| replay(&script));
        let Ok(printed) = replayed else {
            failures.push(format!("{name}: panicked"));
            continue;
        };
        if update {
            fs::write(&path, printed).expect("a writable script");
        } else if let Some(difference) = difference(&script, &printed) {
            failures.push(format!("{name}: {difference}"));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
