//! Whose server a member runs.

use std::path::PathBuf;

use crate::binaries::built;
use crate::go;

/// Which server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A real etcd.
    Etcd,
    /// Cairn.
    Cairn,
}

impl Kind {
    /// Its program, built where it is not there yet.
    #[must_use]
    pub fn program(self) -> PathBuf {
        match self {
            Kind::Etcd => go::etcd().to_path_buf(),
            Kind::Cairn => built("cairn"),
        }
    }
}
