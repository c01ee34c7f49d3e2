//! What the backend records beside the revisions: every other bucket, and up to which entry.
//!
//! All of it goes into one keyspace and, for one cut, into one batch (BK2), so that after a crash
//! the record is that of exactly one entry boundary.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use base::{Index, LeaseId, MemberId, Term};
use bytes::{BufMut, Bytes, BytesMut};
use mvcc::{BackendError, BackendSnapshot, Change};
use prost::Message;
use proto::{authpb, leasepb};

use crate::auth::RecordedAuth;
use crate::downgrade::Downgrade;
use crate::lease::Lease;
use crate::membership::Member;

/// The keyspace of the record.
pub const KEYSPACE: &str = "meta";

/// The applied entry: index, term (16 bytes, big endian), then the chain of answers (8 bytes).
const APPLIED: &[u8] = b"applied";
/// The Raft configuration in force, as `raftpb.ConfState`.
const CONFIGURATION: &[u8] = b"configuration";
/// The cluster version in text.
const CLUSTER_VERSION: &[u8] = b"cluster-version";
/// A downgrade, as etcd's JSON.
const DOWNGRADE: &[u8] = b"downgrade";
/// The scheduled compaction revision, 8 bytes, big endian.
const COMPACTION: &[u8] = b"compaction";
/// The store's revision, 8 bytes, big endian.
const REVISION: &[u8] = b"revision";
/// Whether authentication is on, one byte; missing until it was switched for the first time.
const AUTH_ENABLED: &[u8] = b"auth-enabled";
/// The revision of users and roles, 8 bytes, big endian; missing until the first change or install.
const AUTH_REVISION: &[u8] = b"auth-revision";

const LEASE: u8 = b'l';
const MEMBER: u8 = b'm';
const REMOVED: u8 = b'r';
const ALARM: u8 = b'a';
/// A user: the name, and `authpb.User`.
const USER: u8 = b'u';
/// A role: the name, and `authpb.Role`.
const ROLE: u8 = b'o';

/// What a record says; a fresh backend says the default.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorded {
    /// The last applied entry.
    pub index: Index,
    /// Its term.
    pub term: Term,
    /// The chain of answers up to it.
    pub chain: u64,
    /// The Raft configuration in force, encoded `raftpb.ConfState`.
    pub configuration: Bytes,
    /// `X.Y.0`, or empty.
    pub cluster_version: String,
    /// A downgrade; `None` before the first.
    pub downgrade: Option<Downgrade>,
    /// The store's revision; zero in a fresh record.
    pub revision: i64,
    /// The scheduled compaction; -1 for none.
    pub compaction: i64,
    /// Leases: id, time to live, what remains by checkpoint.
    pub leases: Vec<(LeaseId, i64, i64)>,
    /// Members.
    pub members: Vec<Member>,
    /// Removed ids.
    pub removed: Vec<MemberId>,
    /// Alarms: kind and member.
    pub alarms: Vec<(i32, MemberId)>,
    /// Users, roles and whether they count.
    pub auth: RecordedAuth,
}

/// Why a record cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RecordError {
    /// The backend failed.
    Backend(BackendError),
    /// A value is not in the format that this version writes.
    Damaged(String),
}

impl fmt::Display for RecordError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RecordError::Backend(error) => error.fmt(f),
            RecordError::Damaged(key) => write!(f, "the record of {key} is damaged"),
        }
    }
}

impl core::error::Error for RecordError {}

fn put(key: &[u8], value: impl Into<Bytes>) -> Change {
    Change::Put { keyspace: KEYSPACE, key: Bytes::copy_from_slice(key), value: value.into() }
}

fn prefixed(prefix: u8, id: u64) -> Bytes {
    let mut key = BytesMut::with_capacity(9);
    key.put_u8(prefix);
    key.put_u64(id);
    key.freeze()
}

/// The record of an entry boundary.
pub(crate) fn applied(index: Index, term: Term, chain: u64, revision: i64) -> [Change; 2] {
    let mut value = BytesMut::with_capacity(24);
    value.put_u64(index.get());
    value.put_u64(term.get());
    value.put_u64(chain);
    [put(APPLIED, value), put(REVISION, Bytes::copy_from_slice(&revision.to_be_bytes()))]
}

pub(crate) fn configuration(encoded: Bytes) -> Change {
    put(CONFIGURATION, encoded)
}

pub(crate) fn cluster_version(version: &str) -> Change {
    put(CLUSTER_VERSION, Bytes::copy_from_slice(version.as_bytes()))
}

pub(crate) fn downgrade(downgrade: &Downgrade) -> Change {
    put(DOWNGRADE, downgrade.to_json())
}

pub(crate) fn compaction(revision: i64) -> Change {
    put(COMPACTION, Bytes::copy_from_slice(&revision.to_be_bytes()))
}

