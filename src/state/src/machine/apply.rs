//! Entries that are requests: one function for each kind.

use alloc::string::String;
use alloc::vec::Vec;

use base::LeaseId;
use bytes::Bytes;
use mvcc::{Backend, Event};
use prost::Message;
use proto::etcdserverpb::alarm_request::AlarmAction;
use proto::etcdserverpb::{
    AlarmRequest, AlarmType, CompactionRequest, DeleteRangeRequest, InternalRaftRequest,
    LeaseCheckpointRequest, LeaseGrantRequest, LeaseRevokeRequest, PutRequest, RequestHeader,
    RequestOp, TxnRequest, request_op,
};
use proto::membershippb::{ClusterMemberAttrSetRequest, DowngradeInfoSetRequest};

use super::{Applied, Effect, Machine, member_of, request_id};
use crate::auth::{
    Identity, check_delete_range, check_lease_keys, check_put, check_range, check_txn,
};
use crate::downgrade::Downgrade;
use crate::record;
use crate::reply::{Refusal, Reply};

/// An answer with what else the request did.
pub(super) struct Done {
    pub(super) reply: Reply,
    pub(super) events: Vec<Event>,
    pub(super) effects: Vec<Effect>,
}

impl Done {
    pub(super) fn quietly(reply: Reply) -> Result<Done, Refusal> {
        Ok(Done { reply, events: Vec::new(), effects: Vec::new() })
    }

    fn with(reply: Reply, effect: Effect) -> Result<Done, Refusal> {
        Ok(Done { reply, events: Vec::new(), effects: alloc::vec![effect] })
    }
}

/// Applies a payload; an empty one is the first entry of a leader's term.
pub(super) fn apply<B: Backend>(machine: &mut Machine<B>, data: &Bytes) -> Applied {
    if data.is_empty() {
        return finish(machine, 0, Done::quietly(Reply::Nothing));
    }
    match InternalRaftRequest::decode(data.clone()) {
        Ok(request) => {
            let id = request_id(&request);
            let demand = crate::demand(machine.store.logical_bytes(), &request);
            let done = apply_request(machine, &request);
            Applied { demand, ..finish(machine, id, done) }
        }
        Err(_) => finish(machine, 0, Err(Refusal::NotSupported)),
    }
}

fn finish<B: Backend>(machine: &Machine<B>, request: u64, done: Result<Done, Refusal>) -> Applied {
    let (outcome, events, effects) = match done {
        Ok(Done { reply, events, effects }) => (Ok(reply), events, effects),
        Err(refusal) => (Err(refusal), Vec::new(), Vec::new()),
    };
    let (revision, logical_bytes) = (machine.store.revision(), machine.store.logical_bytes());
    Applied { request, outcome, revision, logical_bytes, demand: None, events, effects }
}

fn apply_request<B: Backend>(
    machine: &mut Machine<B>,
    request: &InternalRaftRequest,
) -> Result<Done, Refusal> {
    let who = identity(request);
    if let Some(put) = &request.put {
        return apply_put(machine, who, put);
    }
    if let Some(delete) = &request.delete_range {
        return apply_delete(machine, who, delete);
    }
    if let Some(txn) = &request.txn {
        return apply_txn(machine, who, txn);
    }
    if let Some(range) = &request.range {
        check_range(&machine.auth, who, &range.key, &range.range_end)?;
        let answer = machine.store.range(range)?;
        return Done::quietly(Reply::Kv(mvcc::Answer::Range(answer)));
    }
    if let Some(compaction) = &request.compaction {
        return apply_compaction(machine, compaction);
    }
    if let Some(grant) = &request.lease_grant {
        return apply_grant(machine, grant);
    }
    if let Some(revoke) = &request.lease_revoke {
        return apply_revoke(machine, who, revoke);
    }
    if let Some(checkpoint) = &request.lease_checkpoint {
        return apply_checkpoint(machine, checkpoint);
    }
    if let Some(alarm) = &request.alarm {
        return apply_alarm(machine, alarm);
    }
    if let Some(version) = &request.cluster_version_set {
        return apply_version(machine, version.ver.clone());
    }
    if let Some(attributes) = &request.cluster_member_attr_set {
        return apply_attributes(machine, attributes);
    }
    if let Some(downgrade) = &request.downgrade_info_set {
        return apply_downgrade(machine, downgrade);
    }
    super::auth::apply(machine, who, request)
}

