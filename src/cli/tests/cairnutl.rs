//! The program `cairnutl` as a process: exit codes, and what goes to stdout and what to stderr.
//!
//! That its answers equal those of `etcdutl` is tested beside the original, in the package `tests`.

use bbolt::{Planner, Writer};
use sha2::{Digest, Sha256};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

fn cairnutl(args: &[&str]) -> (i32, String, String) {
    let program = env!("CARGO_BIN_EXE_cairnutl");
    let output = Command::new(program).args(args).output().expect("the program was built");
    let text = |bytes| String::from_utf8(bytes).expect("it prints text");
    let code = output.status.code().expect("it was not killed");
    (code, text(output.stdout), text(output.stderr))
}

#[test]
fn help_and_versions_go_to_stdout() {
    for args in [&[][..], &["--help"], &["snapshot"], &["snapshot", "restore", "--help"]] {
        let (code, out, err) = cairnutl(args);
        assert_eq!((code, err.as_str()), (0, ""), "{args:?}");
        assert!(out.contains("Usage: cairnutl"), "{args:?}: {out}");
    }
    let (code, out, err) = cairnutl(&["version"]);
    assert_eq!((code, err.as_str()), (0, ""));
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[..2], ["etcdutl version: 3.7.1", "API version: 3.7"]);
    assert!(lines[2].starts_with("cairnutl version: "), "{out}");
}

#[test]
fn mistakes_end_with_a_text_and_a_code() {
    let cases: [(&[&str], i32, &str); 9] = [
        (&["nope"], 1, "unrecognized subcommand 'nope'"),
        (&["snapshot", "status", "--nope"], 1, "unexpected argument '--nope'"),
        (&["hashkv"], 1, "FILENAME"),
        (&["defrag"], 1, "--data-dir"),
        (&["defrag", "--data-dir", "d"], 1, "defrag is not needed"),
        (&["migrate", "--data-dir", "d", "--target-version", "3.6"], 1, "not supported yet"),
        (&["completion", "tcsh"], 1, "tcsh"),
        (&["version", "--timeout", "soon"], 1, "invalid duration"),
        (&["hashkv", "/does/not/exist", "-w", "xml"], 4, "Error: unsupported output format\n"),
    ];
    for (args, expected_code, expected) in cases {
        let (code, out, err) = cairnutl(args);
        assert_eq!((code, out.as_str()), (expected_code, ""), "{args:?}: {err}");
        assert!(err.contains(expected), "{args:?}: {err}");
    }
}

#[test]
fn there_is_a_completion_script_for_each_shell() {
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let (code, out, err) = cairnutl(&["completion", shell]);
        assert_eq!((code, err.as_str()), (0, ""), "{shell}");
        assert!(out.contains("cairnutl") && out.contains("hashkv"), "{shell}: {out}");
    }
}

/// A file with one key, as the writer makes it, with or without its hash.
fn snapshot(hashed: bool) -> Vec<u8> {
    let mut planner = Planner::new();
    planner.bucket(5).expect("sound");
    planner.entry(17, 5).expect("sound");
    let mut writer = Writer::new(planner.finish());
    writer.bucket(b"lease").expect("sound");
    writer.entry(&[1; 17], &[2; 5]).expect("sound");
    writer.finish().expect("as planned");
    let mut file: Vec<u8> = std::iter::from_fn(|| writer.chunk()).flatten().collect();
    if hashed {
        let hash = Sha256::digest(&file);
        file.extend_from_slice(&hash);
    }
    file
}

fn tree(path: &Path) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path).expect("it is a directory") {
        let path = entry.expect("readable").path();
        let metadata = fs::metadata(&path).expect("readable");
        found.push((path.display().to_string(), metadata.permissions().mode() & 0o777));
        if metadata.is_dir() {
            found.extend(tree(&path));
        }
    }
    found.sort();
    found
}

#[test]
fn a_restored_directory_is_for_its_owner_only() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (file, data) = (folder.path().join("s"), folder.path().join("deep/data"));
    let (file_text, data_text) = (file.to_str().expect("UTF-8"), data.to_str().expect("UTF-8"));
    let restore = |more: &[&str]| {
        let args = ["snapshot", "restore", file_text, "--data-dir", data_text];
        cairnutl(&[&args, more].concat())
    };
    fs::write(&file, snapshot(false)).expect("the disk takes it");
    let (code, _, err) = restore(&["--skip-hash-check=false"]);
    assert_eq!(code, 1);
    assert!(err.contains("snapshot missing hash but --skip-hash-check=false"), "{err}");

    for (hashed, more) in [(false, &["--skip-hash-check"][..]), (true, &[])] {
        fs::write(&file, snapshot(hashed)).expect("the disk takes it");
        let (code, out, err) = restore(more);
        assert_eq!((code, out.as_str()), (0, ""), "{err}");
        let log = "wal/0000000000000000-0000000000000000.wal";
        let expected = [("", 0o700), ("/snap", 0o700), ("/snap/db", 0o600), ("/wal", 0o700)]
            .map(|(name, mode)| (format!("{data_text}/member{name}"), mode));
        let mut expected = expected.to_vec();
        expected.push((format!("{data_text}/member/{log}"), 0o600));
        expected.insert(0, (format!("{data_text}/cairn.json"), 0o600));
        assert_eq!(tree(&data), expected);
        fs::remove_dir_all(&data).expect("it was just made");
    }
}

#[test]
fn the_log_may_lie_elsewhere() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    fs::write(path("s"), snapshot(true)).expect("the disk takes it");
    let (file, data, log) = (path("s"), path("data"), path("log"));
    let args = ["snapshot", "restore", &file, "--data-dir", &data, "--wal-dir", &log];
    let (code, _, err) = cairnutl(&args);
    assert_eq!(code, 0, "{err}");
    assert_eq!(tree(Path::new(&log)).len(), 1);
    assert!(!Path::new(&data).join("member/wal").exists());
}

#[test]
fn what_a_failed_restore_wrote_is_gone() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name).display().to_string();
    // The second meta page is sound, the hash is right, a leaf is not.
    let mut bytes = snapshot(false);
    bytes[3 * 4096 + 8] = 9;
    let hash = Sha256::digest(&bytes);
    bytes.extend_from_slice(&hash);
    fs::write(path("s"), bytes).expect("the disk takes it");
    let (file, data) = (path("s"), path("data"));
    let (code, _, err) = cairnutl(&["snapshot", "restore", &file, "--data-dir", &data]);
    assert_eq!(code, 1);
    assert!(err.contains("Error: page 3: unexpected page type (flags: 9)"), "{err}");
    assert_eq!(tree(Path::new(&data)), []);
    let (code, _, err) = cairnutl(&["snapshot", "status", &file]);
    assert_eq!(code, 1);
    let expected = "Error: snapshot file integrity check failed. 2 errors found.\n\
        page 3: unexpected page type (flags: 9)\npage 3: unreachable unfreed\n";
    assert!(err.contains(expected), "{err}");
}
