//! Recovery: the log by its own rules, then the backend's record, then what both together say.

use base::{Index, Term};
use bytes::Bytes;
use mvcc::Backend;
use raft::{ConfState, Entry, EntryKind, SnapshotMeta};
use state::Machine;

use super::BootError;
use super::identity::{Beginning, Identity};
use crate::config::NodeConfig;
use crate::convert::{conf_state, encode_change, entry_kind_of};
use crate::env::{Disk, DiskErrorKind, DiskFile, Env};
use crate::log_writer::LogFiles;
use crate::log_writer::files::DIRECTORY;
use crate::snapshots::install::{self, InstallError, MachineSettings};
use crate::snapshots::store;

/// etcd begins by writing a file of this name, to see whether it may write. A directory in its
/// place ends that start before it has touched anything: the log is in etcd's format, and etcd
/// would go on with it beside our backend, or without what the log has released.
const ETCD_PROBE: &str = ".touch";

/// What was found, ready to run.
pub(super) struct Recovered<E: Env> {
    pub writer: wal::Writer,
    pub files: LogFiles<E>,
    pub hard_state: wal::HardState,
    pub boot: raft::Boot,
    pub machine: Machine<E::Backend>,
}

/// The log as it was found or made.
struct Log<E: Env> {
    writer: wal::Writer,
    files: LogFiles<E>,
    hard_state: wal::HardState,
    entries: Vec<Entry>,
    mark: Option<wal::SnapshotMark>,
    suspect: Option<Index>,
}

pub(super) async fn recover<E: Env>(
    env: &E,
    config: &NodeConfig,
    identity: &Identity,
) -> Result<Recovered<E>, BootError> {
    env.disk().create_dir(DIRECTORY).await?;
    env.disk().sync_dir("member").await?;
    env.disk().create_dir(ETCD_PROBE).await?;
    env.disk().sync_dir("").await?;
    crate::space::make_room_for_recovery(env, &config.knobs).await?;
    let names: Vec<String> =
        env.disk().list(DIRECTORY).await?.into_iter().map(|entry| entry.name).collect();
    let log = match holds_segments(&names) {
        true => read_log(env, config, identity, &names).await?,
        false => create_log(env, config, identity, &names).await?,
    };
    let machine = recover_machine(env, config, log.mark.as_ref()).await?;
    join(log, machine)
}