pub(crate) fn lease(id: LeaseId, lease: &Lease) -> Change {
    lease_row(id, lease.ttl_seconds, lease.remaining_seconds)
}

fn lease_row(id: LeaseId, ttl: i64, remaining_ttl: i64) -> Change {
    let message = leasepb::Lease { id: id.get(), ttl, remaining_ttl };
    let key = prefixed(LEASE, id.get() as u64);
    Change::Put { keyspace: KEYSPACE, key, value: message.encode_to_vec().into() }
}

pub(crate) fn lease_gone(id: LeaseId) -> Change {
    Change::Delete { keyspace: KEYSPACE, key: prefixed(LEASE, id.get() as u64) }
}

pub(crate) fn member(member: &Member) -> Change {
    let value = serde_json::to_vec(member).expect("a member is plain text and numbers");
    Change::Put { keyspace: KEYSPACE, key: prefixed(MEMBER, member.id), value: value.into() }
}

pub(crate) fn member_removed(id: MemberId) -> [Change; 2] {
    [
        Change::Delete { keyspace: KEYSPACE, key: prefixed(MEMBER, id.get()) },
        Change::Put { keyspace: KEYSPACE, key: prefixed(REMOVED, id.get()), value: Bytes::new() },
    ]
}

fn alarm_key(kind: i32, id: MemberId) -> Bytes {
    let mut key = BytesMut::with_capacity(13);
    key.put_u8(ALARM);
    key.put_i32(kind);
    key.put_u64(id.get());
    key.freeze()
}

pub(crate) fn alarm(kind: i32, id: MemberId, active: bool) -> Change {
    let key = alarm_key(kind, id);
    match active {
        true => Change::Put { keyspace: KEYSPACE, key, value: Bytes::new() },
        false => Change::Delete { keyspace: KEYSPACE, key },
    }
}

pub(crate) fn auth_enabled(on: bool) -> Change {
    put(AUTH_ENABLED, Bytes::copy_from_slice(&[u8::from(on)]))
}

pub(crate) fn auth_revision(revision: u64) -> Change {
    put(AUTH_REVISION, Bytes::copy_from_slice(&revision.to_be_bytes()))
}

fn named(prefix: u8, name: &[u8]) -> Bytes {
    let mut key = BytesMut::with_capacity(1 + name.len());
    key.put_u8(prefix);
    key.put_slice(name);
    key.freeze()
}

pub(crate) fn user(user: &authpb::User) -> Change {
    let key = named(USER, &user.name);
    Change::Put { keyspace: KEYSPACE, key, value: user.encode_to_vec().into() }
}

pub(crate) fn user_gone(name: &str) -> Change {
    Change::Delete { keyspace: KEYSPACE, key: named(USER, name.as_bytes()) }
}

pub(crate) fn role(role: &authpb::Role) -> Change {
    let key = named(ROLE, &role.name);
    Change::Put { keyspace: KEYSPACE, key, value: role.encode_to_vec().into() }
}

pub(crate) fn role_gone(name: &str) -> Change {
    Change::Delete { keyspace: KEYSPACE, key: named(ROLE, name.as_bytes()) }
}

/// The changes that make the record say this and nothing else.
///
/// # Errors
/// The backend failed.
pub fn replace<S: BackendSnapshot>(
    snapshot: &S,
    recorded: &Recorded,
) -> Result<Vec<Change>, BackendError> {
    let mut changes = all(recorded);
    let written: BTreeSet<Bytes> = changes
        .iter()
        .map(|change| match change {
            Change::Put { key, .. } | Change::Delete { key, .. } => key.clone(),
        })
        .collect();
    for item in snapshot.scan(KEYSPACE, b"", None) {
        let (key, _) = item?;
        if !written.contains(&key) {
            changes.push(Change::Delete { keyspace: KEYSPACE, key });
        }
    }
    Ok(changes)
}

/// Every row of a record.
fn all(recorded: &Recorded) -> Vec<Change> {
    let position = applied(recorded.index, recorded.term, recorded.chain, recorded.revision);
    let mut changes = Vec::from(position);
    if !recorded.configuration.is_empty() {
        changes.push(configuration(recorded.configuration.clone()));
    }
    if !recorded.cluster_version.is_empty() {
        changes.push(cluster_version(&recorded.cluster_version));
    }
    changes.extend(recorded.downgrade.as_ref().map(downgrade));
    if recorded.compaction >= 0 {
        changes.push(compaction(recorded.compaction));
    }
    for &(id, ttl_seconds, remaining_seconds) in &recorded.leases {
        changes.push(lease_row(id, ttl_seconds, remaining_seconds));
    }
    changes.extend(recorded.members.iter().map(member));
    for &id in &recorded.removed {
        let [_, remembered] = member_removed(id);
        changes.push(remembered);
    }
    changes.extend(recorded.alarms.iter().map(|&(kind, id)| alarm(kind, id, true)));
    let auth = &recorded.auth;
    changes.extend(auth.enabled.map(auth_enabled));
    changes.push(auth_revision(auth.revision));
    changes.extend(auth.users.iter().map(user));
    changes.extend(auth.roles.iter().map(role));
    changes
}

