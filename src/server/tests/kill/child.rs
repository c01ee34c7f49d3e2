//! The process that is killed.

use std::io::Write;
use std::path::Path;

use server::env::FjallBackend;

use crate::operation::{Operation, content};

/// Runs operations from `first` on and says which has returned, until somebody kills it.
pub fn write_until_killed(dir: &Path, seed: u64, first: u64) {
    let backend = FjallBackend::at(dir);
    let mut content = content(&backend).expect("the backend opens");
    let mut stdout = std::io::stdout().lock();
    let mut say = |text: String| {
        stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()).expect("the parent reads");
    };
    say("open\n".into());
    for number in first.. {
        let operation = Operation::draw(seed, number, &content);
        operation.run(&backend).expect("the backend writes");
        say(format!("{number}\n"));
        operation.apply(&mut content);
    }
}
