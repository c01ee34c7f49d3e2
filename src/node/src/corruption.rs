//! Comparing what the members hold, as etcd does where an operator asks for it: a member compares
//! itself with the others before it takes part; the leader compares the hashes of compactions, and,
//! now and then, of everything. Who differs gets the CORRUPT alarm, under which the cluster refuses
//! to write until an operator has replaced that member.

mod compare;
mod start;

use std::time::Duration;

use base::{MemberId, mark};
use futures_util::future::join_all;
use proto::etcdserverpb::alarm_request::AlarmAction;
use proto::etcdserverpb::{AlarmType, HashKvResponse};

use self::compare::{Answer, Finding};
use crate::api::Api;
use crate::env::{Env, Event, Net, PeerRequest, PeerResponse, Role};
use crate::error::ApiError;
use crate::observe;
use crate::ticks::Ticks;

pub(crate) use self::start::check as check_at_start;

/// Has the leader compare the hashes of compactions, each until all members agreed on it. Runs
/// until the member stops; ends at once where it is not asked for.
pub(crate) async fn compare_compactions<E: Env>(api: Api<E>) {
    let config = &api.inner.config.corruption;
    if !config.of_compactions {
        return;
    }
    // Those up to here were found equal on all members; kept by a member that follows, too.
    let mut agreed = 0;
    let mut ticks = Ticks::every(&api, config.compactions_every);
    while ticks.next().await {
        if api.inner.shared.role() == Role::Leader {
            look_at_compactions(&api, &mut agreed).await;
        }
    }
}

/// Has the leader compare everything that is there. Runs until the member stops; ends at once
/// where it is not asked for.
pub(crate) async fn compare_everything<E: Env>(api: Api<E>) {
    let every = api.inner.config.corruption.everything_every;
    if every.is_zero() {
        return;
    }
    let mut ticks = Ticks::every(&api, every);
    while ticks.next().await {
        if api.inner.shared.role() != Role::Leader {
            continue;
        }
        // What could not be compared is compared at the next look.
        if let Ok(found) = look_at_everything(&api).await {
            report(&api, found).await;
        }
    }
}

/// From the newest compaction back, until one on which all agree.
async fn look_at_compactions<E: Env>(api: &Api<E>, agreed: &mut i64) {
    for own in api.inner.hashes.above(*agreed) {
        let answers = ask_all(api, own.hash_revision).await;
        let members = 1 + answers.len();
        match compare::compactions(api.inner.member, &own, &answers) {
            Finding::Equal { compared } if compared == members => {
                mark!("corruption: all members hold the same at a compaction");
                *agreed = own.hash_revision;
                return report(api, Finding::Equal { compared }).await;
            }
            // Some member could not say: an older compaction may still tell something.
            found @ Finding::Equal { .. } => report(api, found).await,
            found @ Finding::Differ(_) => return report(api, found).await,
        }
    }
}

async fn look_at_everything<E: Env>(api: &Api<E>) -> Result<Finding, ApiError> {
    let before = api.hash_kv_at(0).await?;
    let answers = ask_all(api, before.hash_revision).await;
    // Whatever a member had applied when it answered is applied here after this.
    api.read_barrier().await?;
    let after = api.hash_kv_at(0).await?;
    Ok(compare::everything(api.inner.member, &before, &after, &answers))
}

/// Every other member, and what it says of its keys at this revision.
async fn ask_all<E: Env>(api: &Api<E>, revision: i64) -> Vec<Answer> {
    let rest = api.inner.views.load().rest.clone();
    let own = api.inner.member;
    let others = rest.members.iter().map(state::Member::member_id).filter(|id| *id != own);
    let timeout = api.inner.config.request_timeout();
    ask(&api.inner.env, others, revision, timeout).await
}

async fn ask<E: Env>(
    env: &E,
    members: impl Iterator<Item = MemberId>,
    revision: i64,
    timeout: Duration,
) -> Vec<Answer> {
    let deadline = env.now() + timeout;
    let calls = members.map(|member| async move {
        let said = env.net().call(member, PeerRequest::HashKv(revision), deadline).await;
        let said = said.map_err(|error| error.to_string()).and_then(|response| match response {
            PeerResponse::HashKv(hash) => Ok(hash),
            _ => Err("the peer answered something else".to_owned()),
        });
        Answer { member, said }
    });
    join_all(calls).await
}

/// Raises the alarm of each member that differs, once, and says why.
async fn report<E: Env>(api: &Api<E>, found: Finding) {
    let accused = match found {
        Finding::Equal { compared } => {
            return observe(&api.inner.env, || Event::HashesCompared { members: compared });
        }
        Finding::Differ(accused) => accused,
    };
    let rest = api.inner.views.load().rest.clone();
    for (member, why) in accused {
        let is_raised = rest.alarms.iter().any(|alarm| {
            alarm.alarm == AlarmType::Corrupt as i32 && alarm.member_id == member.get()
        });
        if is_raised {
            continue;
        }
        mark!("corruption: a member holds something else");
        observe(&api.inner.env, || Event::CorruptionFound { member });
        api.inner.env.warn(&match member.is_zero() {
            true => format!(
                "the members hold different data and no majority agrees: {why}; compare them \
                 with `endpoint hashkv`, restore a snapshot of the sound one"
            ),
            false => format!(
                "member {member} holds other data than its cluster: {why}; remove it, delete its \
                 data directory, add it again, and then disarm the alarm"
            ),
        });
        // A failed attempt is repeated at the next look.
        let _later = api.propose_alarm(AlarmType::Corrupt, member, AlarmAction::Activate).await;
    }
}

fn revision_of(response: &HashKvResponse) -> i64 {
    response.header.as_ref().map_or(0, |header| header.revision)
}
