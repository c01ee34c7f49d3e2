//! Tests that show what the recordings do not, by name.

use std::collections::BTreeMap;

use crate::repository::root;

/// Why something counts as shown, or why it need not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// A function in a file.
    Test {
        /// The file, from the root.
        file: String,
        /// The function.
        function: String,
    },
    /// What a real etcd cannot send, and why.
    Impossible(String),
}

/// All rows of `tests/interop/coverage.txt`.
pub struct Index {
    rows: BTreeMap<String, Vec<Reason>>,
}

impl Index {
    /// Reads the list; rows that name no test that there is are told apart.
    ///
    /// # Panics
    /// When a line is not `what | file | function` or `what | impossible | reason`.
    #[must_use]
    pub fn of_repository() -> (Index, Vec<String>) {
        let path = root().join("tests/interop/coverage.txt");
        let text = std::fs::read_to_string(path).expect("the list of tests");
        let mut rows: BTreeMap<String, Vec<Reason>> = BTreeMap::new();
        let mut broken = Vec::new();
        for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
            let parts: Vec<&str> = line.split(" | ").map(str::trim).collect();
            let [what, file, function] = parts[..] else { panic!("no row: {line}") };
            let reason = match file {
                "impossible" => Reason::Impossible(function.to_owned()),
                _ if !is_there(file, function) => {
                    broken.push(format!("{what}: there is no {function} in {file}"));
                    continue;
                }
                _ => Reason::Test { file: file.to_owned(), function: function.to_owned() },
            };
            rows.entry(what.to_owned()).or_default().push(reason);
        }
        (Index { rows }, broken)
    }

    /// The reasons given for something.
    #[must_use]
    pub fn of(&self, what: &str) -> &[Reason] {
        self.rows.get(what).map_or(&[], Vec::as_slice)
    }

    /// All that is named.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rows.keys().map(String::as_str)
    }
}

/// Whether the file has a function of this name, or is a transcript or a program that is run whole.
fn is_there(file: &str, function: &str) -> bool {
    let text = std::fs::read_to_string(root().join(file)).unwrap_or_default();
    text.contains(&format!("fn {function}(")) || text.contains(&format!("func {function}("))
}