/// Who proposed a request; nobody while no user was authenticated for it.
fn identity(request: &InternalRaftRequest) -> Identity<'_> {
    match &request.header {
        Some(RequestHeader { username, auth_revision, .. }) => {
            Identity { user: username, revision: *auth_revision }
        }
        None => Identity::default(),
    }
}

/// Writes are refused while the key space is known to be corrupt, and those that gain space also
/// while a member is out of it.
fn admit<B: Backend>(machine: &Machine<B>, gains_space: bool) -> Result<(), Refusal> {
    if machine.alarms.any(AlarmType::Corrupt) {
        return Err(Refusal::Corrupt);
    }
    if gains_space && machine.alarms.any(AlarmType::Nospace) {
        return Err(Refusal::NoSpace);
    }
    Ok(())
}

/// Keeps leases in step with the keys that changed.
fn follow<B: Backend>(machine: &mut Machine<B>, events: &[Event]) {
    for event in events {
        match event.lease() {
            Some(lease) => machine.leases.attach(event.key(), LeaseId(lease)),
            None => machine.leases.detach(event.key()),
        }
    }
}

fn apply_put<B: Backend>(
    machine: &mut Machine<B>,
    who: Identity<'_>,
    put: &PutRequest,
) -> Result<Done, Refusal> {
    admit(machine, true)?;
    check_put(&machine.auth, &machine.leases, who, put)?;
    let (answer, events) = machine.store.put(put, &machine.leases)?;
    follow(machine, &events);
    Ok(Done { reply: Reply::Kv(mvcc::Answer::Put(answer)), events, effects: Vec::new() })
}

fn apply_delete<B: Backend>(
    machine: &mut Machine<B>,
    who: Identity<'_>,
    delete: &DeleteRangeRequest,
) -> Result<Done, Refusal> {
    admit(machine, false)?;
    check_delete_range(&machine.auth, who, delete)?;
    let (answer, events) = machine.store.delete_range(delete)?;
    follow(machine, &events);
    Ok(Done { reply: Reply::Kv(mvcc::Answer::DeleteRange(answer)), events, effects: Vec::new() })
}

fn apply_txn<B: Backend>(
    machine: &mut Machine<B>,
    who: Identity<'_>,
    txn: &TxnRequest,
) -> Result<Done, Refusal> {
    admit(machine, has_put(txn))?;
    check_txn(&machine.auth, &machine.leases, who, txn)?;
    let (answer, events) = machine.store.txn(txn, &machine.leases)?;
    follow(machine, &events);
    Ok(Done { reply: Reply::Kv(mvcc::Answer::Txn(answer)), events, effects: Vec::new() })
}

/// Whether any branch of a transaction contains a put, nested ones included.
#[must_use]
pub fn has_put(txn: &TxnRequest) -> bool {
    let put_within = |op: &RequestOp| match &op.request {
        Some(request_op::Request::RequestPut(_)) => true,
        Some(request_op::Request::RequestTxn(nested)) => has_put(nested),
        _ => false,
    };
    txn.success.iter().chain(&txn.failure).any(put_within)
}

fn apply_compaction<B: Backend>(
    machine: &mut Machine<B>,
    compaction: &CompactionRequest,
) -> Result<Done, Refusal> {
    admit(machine, false)?;
    // Of a backend that cannot be read nothing may be shown; the member is about to stop.
    let before = machine.store.fault().is_none().then(|| machine.store.image());
    machine.store.compact(compaction.revision)?;
    machine.compaction = before.map(|before| (compaction.revision, before));
    machine.unrecorded.push(record::compaction(compaction.revision));
    Done::with(Reply::Kv(mvcc::Answer::Compact), Effect::Compacted(compaction.revision))
}

fn apply_grant<B: Backend>(
    machine: &mut Machine<B>,
    grant: &LeaseGrantRequest,
) -> Result<Done, Refusal> {
    admit(machine, true)?;
    let id = LeaseId(grant.id);
    machine.leases.grant(id, grant.ttl)?;
    let lease = machine.leases.get(id).expect("it was granted in the line above");
    let ttl_seconds = lease.ttl_seconds;
    machine.unrecorded.push(record::lease(id, lease));
    let effect = Effect::LeaseGranted { id, ttl_seconds };
    Done::with(Reply::LeaseGranted { id, ttl_seconds }, effect)
}

