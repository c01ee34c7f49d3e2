//! What a snapshot contains: all state at one entry boundary (BK8), and the rows of etcd's buckets
//! that it becomes.
//!
//! Leases, members, alarms and versions are few and copied; the keys are a view, which costs
//! nothing to take and does not change while the file is made from it.

use bbolt::etcd_layout::{ConfState, RevisionKey, bucket, cluster_key, meta_key};
use bytes::Bytes;
use mvcc::{Backend, BackendSnapshot, View};
use prost::Message;
use proto::etcdserverpb::AlarmMember;
use proto::{leasepb, raftpb};
use state::{Machine, Recorded};
use tokio::sync::{mpsc, oneshot};

use crate::api::Snapshot;
use crate::applier::Work;
use crate::env::Env;
use crate::version;

/// Entries of one bucket, in the order of their keys.
pub(crate) type Rows = Vec<(Bytes, Bytes)>;

/// Keys of the bucket `auth`: one byte, and 8 bytes big-endian.
pub(crate) const AUTH_ENABLED: &[u8] = b"authEnabled";
pub(crate) const AUTH_REVISION: &[u8] = b"authRevision";

/// All state at one entry boundary.
pub(crate) struct Content<S> {
    /// Everything but the keys.
    pub recorded: Recorded,
    /// The keys.
    pub keys: View<S>,
}

impl<S: BackendSnapshot> Content<S> {
    fn of<B: Backend<Snapshot = S>>(machine: &Machine<B>) -> Content<S> {
        Content { recorded: machine.recorded(), keys: machine.store().image() }
    }

    /// The version of the file's layout.
    pub(crate) fn storage_version(&self) -> String {
        version::storage(&self.recorded.cluster_version).to_string()
    }

    /// The rows of a bucket; none for that of the keys, which are many and come from the view.
    pub(crate) fn rows(&self, name: &[u8]) -> Rows {
        let mut rows = match name {
            bucket::ALARM => self.alarms(),
            bucket::AUTH => self.auth(),
            bucket::AUTH_ROLES => self.roles(),
            bucket::AUTH_USERS => self.users(),
            bucket::CLUSTER => self.cluster(),
            bucket::LEASE => self.leases(),
            bucket::MEMBERS => self.members(),
            bucket::MEMBERS_REMOVED => self.removed(),
            bucket::META => self.meta(),
            _ => Rows::new(),
        };
        rows.sort_unstable();
        rows
    }

    fn alarms(&self) -> Rows {
        let row = |&(alarm, member): &(i32, base::MemberId)| {
            let message = AlarmMember { member_id: member.get(), alarm };
            (message.encode_to_vec().into(), Bytes::new())
        };
        self.recorded.alarms.iter().map(row).collect()
    }

    fn auth(&self) -> Rows {
        let auth = &self.recorded.auth;
        let mut rows = vec![(Bytes::from_static(AUTH_REVISION), word(auth.revision))];
        if let Some(on) = auth.enabled {
            let value = Bytes::copy_from_slice(&[u8::from(on)]);
            rows.push((Bytes::from_static(AUTH_ENABLED), value));
        }
        rows
    }

    fn roles(&self) -> Rows {
        let roles = self.recorded.auth.roles.iter();
        roles.map(|role| (role.name.clone(), role.encode_to_vec().into())).collect()
    }

    fn users(&self) -> Rows {
        let users = self.recorded.auth.users.iter();
        users.map(|user| (user.name.clone(), user.encode_to_vec().into())).collect()
    }

    fn cluster(&self) -> Rows {
        let Recorded { cluster_version, downgrade, .. } = &self.recorded;
        let mut rows = Vec::new();
        if !cluster_version.is_empty() {
            rows.push((cluster_key::VERSION, Bytes::from(cluster_version.clone())));
        }
        rows.extend(downgrade.as_ref().map(|it| (cluster_key::DOWNGRADE, it.to_json().into())));
        rows.into_iter().map(|(key, value)| (Bytes::from_static(key), value)).collect()
    }

    fn leases(&self) -> Rows {
        let row = |&(id, ttl, remaining_ttl): &(base::LeaseId, i64, i64)| {
            let message = leasepb::Lease { id: id.get(), ttl, remaining_ttl };
            (word(id.get() as u64), message.encode_to_vec().into())
        };
        self.recorded.leases.iter().map(row).collect()
    }

    fn members(&self) -> Rows {
        let row = |member: &state::Member| {
            let value = serde_json::to_vec(member).expect("a member is plain text and numbers");
            (member.member_id().to_string().into(), value.into())
        };
        self.recorded.members.iter().map(row).collect()
    }

    fn removed(&self) -> Rows {
        let row = |id: &base::MemberId| (id.to_string().into(), Bytes::from_static(b"removed"));
        self.recorded.removed.iter().map(row).collect()
    }

    /// Where the log stands. Dead revisions are never written, so a compaction that was decided is
    /// one that was carried out.
    fn meta(&self) -> Rows {
        let recorded = &self.recorded;
        let mut rows = vec![
            (meta_key::CONSISTENT_INDEX, word(recorded.index.get())),
            (meta_key::TERM, word(recorded.term.get())),
        ];
        if let Ok(message) = raftpb::ConfState::decode(recorded.configuration.clone())
            && !recorded.configuration.is_empty()
        {
            rows.push((meta_key::CONF_STATE, conf_state(message).encode().into()));
        }
        if recorded.compaction >= 0 {
            let (key, len) = RevisionKey::new(recorded.compaction, 0).encode();
            let revision = Bytes::copy_from_slice(&key[..len]);
            rows.push((meta_key::SCHEDULED_COMPACTION, revision.clone()));
            rows.push((meta_key::FINISHED_COMPACTION, revision));
        }
        let version = self.storage_version();
        if !version.is_empty() {
            rows.push((meta_key::STORAGE_VERSION, version.into()));
        }
        rows.into_iter().map(|(key, value)| (Bytes::from_static(key), value)).collect()
    }
}

fn word(number: u64) -> Bytes {
    Bytes::copy_from_slice(&number.to_be_bytes())
}

/// The configuration in the form of the file.
pub(crate) fn conf_state(message: raftpb::ConfState) -> ConfState {
    ConfState {
        voters: message.voters,
        learners: message.learners,
        voters_outgoing: message.voters_outgoing,
        learners_next: message.learners_next,
        auto_leave: message.auto_leave.unwrap_or(false),
    }
}

/// Asks the applier for the state between two batches; `None` when the member stops.
pub(crate) async fn capture<E: Env>(
    applier: &mpsc::UnboundedSender<Work<E>>,
) -> Option<Content<Snapshot<E>>> {
    let (answer, captured) = oneshot::channel();
    let query = Box::new(move |machine: &mut Machine<E::Backend>| {
        let _gone = answer.send(Content::of(machine));
    });
    applier.send(Work::Query(query)).ok()?;
    captured.await.ok()
}
