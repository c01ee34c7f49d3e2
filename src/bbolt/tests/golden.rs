//! One small file, byte by byte, so that a change of the format cannot go unnoticed. With
//! `UPDATE_GOLDEN` set, the expected bytes are written anew (and the test passes in the run after).

mod common;

use common::{Buckets, Entries, write};
use std::fmt::Write as _;

/// The bytes that are not zero, 16 a line.
fn dump(file: &[u8]) -> String {
    let mut text = String::new();
    for (line, bytes) in file.chunks(16).enumerate().filter(|(_, b)| b.iter().any(|b| *b != 0)) {
        write!(text, "{:05x}", line * 16).expect("a string takes all");
        for byte in bytes {
            write!(text, " {byte:02x}").expect("a string takes all");
        }
        text.push('\n');
    }
    text
}

#[test]
fn a_small_file_has_these_bytes() {
    let buckets = Buckets::from([
        (b"empty".to_vec(), Entries::new()),
        (
            b"key".to_vec(),
            Entries::from([(b"a".to_vec(), b"one".to_vec()), (b"bc".to_vec(), Vec::new())]),
        ),
    ]);
    let file = write(&buckets).expect("the entries are sound");
    assert_eq!(file.len(), 6 * 4096);
    let dump = dump(&file);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/small.hex"), &dump)
            .expect("the golden file can be written");
    }
    assert_eq!(dump, include_str!("data/small.hex"));
}
