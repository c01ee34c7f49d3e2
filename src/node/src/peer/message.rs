//! Raft messages between the core's form and raftpb's.
//!
//! Fields that etcd-raft leaves unset are left out; fields that a peer leaves out, or writes as
//! zero, read the same. A read's context travels as the payload of a first entry, as etcd has it.

use base::{Index, MemberId, Term};
use bytes::Bytes;
use prost::Message as _;
use proto::raftpb;
use proto::raftpb::MessageType as Type;
use raft::{Body, Entry, EntryKind, Message, RejectHint, SnapshotMeta};

use super::error::PeerCodecError;
use crate::convert::{conf_state, conf_state_message, entry_kind, entry_kind_of};

/// The context of a vote request of a leadership transfer.
const CAMPAIGN_TRANSFER: &[u8] = b"CampaignTransfer";

/// Encodes a message.
#[must_use]
pub fn encode_message(message: &Message) -> Vec<u8> {
    to_wire(message).encode_to_vec()
}

/// Decodes a message; payloads share the buffer.
///
/// # Errors
/// The bytes are no message between members.
pub fn decode_message(bytes: Bytes) -> Result<Message, PeerCodecError> {
    from_wire(decode(bytes)?)
}

pub(super) fn decode(bytes: Bytes) -> Result<raftpb::Message, PeerCodecError> {
    raftpb::Message::decode(bytes).map_err(|error| PeerCodecError::Malformed(error.to_string()))
}

/// A message in raftpb's form.
#[must_use]
pub fn to_wire(message: &Message) -> raftpb::Message {
    let mut wire = body_to_wire(&message.body);
    wire.to = Some(message.to.get());
    // A transfer names its target as its sender, and so reaches the leader through any member.
    wire.from = wire.from.or(Some(message.from.get()));
    wire.term = nonzero(message.term.get());
    wire
}

