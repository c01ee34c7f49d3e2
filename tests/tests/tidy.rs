//! The rules of the house as a test: sizes, headers, words that must not stay, files that nobody
//! names, and which crate may know which.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use tests::repository::{Source, root, sources};

/// Lines of one file, its tests included.
const FILE_LINES_MAX: usize = 800;
/// Lines of one function that is not one flat `match`.
const FUNCTION_LINES_MAX: usize = 70;
/// Columns of one line.
const COLUMNS_MAX: usize = 100;

/// Words that mean unfinished work. Split, so that this file does not contain them.
const UNFINISHED: [&str; 6] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("db", "g!("),
    concat!("to", "do!("),
    concat!("unimple", "mented!("),
    concat!("XX", "X:"),
];

/// Which crates of this workspace each crate may use.
const EDGES: [(&str, &[&str]); 16] = [
    ("base", &[]),
    ("proto", &[]),
    ("raft", &["base"]),
    ("wal", &["base", "proto"]),
    ("bbolt", &["base", "proto"]),
    ("mvcc", &["base", "proto"]),
    ("watch", &["base", "proto", "mvcc"]),
    ("model", &["base", "proto"]),
    ("state", &["base", "proto", "mvcc", "watch"]),
    ("node", &["base", "proto", "raft", "wal", "bbolt", "mvcc", "watch", "state"]),
    ("tls", &[]),
    ("server", &["base", "proto", "raft", "wal", "bbolt", "mvcc", "watch", "state", "node", "tls"]),
    ("cli", &["base", "proto", "wal", "bbolt", "tls"]),
    ("sim", &["base", "proto", "raft", "wal", "bbolt", "mvcc", "watch", "state", "node", "model"]),
    ("fuzz", &["base", "proto", "raft", "wal", "bbolt", "mvcc", "watch", "state", "node", "model"]),
    ("tests", &["base", "proto", "wal", "bbolt", "model", "cli"]),
];

/// The crates that run without the standard library.
const PURE: [&str; 8] = ["base", "raft", "wal", "bbolt", "mvcc", "watch", "model", "state"];

/// Outside crates of the pure ones.
const PURE_DEPENDENCIES: [&str; 7] =
    ["bytes", "prost", "crc32c", "serde", "serde_json", "proptest", "base64"];

/// Crates that bring a runtime, sockets, files or TLS, and who alone may use them.
const SHELL_ONLY: [(&str, &[&str]); 6] = [
    ("madsim", &["sim"]),
    ("fjall", &["server"]),
    ("hyper", &["server", "tests", "cli"]),
    ("rustix", &["server", "cli"]),
    ("socket2", &["server"]),
    ("tonic", &["proto", "server", "cli", "tests"]),
];

fn report(broken: Vec<String>) {
    assert!(broken.is_empty(), "{} rules broken:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn files_are_small_and_begin_with_what_they_are_for() {
    let mut broken = Vec::new();
    for Source { path, text } in sources() {
        let lines = text.lines().count();
        if lines > FILE_LINES_MAX {
            broken.push(format!("{path}: {lines} lines, at most {FILE_LINES_MAX}"));
        }
        if !text.starts_with("//!") {
            broken.push(format!("{path}: does not begin with a //! header"));
        }
        for (number, line) in text.lines().enumerate() {
            if line.chars().count() > COLUMNS_MAX {
                broken.push(format!("{path}:{}: over {COLUMNS_MAX} columns", number + 1));
            }
        }
    }
    report(broken);
}

#[test]
fn functions_are_small() {
    let mut broken = Vec::new();
    for Source { path, text } in sources() {
        for (line, name, lines, is_match) in functions(&text) {
            if lines > FUNCTION_LINES_MAX && !is_match {
                broken.push(format!("{path}:{line}: {name} has {lines} lines"));
            }
        }
    }
    report(broken);
}

/// Functions of a formatted file: first line, name, lines of the body, whether it is a flat match.
fn functions(text: &str) -> Vec<(usize, String, usize, bool)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let is_function = ["fn ", "pub fn ", "async fn ", "pub async fn ", "const fn "]
            .iter()
            .any(|start| code.starts_with(start))
            || (code.starts_with("pub(") && code.contains(" fn "));
        if !is_function {
            continue;
        }
        let indent = line.len() - code.len();
        let closing = format!("{}}}", " ".repeat(indent));
        let Some(end) = lines[at..].iter().position(|line| *line == closing) else { continue };
        let name = code.split('(').next().unwrap_or_default().to_string();
        let body = &lines[at + 1..at + end];
        let flat = body.iter().any(|line| {
            let inner = line.trim_start();
            line.len() - inner.len() == indent + 4 && inner.starts_with("match ")
        });
        found.push((at + 1, name, body.len(), flat));
    }
    found
}

#[test]
fn nothing_is_left_unfinished() {
    let mut broken = Vec::new();
    for Source { path, text } in sources() {
        for (number, line) in text.lines().enumerate() {
            for word in UNFINISHED {
                if line.contains(word) {
                    broken.push(format!("{path}:{}: {word}", number + 1));
                }
            }
            if line.trim() == concat!("#[ig", "nore]") {
                broken.push(format!("{path}:{}: a test is ignored without a reason", number + 1));
            }
        }
    }
    report(broken);
}

