//! The list of what is left out of a client's run, `tests/interop/off.txt`.
//!
//! A line is `client part where: reason`; the part `*` is the whole client. `where` is `cairn` for
//! what Cairn does not serve yet and a real etcd does, `always` for what does not pass here against
//! a real etcd either, and `one` or `three` for what does not pass there on a cluster of that size.

use std::fs;

use crate::repository::root;

/// Which runs a part is left out of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Where {
    Cairn,
    Always,
    Members(usize),
}

/// A part of a client that is left out.
#[derive(Clone, Debug)]
pub struct Part {
    client: String,
    /// What the client calls it.
    pub name: String,
    whence: Where,
    /// Why it is.
    pub reason: String,
}

impl Part {
    /// Whether the whole client is left out.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.name == "*"
    }
}

/// The list.
#[derive(Debug)]
pub struct Off(Vec<Part>);

impl Off {
    /// Reads the list of the tree.
    ///
    /// # Panics
    /// When a line is not as it should be.
    #[must_use]
    pub fn read() -> Off {
        let path = root().join("tests/interop/off.txt");
        Off::parse(&fs::read_to_string(path).expect("the list is part of the tree"))
    }

    fn parse(text: &str) -> Off {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        Off(lines.map(|line| part(line).unwrap_or_else(|| panic!("off.txt: {line}"))).collect())
    }

    /// What is left out of a client's run on a cluster of this size.
    #[must_use]
    pub fn of(&self, client: &str, is_cairn: bool, members: usize) -> Vec<&Part> {
        let applies = |part: &&Part| {
            let is_there = match part.whence {
                Where::Cairn => is_cairn,
                Where::Always => true,
                Where::Members(size) => size == members,
            };
            part.client == client && is_there
        };
        self.0.iter().filter(applies).collect()
    }
}

fn part(line: &str) -> Option<Part> {
    let (head, reason) = line.split_once(": ")?;
    let mut words = head.split_whitespace();
    let (client, name, whence) = (words.next()?, words.next()?, words.next()?);
    let whence = match whence {
        "cairn" => Where::Cairn,
        "always" => Where::Always,
        "one" => Where::Members(1),
        "three" => Where::Members(3),
        _ => return None,
    };
    let [client, name, reason] = [client, name, reason].map(str::to_owned);
    words.next().is_none().then_some(Part { client, name, whence, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_is_off_where_its_line_says() {
        let list = Off::parse("# why\n\na x cairn: not built\na y::z always: no\na w one: three\n");
        let names = |is_cairn, members| {
            let parts = list.of("a", is_cairn, members);
            parts.into_iter().map(|part| part.name.clone()).collect::<Vec<_>>()
        };
        assert_eq!(names(true, 1), ["x", "y::z", "w"]);
        assert_eq!(names(true, 3), ["x", "y::z"]);
        assert_eq!(names(false, 3), ["y::z"]);
        assert!(list.of("b", true, 1).is_empty());
    }
}
