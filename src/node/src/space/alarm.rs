//! What the cluster is told about room: NOSPACE is raised while this member is low, leadership goes
//! to a member that has room, and NOSPACE is taken back once there is room again.
//!
//! The alarm goes through the log, so all members refuse alike. etcd never takes an alarm back by
//! itself, so neither does a cluster in which a member of etcd answers: its operator expects to do
//! it. A member that does not answer must not keep writes refused: once it has been away for a
//! while, or was removed, the leader takes its alarm back. A member that comes back and is still
//! low raises its own anew.

use std::collections::BTreeMap;
use std::time::Duration;

use base::{Instant, MemberId, mark};
use proto::etcdserverpb as pb;
use proto::etcdserverpb::alarm_request::AlarmAction;

use super::PERIOD;
use crate::api::Api;
use crate::env::{Env, Net, PeerRequest, PeerResponse, Role, Sleep};
use crate::raft_task::input::Command;

/// How long an attempt to hand leadership over is left alone.
const HAND_OVER_RETRY: Duration = Duration::from_secs(10);
/// Time without a sign of life after which a member's disk is nobody's concern.
const ABSENCE: Duration = Duration::from_secs(10);

/// What is remembered from look to look.
#[derive(Default)]
struct Memory {
    handed_over: Option<Instant>,
    /// Since when an alarmed member is neither connected nor heard.
    absent: BTreeMap<MemberId, Instant>,
}

/// Runs until the member stops.
pub(crate) async fn run<E: Env>(api: Api<E>) {
    let inner = &api.inner;
    let mut timer = inner.env.sleep_until(inner.env.now() + PERIOD);
    let mut memory = Memory::default();
    loop {
        tokio::select! {
            biased;
            () = inner.shared.wait_stopped() => return,
            () = inner.room.changed.notified() => {}
            () = &mut timer => {}
        }
        timer.reset(inner.env.now() + PERIOD);
        match inner.room.is_low() {
            true => {
                memory.absent.clear();
                raise(&api).await;
                step_aside(&api, &mut memory).await;
            }
            false => {
                memory.handed_over = None;
                take_back(&api, &mut memory).await;
            }
        }
    }
}

/// The members whose disks or quotas are exhausted, as far as applied here.
fn alarmed<E: Env>(api: &Api<E>) -> Vec<MemberId> {
    let rest = api.inner.views.load().rest.clone();
    let nospace = rest.alarms.iter().filter(|alarm| alarm.alarm == pb::AlarmType::Nospace as i32);
    nospace.map(|alarm| MemberId(alarm.member_id)).collect()
}

async fn raise<E: Env>(api: &Api<E>) {
    if alarmed(api).contains(&api.inner.member) {
        return;
    }
    mark!("space: NOSPACE raised for a full disk");
    // Without a quorum nobody can write anyway; the next look tries again.
    let _later =
        api.propose_alarm(pb::AlarmType::Nospace, api.inner.member, AlarmAction::Activate).await;
}

/// Leads no longer, if there is a member with room that follows well.
async fn step_aside<E: Env>(api: &Api<E>, memory: &mut Memory) {
    let inner = &api.inner;
    let is_recent = memory.handed_over.is_some_and(|at| inner.env.now() < at + HAND_OVER_RETRY);
    if inner.shared.role() != Role::Leader || is_recent {
        return;
    }
    memory.handed_over = Some(inner.env.now());
    // A member that stops takes no command, and needs none.
    let _stopping = inner.commands.send(Command::StepAside { avoid: alarmed(api) }).await;
}

/// Takes this member's alarm back when neither disk nor quota is a reason for it any more; a leader
/// does so for those who cannot.
async fn take_back<E: Env>(api: &Api<E>, memory: &mut Memory) {
    let own = api.inner.member;
    let alarmed_now = alarmed(api);
    memory.absent.retain(|member, _| alarmed_now.contains(member));
    let mut due = Vec::new();
    for member in alarmed_now {
        if member == own || is_away(api, memory, member).await {
            due.push(member);
        }
    }
    if due.is_empty() || !has_quota(api) || !is_without_etcd(api).await {
        return;
    }
    for member in due {
        mark!("space: NOSPACE taken back");
        if api.propose_alarm(pb::AlarmType::Nospace, member, AlarmAction::Deactivate).await.is_ok()
        {
            say_taken_back(api, member);
        }
    }
}

fn say_taken_back<E: Env>(api: &Api<E>, member: MemberId) {
    let whose = match member == api.inner.member {
        true => "of this member".to_owned(),
        false => format!("of member {member}, which is gone,"),
    };
    let then = match alarmed(api).is_empty() {
        true => ": there is room for writes again",
        false => "; others still stand",
    };
    api.inner.env.warn(&format!("the alarm NOSPACE {whose} was taken back{then}"));
}

/// Whether this member leads and an alarmed one was removed or has been away for a while. An id
/// that is no member's is the operator's business.
async fn is_away<E: Env>(api: &Api<E>, memory: &mut Memory, id: MemberId) -> bool {
    let inner = &api.inner;
    if inner.shared.role() != Role::Leader {
        memory.absent.clear();
        return false;
    }
    let rest = inner.views.load().rest.clone();
    if rest.removed.contains(&id) {
        return true;
    }
    if !rest.members.iter().any(|member| member.member_id() == id) || is_there(api, id).await {
        memory.absent.remove(&id);
        return false;
    }
    let since = *memory.absent.entry(id).or_insert(inner.env.now());
    inner.env.now() >= since + ABSENCE
}

/// Whether a member is connected, or was heard of late though this one cannot reach it.
async fn is_there<E: Env>(api: &Api<E>, id: MemberId) -> bool {
    if api.inner.env.net().connected_since(id).is_some() {
        return true;
    }
    let Ok(status) = api.raft_status().await else { return true };
    status.progress.iter().any(|peer| peer.id == id && peer.recent_active)
}

/// Whether the store is so far below its quota that the largest request fits, with an eighth of the
/// quota to spare: the alarm must not come and go with every write.
fn has_quota<E: Env>(api: &Api<E>) -> bool {
    let Some(quota) = api.inner.config.quota_bytes else { return true };
    let request = i64::try_from(api.inner.config.max_request_bytes).unwrap_or(i64::MAX);
    api.db_size() <= (quota - quota / 8).min(quota.saturating_sub(request))
}

/// Whether no member answers as one of etcd's.
async fn is_without_etcd<E: Env>(api: &Api<E>) -> bool {
    let inner = &api.inner;
    let rest = inner.views.load().rest.clone();
    for member in rest.members.iter().filter(|member| member.member_id() != inner.member) {
        let deadline = inner.env.now() + inner.config.election_timeout;
        let call = inner.env.net().call(member.member_id(), PeerRequest::Version, deadline);
        if matches!(call.await, Ok(PeerResponse::Version { is_cairn: false, .. })) {
            return false;
        }
    }
    true
}
