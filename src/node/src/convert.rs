//! Configuration changes between their forms: `raftpb` in the log, [`MemberChange`] for the member
//! list, [`raft::ConfChange`] for the core.

use base::MemberId;
use bytes::Bytes;
use prost::Message;
use proto::raftpb;
use raft::{ConfChange, ConfChangeKind, ConfChangeStep, ConfState, EntryKind, Transition};
use state::{ChangeContext, MemberChange};

/// What the core needs of a configuration entry; `None` when it cannot be decoded.
#[must_use]
pub fn decode_change(kind: EntryKind, data: &[u8]) -> Option<ConfChange> {
    match kind {
        EntryKind::Normal => None,
        EntryKind::ConfChange => {
            let change = raftpb::ConfChange::decode(data).ok()?;
            let step = step(change.r#type(), change.node_id())?;
            Some(ConfChange { transition: Transition::Auto, steps: vec![step] })
        }
        EntryKind::ConfChangeV2 => decode_change_v2(data),
    }
}

fn decode_change_v2(data: &[u8]) -> Option<ConfChange> {
    let change = raftpb::ConfChangeV2::decode(data).ok()?;
    let transition = match change.transition() {
        raftpb::ConfChangeTransition::Auto => Transition::Auto,
        raftpb::ConfChangeTransition::JointImplicit => Transition::JointImplicit,
        raftpb::ConfChangeTransition::JointExplicit => Transition::JointExplicit,
    };
    let steps = change.changes.iter().map(|single| step(single.r#type(), single.node_id()));
    Some(ConfChange { transition, steps: steps.collect::<Option<Vec<_>>>()? })
}

fn step(kind: raftpb::ConfChangeType, member: u64) -> Option<ConfChangeStep> {
    let kind = match kind {
        raftpb::ConfChangeType::ConfChangeAddNode => ConfChangeKind::AddVoter,
        raftpb::ConfChangeType::ConfChangeRemoveNode => ConfChangeKind::RemoveMember,
        raftpb::ConfChangeType::ConfChangeUpdateNode => ConfChangeKind::UpdateMember,
        raftpb::ConfChangeType::ConfChangeAddLearnerNode => ConfChangeKind::AddLearner,
    };
    Some(ConfChangeStep { kind, member: MemberId(member) })
}

/// The kind of an entry as `raftpb.EntryType` numbers it.
#[must_use]
pub fn entry_kind(kind: EntryKind) -> i32 {
    match kind {
        EntryKind::Normal => 0,
        EntryKind::ConfChange => 1,
        EntryKind::ConfChangeV2 => 2,
    }
}

/// The kind behind a number of `raftpb.EntryType`; `None` for an unknown one.
#[must_use]
pub fn entry_kind_of(number: i32) -> Option<EntryKind> {
    match number {
        0 => Some(EntryKind::Normal),
        1 => Some(EntryKind::ConfChange),
        2 => Some(EntryKind::ConfChangeV2),
        _ => None,
    }
}

/// A change that the core counts as applied and that alters nothing: it names no member.
#[must_use]
pub fn without_effect() -> ConfChange {
    let step = ConfChangeStep { kind: ConfChangeKind::UpdateMember, member: MemberId::ZERO };
    ConfChange { transition: Transition::Auto, steps: vec![step] }
}

/// The payload of the entry that proposes a member change under a request id.
#[must_use]
pub fn encode_change(id: u64, change: &MemberChange) -> Bytes {
    use raftpb::ConfChangeType as Kind;
    let (kind, context) = match change {
        MemberChange::Add(member) if member.is_learner => {
            (Kind::ConfChangeAddLearnerNode, context(member.clone(), false))
        }
        MemberChange::Add(member) => (Kind::ConfChangeAddNode, context(member.clone(), false)),
        MemberChange::Promote(id) => {
            let member = state::Member { id: id.get(), ..state::Member::default() };
            (Kind::ConfChangeAddNode, context(member, true))
        }
        MemberChange::Remove(_) => (Kind::ConfChangeRemoveNode, Vec::new()),
        MemberChange::Update(member) => {
            (Kind::ConfChangeUpdateNode, context(member.clone(), false))
        }
    };
    let message = raftpb::ConfChange {
        id: Some(id),
        r#type: Some(kind as i32),
        node_id: Some(change.id().get()),
        context: (!context.is_empty()).then(|| Bytes::from(context)),
    };
    Bytes::from(message.encode_to_vec())
}

fn context(member: state::Member, is_promote: bool) -> Vec<u8> {
    let context = ChangeContext { member, is_promote };
    serde_json::to_vec(&context).expect("a member is plain text and numbers")
}

/// The request id and the member change of a configuration entry; `None` when it is not one that
/// this version understands.
#[must_use]
pub fn member_change(data: &[u8]) -> Option<(u64, MemberChange)> {
    let change = raftpb::ConfChange::decode(data).ok()?;
    let id = MemberId(change.node_id());
    let context = || serde_json::from_slice::<ChangeContext>(change.context()).ok();
    let member_change = match change.r#type() {
        raftpb::ConfChangeType::ConfChangeRemoveNode => MemberChange::Remove(id),
        raftpb::ConfChangeType::ConfChangeUpdateNode => MemberChange::Update(context()?.member),
        raftpb::ConfChangeType::ConfChangeAddNode
        | raftpb::ConfChangeType::ConfChangeAddLearnerNode => {
            let ChangeContext { mut member, is_promote } = context()?;
            member.is_learner = change.r#type() == raftpb::ConfChangeType::ConfChangeAddLearnerNode;
            match is_promote {
                true => MemberChange::Promote(id),
                false => MemberChange::Add(member),
            }
        }
    };
    Some((change.id(), member_change))
}

/// The configuration in the form of the log and the snapshot file.
#[must_use]
pub fn conf_state_message(state: &ConfState) -> raftpb::ConfState {
    let ids = |members: &[MemberId]| members.iter().map(|id| id.get()).collect();
    raftpb::ConfState {
        voters: ids(&state.voters),
        learners: ids(&state.learners),
        voters_outgoing: ids(&state.voters_outgoing),
        learners_next: ids(&state.learners_next),
        auto_leave: Some(state.auto_leave),
    }
}

/// The configuration from the form of the log and the snapshot file.
#[must_use]
pub fn conf_state(message: &raftpb::ConfState) -> ConfState {
    let ids = |ids: &[u64]| {
        let mut members: Vec<MemberId> = ids.iter().copied().map(MemberId).collect();
        members.sort_unstable();
        members
    };
    ConfState {
        voters: ids(&message.voters),
        voters_outgoing: ids(&message.voters_outgoing),
        learners: ids(&message.learners),
        learners_next: ids(&message.learners_next),
        auto_leave: message.auto_leave.unwrap_or(false),
    }
}