fn wire_of(kind: Type) -> raftpb::Message {
    raftpb::Message { r#type: Some(kind as i32), ..raftpb::Message::default() }
}

fn body_to_wire(body: &Body) -> raftpb::Message {
    match body {
        Body::Append { prev_index, prev_term, entries, commit } => raftpb::Message {
            log_term: nonzero(prev_term.get()),
            index: nonzero(prev_index.get()),
            entries: entries.iter().map(entry_to_wire).collect(),
            commit: nonzero(commit.get()),
            ..wire_of(Type::MsgApp)
        },
        Body::AppendReply { index, reject } => append_reply_to_wire(*index, *reject),
        Body::Vote { last_index, last_term, force } => raftpb::Message {
            index: nonzero(last_index.get()),
            log_term: nonzero(last_term.get()),
            context: force.then_some(Bytes::from_static(CAMPAIGN_TRANSFER)),
            ..wire_of(Type::MsgVote)
        },
        Body::PreVote { last_index, last_term } => raftpb::Message {
            index: nonzero(last_index.get()),
            log_term: nonzero(last_term.get()),
            ..wire_of(Type::MsgPreVote)
        },
        Body::VoteReply { granted } => {
            raftpb::Message { reject: (!granted).then_some(true), ..wire_of(Type::MsgVoteResp) }
        }
        Body::PreVoteReply { granted } => {
            raftpb::Message { reject: (!granted).then_some(true), ..wire_of(Type::MsgPreVoteResp) }
        }
        Body::Heartbeat { commit, context } => raftpb::Message {
            commit: nonzero(commit.get()),
            context: present(context),
            ..wire_of(Type::MsgHeartbeat)
        },
        Body::HeartbeatReply { context } => {
            raftpb::Message { context: present(context), ..wire_of(Type::MsgHeartbeatResp) }
        }
        Body::Snapshot { meta, data } => snapshot_to_wire(meta, data),
        Body::Propose { entries } => raftpb::Message {
            entries: entries.iter().map(|(kind, data)| proposed(*kind, data)).collect(),
            ..wire_of(Type::MsgProp)
        },
        Body::ReadIndex { context } => raftpb::Message {
            entries: vec![proposed(EntryKind::Normal, context)],
            ..wire_of(Type::MsgReadIndex)
        },
        Body::ReadIndexReply { index, context } => raftpb::Message {
            index: nonzero(index.get()),
            entries: vec![proposed(EntryKind::Normal, context)],
            ..wire_of(Type::MsgReadIndexResp)
        },
        Body::TransferLeader { transferee } => {
            raftpb::Message { from: Some(transferee.get()), ..wire_of(Type::MsgTransferLeader) }
        }
        Body::TimeoutNow => wire_of(Type::MsgTimeoutNow),
        Body::ForgetLeader => wire_of(Type::MsgForgetLeader),
    }
}

/// etcd leaves zeros out as well.
fn nonzero(value: u64) -> Option<u64> {
    (value != 0).then_some(value)
}

fn present(bytes: &Bytes) -> Option<Bytes> {
    (!bytes.is_empty()).then(|| bytes.clone())
}

fn append_reply_to_wire(index: Index, reject: Option<RejectHint>) -> raftpb::Message {
    let mut wire = raftpb::Message { index: nonzero(index.get()), ..wire_of(Type::MsgAppResp) };
    if let Some(RejectHint { hint_index, hint_term }) = reject {
        wire.reject = Some(true);
        wire.reject_hint = Some(hint_index.get());
        wire.log_term = Some(hint_term.get());
    }
    wire
}

fn snapshot_to_wire(meta: &SnapshotMeta, data: &Bytes) -> raftpb::Message {
    let metadata = raftpb::SnapshotMetadata {
        conf_state: Some(conf_state_message(&meta.conf_state)),
        index: Some(meta.index.get()),
        term: Some(meta.term.get()),
    };
    let snapshot = raftpb::Snapshot { data: present(data), metadata: Some(metadata) };
    raftpb::Message { snapshot: Some(snapshot), ..wire_of(Type::MsgSnap) }
}

fn proposed(kind: EntryKind, data: &Bytes) -> raftpb::Entry {
    raftpb::Entry {
        r#type: kind_to_wire(kind),
        data: Some(data.clone()),
        ..raftpb::Entry::default()
    }
}

fn kind_to_wire(kind: EntryKind) -> Option<i32> {
    (kind != EntryKind::Normal).then(|| entry_kind(kind))
}

pub(super) fn entry_to_wire(entry: &Entry) -> raftpb::Entry {
    raftpb::Entry {
        term: Some(entry.term.get()),
        index: Some(entry.index.get()),
        r#type: kind_to_wire(entry.kind),
        data: present(&entry.data),
    }
}

pub(super) fn entry_from_wire(wire: raftpb::Entry) -> Result<Entry, PeerCodecError> {
    Ok(Entry {
        term: Term(wire.term()),
        index: Index(wire.index()),
        kind: kind_from_wire(&wire)?,
        data: wire.data.unwrap_or_default(),
    })
}

fn kind_from_wire(wire: &raftpb::Entry) -> Result<EntryKind, PeerCodecError> {
    let number = wire.r#type.unwrap_or(0);
    entry_kind_of(number).ok_or(PeerCodecError::EntryKind(number))
}

/// A message from raftpb's form.
///
/// # Errors
/// A type that does not travel between members, or one without its content.
pub fn from_wire(wire: raftpb::Message) -> Result<Message, PeerCodecError> {
    let number = wire.r#type.unwrap_or(0);
    let kind = Type::try_from(number).map_err(|_| PeerCodecError::MessageType(number))?;
    let (from, to, term) = (wire.from(), wire.to(), wire.term());
    let body = body_from_wire(kind, wire)?;
    Ok(Message { from: MemberId(from), to: MemberId(to), term: Term(term), body })
}

fn body_from_wire(kind: Type, wire: raftpb::Message) -> Result<Body, PeerCodecError> {
    let (index, log_term) = (Index(wire.index()), Term(wire.log_term()));
    let commit = Index(wire.commit());
    Ok(match kind {
        Type::MsgApp => {
            let entries = wire.entries.into_iter().map(entry_from_wire);
            let entries = contiguous(index, entries)?;
            Body::Append { prev_index: index, prev_term: log_term, entries, commit }
        }
        Type::MsgAppResp => {
            let hint_index = Index(wire.reject_hint());
            let hint = RejectHint { hint_index, hint_term: log_term };
            Body::AppendReply { index, reject: wire.reject().then_some(hint) }
        }
        Type::MsgVote => {
            let force = wire.context() == CAMPAIGN_TRANSFER;
            Body::Vote { last_index: index, last_term: log_term, force }
        }
        Type::MsgPreVote => Body::PreVote { last_index: index, last_term: log_term },
        Type::MsgVoteResp => Body::VoteReply { granted: !wire.reject() },
        Type::MsgPreVoteResp => Body::PreVoteReply { granted: !wire.reject() },
        Type::MsgHeartbeat => Body::Heartbeat { commit, context: wire.context.unwrap_or_default() },
        Type::MsgHeartbeatResp => {
            Body::HeartbeatReply { context: wire.context.unwrap_or_default() }
        }
        Type::MsgSnap => snapshot_from_wire(wire)?,
        Type::MsgProp => Body::Propose {
            entries: wire.entries.into_iter().map(proposed_from_wire).collect::<Result<_, _>>()?,
        },
        Type::MsgReadIndex => Body::ReadIndex { context: read_context(kind, wire)? },
        Type::MsgReadIndexResp => {
            Body::ReadIndexReply { index, context: read_context(kind, wire)? }
        }
        Type::MsgTransferLeader => Body::TransferLeader { transferee: MemberId(wire.from()) },
        Type::MsgTimeoutNow => Body::TimeoutNow,
        Type::MsgForgetLeader => Body::ForgetLeader,
        local => return Err(PeerCodecError::MessageType(local as i32)),
    })
}

fn contiguous(
    prev: Index,
    entries: impl Iterator<Item = Result<Entry, PeerCodecError>>,
) -> Result<Vec<Entry>, PeerCodecError> {
    let mut last = prev.get();
    let mut checked = Vec::with_capacity(entries.size_hint().0);
    for entry in entries {
        let entry = entry?;
        let found = entry.index.get();
        if last.checked_add(1) != Some(found) {
            return Err(PeerCodecError::Gap { last, found });
        }
        last = found;
        checked.push(entry);
    }
    Ok(checked)
}

fn proposed_from_wire(wire: raftpb::Entry) -> Result<(EntryKind, Bytes), PeerCodecError> {
    Ok((kind_from_wire(&wire)?, wire.data.unwrap_or_default()))
}

fn snapshot_from_wire(wire: raftpb::Message) -> Result<Body, PeerCodecError> {
    let incomplete = || PeerCodecError::Incomplete(Type::MsgSnap as i32);
    let snapshot = wire.snapshot.ok_or_else(incomplete)?;
    let metadata = snapshot.metadata.ok_or_else(incomplete)?;
    let meta = SnapshotMeta {
        index: Index(metadata.index()),
        term: Term(metadata.term()),
        conf_state: conf_state(&metadata.conf_state.unwrap_or_default()),
    };
    Ok(Body::Snapshot { meta, data: snapshot.data.unwrap_or_default() })
}

fn read_context(kind: Type, wire: raftpb::Message) -> Result<Bytes, PeerCodecError> {
    let incomplete = PeerCodecError::Incomplete(kind as i32);
    let entry = wire.entries.into_iter().next().ok_or(incomplete)?;
    Ok(entry.data.unwrap_or_default())
}
