//! What a snapshot file says: everything beside the keys as a record, and the keys one by one.
//! Nothing is believed: a file that came over the network is checked as a whole before it counts.

use base::{Index, LeaseId, MemberId, Term};
use bbolt::etcd_layout::{self, LayoutError, RevisionKey, bucket, cluster_key, meta_key};
use bbolt::{Bucket, Database, ReadAt, ReadError};
use bytes::Bytes;
use prost::Message;
use proto::authpb::{Role, User};
use proto::etcdserverpb::AlarmMember;
use proto::{leasepb, raftpb};
use raft::SnapshotMeta;
use state::{Downgrade, Recorded, RecordedAuth};

use super::content::{AUTH_ENABLED, AUTH_REVISION};
use crate::convert::conf_state;
use crate::env::{DiskError, DiskFile};

/// Why a file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadFailure {
    /// The disk failed, not the file.
    #[error(transparent)]
    Disk(DiskError),
    /// The file is corrupt, truncated, or another than was announced.
    #[error("{0}")]
    Corrupt(String),
}

impl From<ReadError<DiskError>> for ReadFailure {
    fn from(error: ReadError<DiskError>) -> ReadFailure {
        match error {
            ReadError::Source(error) => ReadFailure::Disk(error),
            other => ReadFailure::Corrupt(other.to_string()),
        }
    }
}

impl From<LayoutError<DiskError>> for ReadFailure {
    fn from(error: LayoutError<DiskError>) -> ReadFailure {
        match error {
            LayoutError::Read(error) => error.into(),
            other => ReadFailure::Corrupt(other.to_string()),
        }
    }
}

/// A file of the data directory as the format's reader wants it.
pub(crate) struct FileSource<F> {
    pub file: F,
    pub len: u64,
}

impl<F: DiskFile> ReadAt for FileSource<F> {
    type Error = DiskError;

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, DiskError> {
        self.file.read_now(offset, len)
    }

    fn len(&self) -> u64 {
        self.len
    }
}

/// A file whose pages are read as they are needed.
pub(crate) type Opened<F> = Database<FileSource<F>>;

/// Opens a file and checks all of it against the message that announced it; gives what it says
/// beside the keys, too.
pub(crate) fn open<F: DiskFile>(
    source: FileSource<F>,
    meta: &SnapshotMeta,
) -> Result<(Opened<F>, Recorded), ReadFailure> {
    let database = Database::open(source)?;
    let flaws = bbolt::check(&database).map_err(ReadFailure::Disk)?;
    if let Some(flaw) = flaws.first() {
        return Err(ReadFailure::Corrupt(format!("the snapshot file is corrupt: {flaw}")));
    }
    let found = recorded(&database)?;
    let mut voters = meta.conf_state.clone();
    voters.voters.sort_unstable();
    voters.learners.sort_unstable();
    let announced = (meta.index, meta.term, voters);
    let configured = raftpb::ConfState::decode(found.configuration.clone()).unwrap_or_default();
    let holds = (found.index, found.term, conf_state(&configured));
    if announced != holds {
        return Err(ReadFailure::Corrupt(format!(
            "the snapshot file holds {holds:?}, its message announced {announced:?}"
        )));
    }
    check_keys(&database)?;
    Ok((database, found))
}

/// Each key is a revision and each value a pair, so that nothing of them can fail later.
fn check_keys<F: DiskFile>(database: &Opened<F>) -> Result<(), ReadFailure> {
    let Some(keys) = database.bucket(bucket::KEY)? else { return Ok(()) };
    for entry in keys.entries() {
        let entry = entry?;
        let is_sound = RevisionKey::decode(&entry.key).is_some()
            && !entry.is_bucket
            && mvcc::keyvalue::decode(&entry.value).is_ok();
        if !is_sound {
            let text = format!("revision {:02x?} in the snapshot file is damaged", entry.key);
            return Err(ReadFailure::Corrupt(text));
        }
    }
    Ok(())
}

/// The entries of the keys' bucket; ends at an error, which it leaves in `failed`.
pub(crate) struct Keys<'a, F> {
    entries: Option<bbolt::Cursor<'a, FileSource<F>>>,
    pub failed: Option<ReadFailure>,
}

impl<'a, F: DiskFile> Keys<'a, F> {
    pub(crate) fn of(database: &'a Opened<F>) -> Result<Keys<'a, F>, ReadFailure> {
        let bucket = database.bucket(bucket::KEY)?;
        Ok(Keys { entries: bucket.map(|bucket| bucket.entries()), failed: None })
    }
}

impl<F: DiskFile> Iterator for Keys<'_, F> {
    type Item = (Bytes, Bytes);

    fn next(&mut self) -> Option<(Bytes, Bytes)> {
        match self.entries.as_mut()?.next()? {
            Ok(entry) => Some((entry.key, entry.value)),
            Err(error) => {
                self.failed = Some(error.into());
                None
            }
        }
    }
}