/// Whether the directory holds a log.
pub(super) async fn has_log<E: Env>(env: &E) -> Result<bool, BootError> {
    match env.disk().list(DIRECTORY).await {
        Ok(entries) => {
            let names: Vec<String> = entries.into_iter().map(|entry| entry.name).collect();
            Ok(holds_segments(&names))
        }
        Err(error) if error.kind == DiskErrorKind::NotFound => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn holds_segments(names: &[String]) -> bool {
    names.iter().any(|name| wal::SegmentName::parse(name).is_some())
}

/// The log of a new cluster begins with its first members, as etcd's does: one configuration entry
/// each, in the order of their ids, in term 1, committed. That of a joined member begins empty, in
/// no term.
async fn create_log<E: Env>(
    env: &E,
    config: &NodeConfig,
    identity: &Identity,
    leftovers: &[String],
) -> Result<Log<E>, BootError> {
    let first_members = match &identity.beginning {
        Beginning::New(members) => &members[..],
        Beginning::Joined => &[],
        Beginning::Lost => return Err(BootError::NoLog(identity.member)),
    };
    let mut files = LogFiles::new(env.disk().clone());
    for name in leftovers {
        files.run(wal::Op::Remove { name: name.clone() }).await?;
    }
    let metadata = wal::Metadata { member: identity.member, cluster: identity.cluster };
    let entries: Vec<Entry> = first_members.iter().zip(1..).map(first_entry).collect();
    let commit = Index(entries.len() as u64);
    let term = entries.last().map_or(Term::ZERO, |entry| entry.term);
    let hard_state = wal::HardState { term, vote: base::MemberId::ZERO, commit };
    let refs = entries.iter().map(crate::log_writer::entry_ref);
    let (writer, ops) = wal::Writer::create(metadata, config.knobs.segment_bytes, hard_state, refs);
    for op in ops {
        files.run(op).await?;
    }
    Ok(Log { writer, files, hard_state, entries, mark: None, suspect: None })
}

fn first_entry((member, index): (&state::Member, u64)) -> Entry {
    let change = state::MemberChange::Add(member.clone());
    Entry {
        term: Term(1),
        index: Index(index),
        kind: EntryKind::ConfChange,
        data: encode_change(0, &change),
    }
}

async fn read_log<E: Env>(
    env: &E,
    config: &NodeConfig,
    identity: &Identity,
    names: &[String],
) -> Result<Log<E>, BootError> {
    let failed = |error: wal::WalError| BootError::Log(error.to_string());
    let mut files = LogFiles::new(env.disk().clone());
    let mut recovery = wal::Recovery::new(names).map_err(failed)?;
    for name in recovery.names() {
        let bytes = read_file(env, &name).await?;
        recovery.segment(&name, bytes).map_err(failed)?;
    }
    let recovered = recovery.finish(config.knobs.segment_bytes).map_err(failed)?;
    let metadata = wal::Metadata { member: identity.member, cluster: identity.cluster };
    if recovered.metadata != metadata {
        let of = |member, cluster| format!("{member} of cluster {cluster}");
        let found = recovered.metadata;
        return Err(BootError::OtherMember {
            found: format!("member {}, by its log", of(found.member, found.cluster)),
            described: of(identity.member, identity.cluster),
        });
    }
    for op in recovered.ops {
        files.run(op).await?;
    }
    let entries = recovered.entries.into_iter().map(entry).collect::<Result<_, _>>()?;
    Ok(Log {
        writer: recovered.writer,
        files,
        hard_state: recovered.hard_state,
        entries,
        mark: recovered.mark,
        // Where the damage does not tell how far it reached, it may have reached any index.
        suspect: recovered.suspect.map(|doubt| doubt.last.unwrap_or(Index(u64::MAX))),
    })
}

async fn read_file<E: Env>(env: &E, name: &str) -> Result<Bytes, BootError> {
    let file = env.disk().open(&format!("{DIRECTORY}/{name}")).await?;
    let len = file.len().await?;
    Ok(file.read_at(0, len as usize).await?)
}

fn entry(entry: wal::Entry) -> Result<Entry, BootError> {
    let kind = entry_kind_of(entry.kind).ok_or_else(|| {
        BootError::Log(format!(
            "log entry {} has the unknown kind {}; a newer version wrote it: start that version",
            entry.index, entry.kind
        ))
    })?;
    Ok(Entry { term: entry.term, index: entry.index, kind, data: entry.data })
}

/// The machine as the backend has it; or, when the log's mark is ahead of that, as the snapshot has
/// it that was being installed.
async fn recover_machine<E: Env>(
    env: &E,
    config: &NodeConfig,
    mark: Option<&wal::SnapshotMark>,
) -> Result<Machine<E::Backend>, BootError> {
    let failed = |error: InstallError| BootError::Backend(error.to_string());
    let settings = MachineSettings::of(config);
    let machine = match unfinished(env, mark).await? {
        Some((path, meta)) => {
            base::mark!("snapshot: installation finished at boot");
            install::install(env, settings, &path, meta).await.map_err(failed)?
        }
        None => install::machine(env.backend(), settings).map_err(failed)?,
    };
    store::clear(env).await?;
    Ok(machine)
}

/// A snapshot whose mark is in the log and whose state is not in the backend (BK7).
async fn unfinished<E: Env>(
    env: &E,
    mark: Option<&wal::SnapshotMark>,
) -> Result<Option<(String, SnapshotMeta)>, BootError> {
    let failed = |error: &dyn std::fmt::Display| BootError::Backend(error.to_string());
    let Some(mark) = mark else { return Ok(None) };
    let backend = env.backend();
    backend.create(state::KEYSPACE).map_err(|error| failed(&error))?;
    let snapshot = backend.snapshot().map_err(|error| failed(&error))?;
    let recorded = state::read_record(&snapshot).map_err(|error| failed(&error))?;
    if recorded.index >= mark.index {
        return Ok(None);
    }
    let path = store::find(env, mark.index).await?;
    let conf_state = conf_state(&mark.conf_state);
    Ok(path.map(|path| (path, SnapshotMeta { index: mark.index, term: mark.term, conf_state })))
}

/// Log and backend together: the backend is never ahead of the log, and the log begins at or
/// before what the backend has applied.
fn join<E: Env>(log: Log<E>, machine: Machine<E::Backend>) -> Result<Recovered<E>, BootError> {
    let (applied, _) = machine.applied();
    let start = log.mark.as_ref().map_or((Index::ZERO, Term::ZERO), |mark| (mark.index, mark.term));
    let last = log.entries.last().map_or(start.0, |entry| entry.index);
    if applied < start.0 {
        return Err(BootError::Backend(format!(
            "the store has applied entry {applied}, but the log begins behind entry {}; restore \
             this member from a snapshot or remove and add it again",
            start.0
        )));
    }
    if applied > last {
        return Err(BootError::Log(format!(
            "the store has applied entry {applied}, but the log ends at entry {last}: log files \
             are missing; restore them, or remove this member and add it again"
        )));
    }
    let configuration = machine.configuration();
    let conf_state = match configuration.is_empty() {
        true => ConfState::default(),
        false => {
            let message = prost::Message::decode(configuration.clone())
                .map_err(|error| BootError::Backend(format!("recorded configuration: {error}")))?;
            conf_state(&message)
        }
    };
    let hard_state = raft::HardState {
        term: log.hard_state.term,
        vote: log.hard_state.vote,
        commit: log.hard_state.commit.max(applied),
    };
    let boot = raft::Boot {
        hard_state,
        conf_state,
        snapshot: start,
        entries: log.entries,
        applied,
        suspect: log.suspect,
    };
    let hard_state = wal::HardState { commit: hard_state.commit, ..log.hard_state };
    Ok(Recovered { writer: log.writer, files: log.files, hard_state, boot, machine })
}