/// Reads the whole record.
///
/// # Errors
/// The backend failed, or a value is damaged.
pub fn read<S: BackendSnapshot>(snapshot: &S) -> Result<Recorded, RecordError> {
    let mut recorded = Recorded { compaction: -1, ..Recorded::default() };
    for item in snapshot.scan(KEYSPACE, b"", None) {
        let (key, value) = item.map_err(RecordError::Backend)?;
        let read = read_one(&mut recorded, &key, &value);
        read.ok_or_else(|| RecordError::Damaged(alloc::format!("{key:?}")))?;
    }
    Ok(recorded)
}

fn read_one(recorded: &mut Recorded, key: &[u8], value: &Bytes) -> Option<()> {
    match key {
        APPLIED => {
            let word = |at: usize| value.get(at..at + 8)?.try_into().ok().map(u64::from_be_bytes);
            recorded.index = Index(word(0)?);
            recorded.term = Term(word(8)?);
            recorded.chain = word(16)?;
        }
        REVISION => recorded.revision = i64::from_be_bytes(value[..].try_into().ok()?),
        COMPACTION => recorded.compaction = i64::from_be_bytes(value[..].try_into().ok()?),
        CONFIGURATION => recorded.configuration = value.clone(),
        AUTH_ENABLED => recorded.auth.enabled = Some(value[..] == [1]),
        AUTH_REVISION => {
            recorded.auth.revision = u64::from_be_bytes(value[..].try_into().ok()?);
        }
        CLUSTER_VERSION => recorded.cluster_version = String::from_utf8(value.to_vec()).ok()?,
        DOWNGRADE => recorded.downgrade = Some(Downgrade::from_json(value)?),
        _ => read_numbered(recorded, *key.first()?, key.get(1..)?, value)?,
    }
    Some(())
}

fn read_numbered(recorded: &mut Recorded, kind: u8, id: &[u8], value: &Bytes) -> Option<()> {
    let number = |bytes: &[u8]| bytes.try_into().ok().map(u64::from_be_bytes);
    match kind {
        LEASE => {
            let lease = leasepb::Lease::decode(value.clone()).ok()?;
            recorded.leases.push((LeaseId(lease.id), lease.ttl, lease.remaining_ttl));
        }
        MEMBER => recorded.members.push(serde_json::from_slice(value).ok()?),
        REMOVED => recorded.removed.push(MemberId(number(id)?)),
        ALARM => {
            let kind = i32::from_be_bytes(id.get(..4)?.try_into().ok()?);
            recorded.alarms.push((kind, MemberId(number(id.get(4..)?)?)));
        }
        USER => recorded.auth.users.push(authpb::User::decode(value.clone()).ok()?),
        ROLE => recorded.auth.roles.push(authpb::Role::decode(value.clone()).ok()?),
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;
    use mvcc::Backend;
    use mvcc::memory::MemoryBackend;

    fn recorded(index: u64) -> Recorded {
        let member = |id| Member { id, ..Member::default() };
        Recorded {
            index: Index(index),
            term: Term(3),
            chain: 7,
            configuration: Bytes::from_static(b"\x08\x01"),
            cluster_version: "3.7.0".into(),
            downgrade: Some(Downgrade::set(index == 8, "3.6.0")),
            revision: 12,
            compaction: 5,
            leases: vec![(LeaseId(1), 10, 0), (LeaseId(index as i64), 20, 5)],
            members: vec![member(1), member(index)],
            removed: vec![MemberId(100 + index)],
            alarms: vec![(1, MemberId(index))],
            auth: RecordedAuth {
                enabled: (index > 8).then_some(true),
                revision: index,
                users: vec![authpb::User {
                    name: Bytes::from(index.to_string()),
                    password: Bytes::from_static(b"hash"),
                    roles: vec!["r".into()],
                    options: Some(authpb::UserAddOptions::default()),
                }],
                roles: vec![authpb::Role { name: Bytes::from_static(b"r"), ..Default::default() }],
            },
        }
    }

    #[test]
    fn a_replaced_record_says_the_new_and_nothing_else() {
        let backend = MemoryBackend::new();
        backend.create(KEYSPACE).expect("in memory");
        for index in [8, 9] {
            let snapshot = backend.snapshot().expect("in memory");
            let changes = replace(&snapshot, &recorded(index)).expect("in memory");
            backend.commit(changes).expect("in memory");
            let found = read(&backend.snapshot().expect("in memory"));
            assert_eq!(found, Ok(recorded(index)));
        }
    }
}