/// Cargo finds these without a `mod` line.
fn is_root(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    let folder = path.rsplit('/').nth(1).unwrap_or_default();
    matches!(name, "lib.rs" | "main.rs" | "build.rs")
        || matches!(folder, "bin" | "tests" | "examples" | "benches" | "fuzz_targets")
}

#[test]
fn every_file_is_named_by_a_module() {
    let all = sources();
    let mut broken = Vec::new();
    for Source { path, .. } in all.iter().filter(|source| !is_root(&source.path)) {
        let stem = path.trim_end_matches("/mod.rs").trim_end_matches(".rs");
        let (parent, module) = stem.rsplit_once('/').unwrap_or(("", stem));
        let owners = [
            format!("{parent}/lib.rs"),
            format!("{parent}/main.rs"),
            format!("{parent}/mod.rs"),
            format!("{parent}.rs"),
        ];
        let beside = |source: &&Source| {
            owners.contains(&source.path)
                || (is_root(&source.path) && source.path.starts_with(&format!("{parent}/")))
        };
        let named = all.iter().filter(beside).any(|owner| names(&owner.text, module));
        if !named {
            broken.push(format!("{path}: no module names it"));
        }
    }
    report(broken);
}

fn names(text: &str, module: &str) -> bool {
    text.lines().any(|line| {
        let line = line.trim();
        line.ends_with(&format!("mod {module};")) || line.ends_with(&format!("/{module}.rs\")]"))
    })
}

/// The dependencies in a manifest: name and whether only tests use it.
fn dependencies(manifest: &str) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let mut section = "";
    for line in manifest.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        } else if let Some((name, _)) = line.split_once(['.', '=', ' '])
            && section.ends_with("dependencies")
            && !line.starts_with('#')
            && !name.is_empty()
        {
            found.push((name.to_string(), section != "dependencies"));
        }
    }
    found
}

fn manifests() -> BTreeMap<String, String> {
    let root = root();
    let folder = |name: &str| match name {
        "sim" | "proto" | "tests" | "fuzz" => name.to_string(),
        _ => format!("src/{name}"),
    };
    let read = |name: &str| fs::read_to_string(root.join(folder(name)).join("Cargo.toml"));
    let all = EDGES.iter().map(|(name, _)| (name.to_string(), read(name).expect("a manifest")));
    all.collect()
}

#[test]
fn crates_know_only_whom_they_may() {
    let names: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    let manifests = manifests();
    let mut broken = Vec::new();
    for (name, allowed) in EDGES {
        for (dependency, for_tests) in dependencies(&manifests[name]) {
            let own = names.contains(dependency.as_str());
            if own && !for_tests && !allowed.contains(&dependency.as_str()) {
                broken.push(format!("{name} must not use {dependency}"));
            }
            if PURE.contains(&name) && !own && !PURE_DEPENDENCIES.contains(&dependency.as_str()) {
                broken.push(format!("{name} is pure and must not use {dependency}"));
            }
            for (shell, users) in SHELL_ONLY {
                if dependency == shell && !users.contains(&name) {
                    broken.push(format!("{name} must not use {dependency}"));
                }
            }
        }
    }
    report(broken);
}

#[test]
fn pure_crates_run_without_the_standard_library() {
    let mut broken = Vec::new();
    for name in PURE {
        let path = root().join("src").join(name).join("src/lib.rs");
        let text = fs::read_to_string(path).expect("every crate has a lib.rs");
        if !text.lines().any(|line| line == "#![no_std]") {
            broken.push(format!("{name} is not no_std"));
        }
    }
    for Source { path, text } in sources() {
        let pure = PURE.iter().any(|name| path.starts_with(&format!("src/{name}/src/")));
        if pure && uses_standard_library(&text) {
            broken.push(format!("{path}: uses the standard library or an unordered map"));
        }
    }
    report(broken);
}

/// Whether a file of a pure crate uses an unordered map, or the standard library other than for its
/// tests or an optional part.
fn uses_standard_library(text: &str) -> bool {
    let mut before = "";
    text.lines().any(|line| {
        let code = line.trim_start();
        let conditional = std::mem::replace(&mut before, code).starts_with("#[cfg(");
        let is_comment = code.starts_with("//");
        let is_std = code.starts_with("extern crate std") && !conditional;
        !is_comment && (is_std || code.contains("HashMap"))
    })
}

#[test]
fn every_crate_of_the_workspace_has_its_edges_here() {
    let known: BTreeSet<&str> = EDGES.iter().map(|(name, _)| *name).collect();
    let mut broken = Vec::new();
    for entry in fs::read_dir(root().join("src")).expect("src is there") {
        let entry = entry.expect("src is readable");
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().join("Cargo.toml").exists() && !known.contains(name.as_str()) {
            broken.push(format!("{name}: add it to EDGES"));
        }
    }
    report(broken);
}

#[test]
fn the_function_scanner_sees_long_functions() {
    let long = format!("//! x\nfn long() {{\n{}}}\n", "    call();\n".repeat(71));
    assert_eq!(functions(&long), [(2, "fn long".to_string(), 71, false)]);
    let flat = "fn flat() {\n    match x {\n    }\n}\n";
    assert_eq!(functions(flat), [(1, "fn flat".to_string(), 2, true)]);
}
