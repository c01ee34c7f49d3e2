//! Putting a received snapshot in the place of all state (BK7), and making a machine from what the
//! backend holds.
//!
//! By then the file is durable under its name and the log has its mark. A new generation of
//! segments is built beside the old one; one batch switches map and record; then the old segments
//! go. A crash anywhere leaves the old state or the new one: the next boot finds the mark ahead of
//! the record and the file there, and does it again.

use base::mark;
use mvcc::segment::generation;
use mvcc::{Backend, BackendError, Store};
use raft::SnapshotMeta;
use state::Machine;

use super::read::{self, FileSource, Keys, ReadFailure};
use super::store;
use crate::config::NodeConfig;
use crate::env::{Disk, DiskError, DiskFile, Env};

/// Why a snapshot cannot be installed, or a machine not be made.
#[derive(Debug, thiserror::Error)]
pub(crate) enum InstallError {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The file is not what it was when it was received.
    #[error("the received snapshot cannot be read: {0}")]
    File(#[from] ReadFailure),
    /// The backend failed or contradicts itself.
    #[error("{0}")]
    Backend(String),
}

impl From<BackendError> for InstallError {
    fn from(error: BackendError) -> InstallError {
        InstallError::Backend(error.to_string())
    }
}

/// What a machine is told beside its state.
#[derive(Clone)]
pub(crate) struct MachineSettings {
    pub store: mvcc::Knobs,
    pub learners_max: usize,
}

impl MachineSettings {
    pub(crate) fn of(config: &NodeConfig) -> MachineSettings {
        MachineSettings { store: config.store.clone(), learners_max: config.max_learners }
    }
}

/// Installs the file at `path`, which holds the snapshot `meta`, and gives the state in it.
pub(crate) async fn install<E: Env>(
    env: &E,
    settings: MachineSettings,
    path: &str,
    meta: SnapshotMeta,
) -> Result<Machine<E::Backend>, InstallError> {
    let file = env.disk().open(path).await?;
    let source = FileSource { len: file.len().await?, file };
    let backend = env.backend().clone();
    let machine = env
        .blocking(move || {
            switch(&backend, source, &meta, settings.store.segment_bytes)?;
            machine(&backend, settings)
        })
        .await?;
    mark!("snapshot: installed");
    store::remove(env, path).await?;
    Ok(machine)
}

/// Builds the new generation and switches to it.
fn switch<B: Backend, F: DiskFile>(
    backend: &B,
    source: FileSource<F>,
    meta: &SnapshotMeta,
    segment_bytes: u64,
) -> Result<(), InstallError> {
    let (database, recorded) = read::open(source, meta)?;
    let mut keys = Keys::of(&database)?;
    backend.create(state::KEYSPACE)?;
    let mut changes = generation::build(backend, &mut keys, segment_bytes)?;
    if let Some(failed) = keys.failed {
        return Err(failed.into());
    }
    changes.extend(state::replace_record(&backend.snapshot()?, &recorded)?);
    backend.commit(changes)?;
    backend.persist()?;
    Ok(())
}

/// The machine that the backend's record and segments describe.
pub(crate) fn machine<B: Backend>(
    backend: &B,
    settings: MachineSettings,
) -> Result<Machine<B>, InstallError> {
    let failed = |text: String| InstallError::Backend(text);
    backend.create(state::KEYSPACE)?;
    let recorded = state::read_record(&backend.snapshot()?);
    let recorded = recorded.map_err(|error| failed(error.to_string()))?;
    let keys = mvcc::Recorded { revision: recorded.revision, compaction: recorded.compaction };
    let mut leased = Vec::new();
    let store = Store::restore(backend, &keys, settings.store, &mut |key, lease| {
        leased.push((key.clone(), lease));
    });
    let store = store.map_err(|error| failed(error.to_string()))?;
    let mut machine = Machine::new(store, &recorded, settings.learners_max);
    for (key, lease) in leased {
        machine.attach_recovered(&key, base::LeaseId(lease));
    }
    Ok(machine)
}
