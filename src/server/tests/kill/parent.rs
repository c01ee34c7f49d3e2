//! Starts the child, kills it, and judges what it left.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use base::Prng;
use server::env::FjallBackend;

use crate::operation::{Content, Operation, content};

const ROUNDS: u64 = 25;
const SEED: u64 = 20_261_124;

/// Rounds on one directory: each goes on with what the kill before left.
pub fn kill_and_check() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("backend");
    let mut prng = Prng::new(SEED);
    let (mut start, mut first) = (Content::new(), 0);
    for round in 0..ROUNDS {
        let patience = Duration::from_micros(prng.between(0, 150_000));
        let next = run_child(&path, first, patience);
        let backend = FjallBackend::at(&path);
        let found = content(&backend).expect("the backend opens after a kill");
        drop(backend);
        let allowed = allowed(&start, first, next);
        assert!(allowed.contains(&found), "round {round}: {}", differs(&allowed, &found));
        // The numbers go on behind every one that may have been drawn.
        (start, first) = (found, next + 1);
    }
    assert!(first > ROUNDS * 4, "the child did too little to tell: {first} operations");
    assert!(start.len() > 1, "nothing was written");
}

/// Runs the child until it is killed; gives the number of the operation that had not returned.
fn run_child(path: &Path, first: u64, patience: Duration) -> u64 {
    let myself = std::env::current_exe().expect("a test binary has a path");
    let mut child = Command::new(myself)
        .arg("child")
        .args([path.as_os_str()])
        .args([SEED.to_string(), first.to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the child starts");
    let mut lines = BufReader::new(child.stdout.take().expect("it is piped")).lines();
    let opened = lines.next().expect("the child speaks").expect("its output is text");
    assert_eq!(opened, "open");
    std::thread::sleep(patience);
    child.kill().expect("the child can be killed");
    let status = child.wait().expect("the child has ended");
    assert!(status.code().is_none(), "the child ended by itself: {status}");
    let said = lines.map_while(Result::ok).filter_map(|line| line.parse::<u64>().ok());
    said.last().map_or(first, |last| last + 1)
}

/// Every content that the promises allow: all operations before `next`, less some of the batches
/// behind the last persist, latest first; each of them without and with `next` itself.
fn allowed(start: &Content, first: u64, next: u64) -> Vec<Content> {
    let mut all = start.clone();
    let mut operations = Vec::new();
    for number in first..=next {
        let operation = Operation::draw(SEED, number, &all);
        // The child had drawn `next` from a content without it.
        operation.apply(&mut all);
        operations.push(operation);
    }
    let under_way = operations.pop().expect("at least the operation under way was drawn");
    let persisted = operations.iter().rposition(|op| matches!(op, Operation::Persist));
    let volatile: Vec<usize> = (persisted.unwrap_or(0)..operations.len())
        .filter(|&at| matches!(operations[at], Operation::Commit(_)))
        .collect();
    let mut contents = Vec::new();
    for lost in 0..=volatile.len() {
        let lost = &volatile[volatile.len() - lost..];
        let mut content = start.clone();
        let kept = operations.iter().enumerate().filter(|(at, _)| !lost.contains(at));
        kept.for_each(|(_, operation)| operation.apply(&mut content));
        contents.push(content.clone());
        under_way.apply(&mut content);
        contents.push(content);
    }
    contents
}

fn differs(allowed: &[Content], found: &Content) -> String {
    let expected = &allowed[0];
    let mut text = format!("{} contents are allowed, none was found; at first", allowed.len());
    for name in expected.keys().chain(found.keys()) {
        if expected.get(name) != found.get(name) {
            let count = |content: &Content| content.get(name).map(|keyspace| keyspace.len());
            text.push_str(&format!(" {name}: {:?} keys, not {:?};", count(found), count(expected)));
        }
    }
    text
}