/// Everything that the file says beside the keys.
///
/// The chain of answers begins anew with the snapshot: it is compared between members only from a
/// common base.
fn recorded<S: ReadAt<Error = DiskError>>(database: &Database<S>) -> Result<Recorded, ReadFailure> {
    let applied = etcd_layout::applied(database)?;
    let compaction = compaction(database)?;
    let configuration = applied.conf_state.map(|state| raftpb::ConfState {
        voters: state.voters,
        learners: state.learners,
        voters_outgoing: state.voters_outgoing,
        learners_next: state.learners_next,
        auto_leave: Some(state.auto_leave),
    });
    Ok(Recorded {
        index: Index(applied.index),
        term: Term(applied.term),
        chain: applied.index,
        configuration: configuration.map_or(Bytes::new(), |it| it.encode_to_vec().into()),
        cluster_version: cluster_version(database)?,
        downgrade: downgrade(database)?,
        // All of what the last revisions changed may have been compacted away.
        revision: etcd_layout::latest_revision(database)?.main.max(compaction).max(1),
        compaction,
        leases: rows(database, bucket::LEASE, lease)?,
        members: rows(database, bucket::MEMBERS, |_, json| serde_json::from_slice(json).ok())?,
        removed: rows(database, bucket::MEMBERS_REMOVED, |id, _| {
            u64::from_str_radix(core::str::from_utf8(id).ok()?, 16).ok().map(MemberId)
        })?,
        alarms: rows(database, bucket::ALARM, |key, _| {
            let alarm = AlarmMember::decode(key.clone()).ok()?;
            Some((alarm.alarm, MemberId(alarm.member_id)))
        })?,
        auth: auth(database)?,
    })
}

fn auth<S: ReadAt<Error = DiskError>>(database: &Database<S>) -> Result<RecordedAuth, ReadFailure> {
    let mut auth = RecordedAuth {
        users: rows(database, bucket::AUTH_USERS, |_, user| User::decode(user.clone()).ok())?,
        roles: rows(database, bucket::AUTH_ROLES, |_, role| Role::decode(role.clone()).ok())?,
        ..RecordedAuth::default()
    };
    let Some(found) = database.bucket(bucket::AUTH)? else { return Ok(auth) };
    auth.enabled = found.get(AUTH_ENABLED)?.map(|value| value[..] == [1]);
    if let Some(revision) = found.get(AUTH_REVISION)? {
        let damaged = || ReadFailure::Corrupt("the revision of users and roles is damaged".into());
        auth.revision = u64::from_be_bytes(revision[..].try_into().map_err(|_| damaged())?);
    }
    Ok(auth)
}

fn lease(_key: &Bytes, value: &Bytes) -> Option<(LeaseId, i64, i64)> {
    let lease = leasepb::Lease::decode(value.clone()).ok()?;
    Some((LeaseId(lease.id), lease.ttl, lease.remaining_ttl))
}

/// The last compaction that was decided, carried out or not; -1 for none.
fn compaction<S: ReadAt<Error = DiskError>>(database: &Database<S>) -> Result<i64, ReadFailure> {
    let Some(meta) = database.bucket(bucket::META)? else { return Ok(-1) };
    let mut last = -1;
    for key in [meta_key::SCHEDULED_COMPACTION, meta_key::FINISHED_COMPACTION] {
        let Some(value) = meta.get(key)? else { continue };
        let revision = RevisionKey::decode(&value).ok_or_else(|| {
            ReadFailure::Corrupt("a compaction in the snapshot file is no revision".into())
        })?;
        last = last.max(revision.main);
    }
    Ok(last)
}

fn cluster_version<S: ReadAt<Error = DiskError>>(
    database: &Database<S>,
) -> Result<String, ReadFailure> {
    let Some(cluster) = database.bucket(bucket::CLUSTER)? else { return Ok(String::new()) };
    let version = cluster.get(cluster_key::VERSION)?.unwrap_or_default();
    let damaged = || ReadFailure::Corrupt("the cluster version is no text".into());
    String::from_utf8(version.to_vec()).map_err(|_| damaged())
}

fn downgrade<S: ReadAt<Error = DiskError>>(
    database: &Database<S>,
) -> Result<Option<Downgrade>, ReadFailure> {
    let Some(cluster) = database.bucket(bucket::CLUSTER)? else { return Ok(None) };
    let Some(json) = cluster.get(cluster_key::DOWNGRADE)? else { return Ok(None) };
    match Downgrade::from_json(&json) {
        Some(downgrade) => Ok(Some(downgrade)),
        None => Err(ReadFailure::Corrupt("the downgrade in the snapshot file is damaged".into())),
    }
}

/// All entries of a bucket, each read by `read`; `None` from it is a damaged entry.
fn rows<S: ReadAt<Error = DiskError>, T>(
    database: &Database<S>,
    name: &[u8],
    read: impl Fn(&Bytes, &Bytes) -> Option<T>,
) -> Result<Vec<T>, ReadFailure> {
    let found: Option<Bucket<'_, S>> = database.bucket(name)?;
    let mut rows = Vec::new();
    for entry in found.into_iter().flat_map(|bucket| bucket.entries()) {
        let entry = entry?;
        rows.push(read(&entry.key, &entry.value).ok_or_else(|| {
            let name = String::from_utf8_lossy(name);
            ReadFailure::Corrupt(format!("entry {:02x?} of bucket {name} is damaged", entry.key))
        })?);
    }
    Ok(rows)
}