fn apply_revoke<B: Backend>(
    machine: &mut Machine<B>,
    who: Identity<'_>,
    revoke: &LeaseRevokeRequest,
) -> Result<Done, Refusal> {
    admit(machine, false)?;
    let id = LeaseId(revoke.id);
    check_lease_keys(&machine.auth, &machine.leases, who, id)?;
    let keys = machine.leases.revoke(id)?;
    let events = machine.store.delete_keys(&keys)?;
    machine.unrecorded.push(record::lease_gone(id));
    let effects = alloc::vec![Effect::LeaseRevoked(id)];
    Ok(Done { reply: Reply::LeaseRevoked { id }, events, effects })
}

fn apply_checkpoint<B: Backend>(
    machine: &mut Machine<B>,
    request: &LeaseCheckpointRequest,
) -> Result<Done, Refusal> {
    let mut effects = Vec::new();
    for checkpoint in &request.checkpoints {
        let id = LeaseId(checkpoint.id);
        machine.leases.checkpoint(id, checkpoint.remaining_ttl);
        if let Some(lease) = machine.leases.get(id) {
            machine.unrecorded.push(record::lease(id, lease));
            let remaining_seconds = checkpoint.remaining_ttl;
            effects.push(Effect::LeaseCheckpointed { id, remaining_seconds });
        }
    }
    Ok(Done { reply: Reply::Nothing, events: Vec::new(), effects })
}

fn apply_alarm<B: Backend>(
    machine: &mut Machine<B>,
    request: &AlarmRequest,
) -> Result<Done, Refusal> {
    let member = member_of(request.member_id);
    let named =
        proto::etcdserverpb::AlarmMember { member_id: request.member_id, alarm: request.alarm };
    let active = match AlarmAction::try_from(request.action) {
        Ok(AlarmAction::Get) => {
            return Done::quietly(Reply::Alarms(machine.alarms.list(request.alarm)));
        }
        Ok(AlarmAction::Activate) => true,
        Ok(AlarmAction::Deactivate) => false,
        Err(_) => return Err(Refusal::NotSupported),
    };
    if active && request.alarm == AlarmType::None as i32 {
        return Done::quietly(Reply::Alarms(Vec::new()));
    }
    let changed = match active {
        true => machine.alarms.activate(member, request.alarm),
        false => machine.alarms.deactivate(member, request.alarm),
    };
    if changed {
        machine.unrecorded.push(record::alarm(request.alarm, member, active));
        return Done::with(Reply::Alarms(alloc::vec![named]), Effect::AlarmsChanged);
    }
    // Raising an active alarm again names it; taking back an inactive one names nothing.
    Done::quietly(Reply::Alarms(if active { alloc::vec![named] } else { Vec::new() }))
}

fn apply_version<B: Backend>(machine: &mut Machine<B>, version: String) -> Result<Done, Refusal> {
    machine.unrecorded.push(record::cluster_version(&version));
    machine.cluster_version.clone_from(&version);
    Done::with(Reply::Nothing, Effect::ClusterVersion(version))
}

fn apply_downgrade<B: Backend>(
    machine: &mut Machine<B>,
    request: &DowngradeInfoSetRequest,
) -> Result<Done, Refusal> {
    let downgrade = Downgrade::set(request.enabled, &request.ver);
    machine.unrecorded.push(record::downgrade(&downgrade));
    machine.downgrade = Some(downgrade);
    Done::with(Reply::Nothing, Effect::DowngradeChanged)
}

fn apply_attributes<B: Backend>(
    machine: &mut Machine<B>,
    request: &ClusterMemberAttrSetRequest,
) -> Result<Done, Refusal> {
    let id = member_of(request.member_id);
    let attributes = request.member_attributes.clone().unwrap_or_default();
    if !machine.members.publish(id, &attributes.name, &attributes.client_urls) {
        return Done::quietly(Reply::Nothing);
    }
    let member = machine.members.get(id).expect("it was published in the lines above");
    machine.unrecorded.push(record::member(member));
    Done::with(Reply::Nothing, Effect::MembersChanged)
}
