//! The directory tree: names as a reader sees them, names that every crash preserves, and the
//! changes in between, in order (S5).
//!
//! A name is durable after a `sync_dir` of its directory, if that directory itself is durable.

use std::collections::BTreeMap;

use base::Prng;

/// What a name stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Node {
    /// A directory.
    Dir,
    /// The file with this number.
    File(u64),
}

#[derive(Clone, Debug)]
struct Change {
    /// `None` removes the name.
    path: String,
    to: Option<Node>,
    /// A rename is two changes that survive together.
    group: u64,
}

/// A directory tree.
#[derive(Clone, Debug, Default)]
pub struct Names {
    current: BTreeMap<String, Node>,
    durable: BTreeMap<String, Node>,
    pending: Vec<Change>,
    groups: u64,
}

/// The directory of a path; empty for the top.
#[must_use]
pub fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(dir, _)| dir)
}

impl Names {
    /// What a path stands for.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<Node> {
        self.current.get(path).copied()
    }

    /// Whether a path is a directory; the top always is.
    #[must_use]
    pub fn is_dir(&self, path: &str) -> bool {
        path.is_empty() || self.get(path) == Some(Node::Dir)
    }

    /// Gives a name to something, replacing what had it.
    pub fn set(&mut self, path: &str, node: Node) {
        self.groups += 1;
        self.change(path, Some(node));
    }

    /// Removes a name.
    pub fn remove(&mut self, path: &str) {
        self.groups += 1;
        self.change(path, None);
    }

    /// Moves a file or a directory with all below.
    pub fn rename(&mut self, from: &str, to: &str) {
        self.groups += 1;
        let below = format!("{from}/");
        let moved: Vec<(String, Node)> = self
            .current
            .iter()
            .filter(|(path, _)| *path == from || path.starts_with(&below))
            .map(|(path, node)| (path.clone(), *node))
            .collect();
        for (path, node) in moved {
            let target = format!("{to}{}", &path[from.len()..]);
            self.change(&path, None);
            self.change(&target, Some(node));
        }
    }

    fn change(&mut self, path: &str, to: Option<Node>) {
        match to {
            Some(node) => self.current.insert(path.into(), node),
            None => self.current.remove(path),
        };
        self.pending.push(Change { path: path.into(), to, group: self.groups });
    }

    /// The names directly in a directory, sorted.
    pub fn list<'a>(&'a self, dir: &'a str) -> impl Iterator<Item = (&'a str, Node)> + 'a {
        children(&self.current, dir)
    }

    /// The names directly in a directory that every crash preserves.
    pub fn durable_list<'a>(&'a self, dir: &'a str) -> impl Iterator<Item = (&'a str, Node)> + 'a {
        let reachable = self.is_durable_dir(dir);
        children(&self.durable, dir).filter(move |_| reachable)
    }

    fn is_durable_dir(&self, dir: &str) -> bool {
        dir.is_empty()
            || (self.durable.get(dir) == Some(&Node::Dir) && self.is_durable_dir(parent(dir)))
    }

    /// Makes the changes in a directory durable; a rename out of it or into it goes along.
    pub fn sync_dir(&mut self, dir: &str) {
        let synced: Vec<u64> = self
            .pending
            .iter()
            .filter(|change| parent(&change.path) == dir)
            .map(|change| change.group)
            .collect();
        let (done, rest) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|change| synced.contains(&change.group));
        self.pending = rest;
        self.settle(done);
    }

    fn settle(&mut self, changes: Vec<Change>) {
        for change in changes {
            match change.to {
                Some(node) => self.durable.insert(change.path, node),
                None => self.durable.remove(&change.path),
            };
        }
    }

    /// Whether a change of a name is not durable.
    #[must_use]
    pub fn is_unsynced(&self) -> bool {
        !self.pending.is_empty()
    }

    /// Loses power: each unsynced change is kept with the given probability. What lies in a
    /// directory that does not exist is gone. Gives the numbers of kept and lost changes.
    pub fn crash(&mut self, keep: f64, prng: &mut Prng) -> (u64, u64) {
        let mut fate = BTreeMap::new();
        let changes = std::mem::take(&mut self.pending);
        let mut kept = Vec::new();
        let mut lost = 0;
        for change in changes {
            if *fate.entry(change.group).or_insert_with(|| prng.chance(keep)) {
                kept.push(change);
            } else {
                lost += 1;
            }
        }
        let count = kept.len() as u64;
        self.settle(kept);
        let orphans: Vec<String> = self
            .durable
            .keys()
            .filter(|path| !self.is_durable_dir(parent(path)))
            .cloned()
            .collect();
        for path in orphans {
            self.durable.remove(&path);
        }
        self.current = self.durable.clone();
        (count, lost)
    }

    /// The files that some name stands for, now or after a crash.
    #[must_use]
    pub fn files(&self) -> Vec<u64> {
        let pending = self.pending.iter().filter_map(|change| change.to);
        let mut files: Vec<u64> = self
            .current
            .values()
            .chain(self.durable.values())
            .copied()
            .chain(pending)
            .filter_map(|node| match node {
                Node::File(number) => Some(number),
                Node::Dir => None,
            })
            .collect();
        files.sort_unstable();
        files.dedup();
        files
    }
}

fn children<'a>(
    names: &'a BTreeMap<String, Node>,
    dir: &'a str,
) -> impl Iterator<Item = (&'a str, Node)> + 'a {
    let prefix = if dir.is_empty() { String::new() } else { format!("{dir}/") };
    let skip = prefix.len();
    names
        .range(prefix.clone()..)
        .take_while(move |(path, _)| path.starts_with(&prefix))
        .filter(move |(path, _)| path.len() > skip && !path[skip..].contains('/'))
        .map(move |(path, node)| (&path[skip..], *node))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: &Names, dir: &str) -> Vec<String> {
        names.list(dir).map(|(name, _)| name.to_string()).collect()
    }

    #[test]
    fn a_name_survives_only_after_its_directory_was_synced() {
        let mut names = Names::default();
        names.set("wal", Node::Dir);
        names.set("wal/1", Node::File(1));
        names.sync_dir("wal");
        assert_eq!(names.durable_list("wal").count(), 0, "the directory itself may be lost");
        names.sync_dir("");
        names.set("wal/2", Node::File(2));
        assert_eq!(names.durable_list("wal").count(), 1);
        names.crash(0.0, &mut Prng::new(1));
        assert_eq!(paths(&names, "wal"), ["1"]);
    }

    #[test]
    fn a_rename_survives_whole_or_not_at_all() {
        for seed in 0..20 {
            let mut names = Names::default();
            names.set("tmp", Node::File(1));
            names.set("db", Node::File(2));
            names.sync_dir("");
            names.rename("tmp", "db");
            names.crash(0.5, &mut Prng::new(seed));
            let now = (names.get("tmp"), names.get("db"));
            let old = (Some(Node::File(1)), Some(Node::File(2)));
            assert!(now == old || now == (None, Some(Node::File(1))), "{now:?}");
        }
    }
}
