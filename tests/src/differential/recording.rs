//! Steps with the outcomes that a real etcd gave: a compressed file of JSON lines, the first of
//! which says how the member was started.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};

use super::outcome::Outcome;
use super::server::Flavour;
use super::step::Step;
use crate::repository::root;

/// How the member was started, and which fields of its answers were set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    clients: usize,
    flavour: Flavour,
    fields: BTreeSet<String>,
}

/// One step and what etcd gave.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// The step.
    #[serde(flatten)]
    pub step: Step,
    /// What etcd gave.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// A run against a real etcd.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// Clients that take part.
    pub clients: usize,
    /// How the member was started.
    pub flavour: Flavour,
    /// Fields that were set in some answer, those included that the normaliser clears.
    pub fields: BTreeSet<String>,
    /// The steps.
    pub lines: Vec<Line>,
}

/// Where the repository keeps them.
#[must_use]
pub fn folder() -> PathBuf {
    root().join("tests/interop/recordings")
}

impl Recording {
    /// All that the repository keeps, each with its name.
    ///
    /// # Panics
    /// When there is none.
    #[must_use]
    pub fn all() -> Vec<(String, Recording)> {
        let entries = std::fs::read_dir(folder()).expect("the folder of recordings");
        let paths = entries.map(|entry| entry.expect("it can be listed").path());
        let mut paths: Vec<PathBuf> =
            paths.filter(|path| path.extension().is_some_and(|end| end == "gz")).collect();
        paths.sort();
        assert!(!paths.is_empty(), "no recordings");
        let read = |path: PathBuf| {
            let name = path.file_name().expect("a file").to_string_lossy().into_owned();
            let recording = Recording::read(&path);
            (name.clone(), recording.unwrap_or_else(|error| panic!("{name}: {error}")))
        };
        paths.into_iter().map(read).collect()
    }

    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read or is no recording.
    pub fn read(path: &Path) -> io::Result<Recording> {
        let mut lines = BufReader::new(GzDecoder::new(File::open(path)?)).lines();
        let head = lines.next().ok_or(io::ErrorKind::UnexpectedEof)??;
        let Head { clients, flavour, fields } = serde_json::from_str(&head)?;
        let lines: io::Result<Vec<Line>> =
            lines.map(|line| serde_json::from_str(&line?).map_err(io::Error::from)).collect();
        Ok(Recording { clients, flavour, fields, lines: lines? })
    }

    /// Writes a file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let mut file = GzEncoder::new(File::create(path)?, Compression::best());
        let (clients, flavour, fields) = (self.clients, self.flavour, self.fields.clone());
        let head = Head { clients, flavour, fields };
        writeln!(file, "{}", serde_json::to_string(&head)?)?;
        for line in &self.lines {
            writeln!(file, "{}", serde_json::to_string(line)?)?;
        }
        file.finish()?.sync_all()
    }
}
