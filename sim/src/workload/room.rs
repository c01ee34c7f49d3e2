//! What clients do when the database is full (O5): they delete some keys or not, compact, take the
//! alarm back, and go on. Writes must then be accepted again.

use bytes::Bytes;
use node::{ApiError, Caller};
use proto::etcdserverpb::alarm_request::AlarmAction;
use proto::etcdserverpb::{
    AlarmMember, AlarmRequest, AlarmResponse, AlarmType, CompactionRequest, DeleteRangeRequest,
};

use super::client::{Client, Outcome, Request, decode};
use crate::cluster::Running;

/// Makes room, as far as the cluster answers.
pub async fn make(client: &Client) {
    client.world.count("quota: clients make room");
    if client.choose(|prng| prng.chance(0.7)) {
        let (key, range_end) = (Bytes::from_static(b"k"), Bytes::from_static(b"m"));
        let request = DeleteRangeRequest { key, range_end, prev_kv: false };
        client.request(Request::DeleteRange(request)).await;
    }
    let revision = client.before().revision.max(1);
    client.request(Request::Compact(CompactionRequest { revision, physical: false })).await;
    let member = client.pick_member();
    let outcome = client.at(member, |running| async move { disarm(&running).await }).await;
    if let Outcome::Done(disarmed) = outcome {
        client.world.count_many("quota: alarms disarmed", disarmed);
    }
}

/// Takes back every NOSPACE alarm; gives how many there were.
///
/// # Errors
/// What a call is refused with.
pub async fn disarm(running: &Running) -> Result<u64, ApiError> {
    let mut disarmed = 0;
    for alarm in alarm(running, AlarmAction::Get, 0).await? {
        alarm_off(running, alarm.member_id).await?;
        disarmed += 1;
    }
    Ok(disarmed)
}

async fn alarm_off(running: &Running, member_id: u64) -> Result<(), ApiError> {
    alarm(running, AlarmAction::Deactivate, member_id).await.map(|_| ())
}

async fn alarm(
    running: &Running,
    action: AlarmAction,
    member_id: u64,
) -> Result<Vec<AlarmMember>, ApiError> {
    let alarm = AlarmType::Nospace as i32;
    let request = AlarmRequest { action: action as i32, member_id, alarm };
    let answer = running.api.alarm(&Caller::root(), request).await?;
    decode::<AlarmResponse>(answer).map(|answer| answer.alarms)
}
