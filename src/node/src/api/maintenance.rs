//! Maintenance and what else a member is asked about itself.

use base::{MemberId, RequestId};
use bytes::Bytes;
use mvcc::Backend;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::alarm_request::AlarmAction;
use raft::Status;
use state::Reply;
use tokio::sync::oneshot;

use super::header::encoded;
use super::{Answer, Api, Caller};
use crate::Completed;
use crate::env::Env;
use crate::error::ApiError;
use crate::raft_task::input::Command;
use crate::version;

impl<E: Env> Api<E> {
    /// The core's state, for decisions that need more than the shared counters.
    pub(crate) async fn raft_status(&self) -> Result<Status, ApiError> {
        let (answer, status) = oneshot::channel();
        let sent = self.inner.commands.send(Command::Status { answer }).await;
        sent.map_err(|_| ApiError::STOPPED)?;
        status.await.map_err(|_| ApiError::STOPPED)
    }

    /// Maintenance.Status: what this member knows now, without asking others.
    ///
    /// # Errors
    /// None but a stopping member's.
    pub async fn status(&self, caller: &Caller, _request: pb::StatusRequest) -> Answer {
        self.require_user(caller).await?;
        let overview = self.overview();
        let mut errors = Vec::new();
        if overview.leader.is_zero() {
            errors.push(ApiError::NO_LEADER.text.into_owned());
        }
        for (member, kind) in &overview.alarms {
            errors.push(alarm_text(*member, *kind));
        }
        let downgrade = self.current_downgrade();
        let in_use = self.db_size().max(1);
        // etcdctl divides by the size, so an empty store has one byte too.
        let on_disk = i64::try_from(self.inner.env.backend().size_bytes()).unwrap_or(i64::MAX);
        let size = on_disk.max(in_use);
        let response = pb::StatusResponse {
            header: Some(self.header(overview.revision)),
            version: version::SERVER.into(),
            db_size: size,
            db_size_in_use: in_use,
            db_size_quota: self.inner.config.quota_bytes.unwrap_or(-1),
            leader: overview.leader.get(),
            raft_index: overview.committed.get(),
            raft_term: overview.term.get(),
            raft_applied_index: overview.applied.get(),
            errors,
            is_learner: overview.is_learner,
            storage_version: version::storage(&overview.cluster_version).into(),
            downgrade_info: Some(pb::DowngradeInfo {
                enabled: downgrade.enabled,
                target_version: downgrade.target_version,
            }),
        };
        Ok(encoded(&response))
    }

    /// Logical bytes of the store, which the quota counts.
    pub(crate) fn db_size(&self) -> i64 {
        self.inner.views.peek(|view| view.keys.logical_bytes())
    }

    /// Proposes what adds `cost` bytes to the store at most. It is refused while there is no space,
    /// or when it would exceed the quota; that raises NOSPACE, and so does an entry that turned out
    /// to be one too many where it was applied. Without a cost it is just proposed.
    ///
    /// # Errors
    /// `database space exceeded`, or what the proposal ends with.
    pub(super) async fn propose_within_quota(
        &self,
        id: RequestId,
        payload: Bytes,
        cost: Option<i64>,
    ) -> Result<Completed, ApiError> {
        let Some(cost) = cost else { return self.propose_encoded(id, payload).await };
        // As in etcd, which looks at alarms only where a request is applied.
        self.check_size(&payload)?;
        if self.inner.room.is_low() {
            return Err(ApiError::NO_SPACE);
        }
        // What seldom runs is kept out of each call's future, which is moved on its way.
        if self.no_space().is_some() {
            Box::pin(self.confirm_alarm()).await?;
        }
        let quota = self.inner.config.quota_bytes;
        let is_over = quota.is_some_and(|max| self.db_size() + cost >= max);
        let outcome = match is_over {
            true => Err(ApiError::NO_SPACE),
            false => self.propose_encoded(id, payload).await,
        };
        if outcome.as_ref().is_err_and(|error| *error == ApiError::NO_SPACE) {
            // The answer stands; the next refused write tries again to raise it.
            let _later = Box::pin(self.raise_no_space()).await;
        }
        outcome
    }

    /// Under the alarm a request would be refused when it is applied, and each refused one would
    /// take room in the log. So it is refused here, once it is certain that the alarm is not one
    /// that another member has seen taken back.
    async fn confirm_alarm(&self) -> Result<(), ApiError> {
        self.read_barrier().await?;
        self.no_space().map_or(Ok(()), Err)
    }

    /// How NOSPACE refuses what adds to the store, if raised; CORRUPT beside it is told first.
    fn no_space(&self) -> Option<ApiError> {
        let raised = |kind: pb::AlarmType| {
            let is_kind = move |alarm: &pb::AlarmMember| alarm.alarm == kind as i32;
            self.inner.views.peek(|view| view.rest.alarms.iter().any(is_kind))
        };
        raised(pb::AlarmType::Nospace).then(|| match raised(pb::AlarmType::Corrupt) {
            true => ApiError::CORRUPT,
            false => ApiError::NO_SPACE,
        })
    }

    async fn raise_no_space(&self) -> Result<(), ApiError> {
        if self.no_space().is_some() {
            return Ok(());
        }
        self.propose_alarm(pb::AlarmType::Nospace, self.inner.member, AlarmAction::Activate).await
    }

    /// Raises an alarm of a member, or takes it back.
    pub(crate) async fn propose_alarm(
        &self,
        kind: pb::AlarmType,
        member: MemberId,
        action: AlarmAction,
    ) -> Result<(), ApiError> {
        let alarm =
            pb::AlarmRequest { action: action as i32, member_id: member.get(), alarm: kind as i32 };
        let request = pb::InternalRaftRequest { alarm: Some(alarm), ..Default::default() };
        self.propose(&Caller::default(), request).await.map(|_| ())
    }

    /// Maintenance.Alarm
    ///
    /// # Errors
    /// As etcd, and `unknown method` for an action that ends every member of etcd.
    pub async fn alarm(&self, caller: &Caller, request: pb::AlarmRequest) -> Answer {
        self.require_leader(caller)?;
        let who = match request.action == AlarmAction::Get as i32 {
            true => self.require_user(caller).await?,
            false => self.require_admin(caller).await?,
        };
        if AlarmAction::try_from(request.action).is_err() {
            return Err(ApiError::UNKNOWN_METHOD);
        }
        let request = pb::InternalRaftRequest { alarm: Some(request), ..Default::default() };
        let completed = self.propose_as(who.as_ref(), request).await?;
        match completed.reply {
            Reply::Alarms(alarms) => Ok(encoded(&pb::AlarmResponse {
                header: Some(self.header(completed.revision)),
                alarms,
            })),
            other => Err(super::kv::unexpected(&other)),
        }
    }

    /// Maintenance.HashKV: of this member's own state, without asking others.
    ///
    /// # Errors
    /// A revision out of the kept range.
    pub async fn hash_kv(&self, caller: &Caller, request: pb::HashKvRequest) -> Answer {
        self.require_admin(caller).await?;
        let mut response = self.hash_kv_at(request.revision).await?;
        let revision = response.header.take().map_or(0, |header| header.revision);
        response.header = Some(self.header(revision));
        Ok(encoded(&response))
    }

    /// The hash with a header that carries the current revision only.
    pub(crate) async fn hash_kv_at(&self, revision: i64) -> Result<pb::HashKvResponse, ApiError> {
        let view = self.inner.views.load();
        let current = view.keys.revision();
        let hash = match self.inner.hashes.find(revision).await {
            Some(hash) => hash,
            None => {
                let hash = self.inner.env.blocking(move || view.keys.hash_kv(revision)).await;
                hash.map_err(|error| self.read_failed(error))?
            }
        };
        Ok(pb::HashKvResponse {
            header: Some(pb::ResponseHeader { revision: current, ..Default::default() }),
            hash: hash.hash,
            compact_revision: hash.compact_revision,
            hash_revision: hash.hash_revision,
        })
    }

    /// Maintenance.Defragment: answered at once, because space comes back by itself. The call has
    /// the cleaner look whether there is any.
    ///
    /// # Errors
    /// None.
    pub async fn defragment(&self, caller: &Caller, _request: pb::DefragmentRequest) -> Answer {
        self.require_admin(caller).await?;
        let _stopping = self.inner.applier.send(crate::applier::Work::Reclaim);
        Ok(encoded(&pb::DefragmentResponse::default()))
    }

    /// Maintenance.MoveLeader
    ///
    /// # Errors
    /// `not leader`, `bad leader transferee`, or the time ran out.
    pub async fn move_leader(&self, caller: &Caller, request: pb::MoveLeaderRequest) -> Answer {
        self.require_leader(caller)?;
        self.require_admin(caller).await?;
        let shared = &self.inner.shared;
        let target = MemberId(request.target_id);
        if shared.leader() != self.inner.member {
            return Err(ApiError::NOT_LEADER);
        }
        let rest = self.inner.views.load().rest.clone();
        let known = rest.members.iter().find(|member| member.member_id() == target);
        if known.is_none_or(|member| member.is_learner) {
            return Err(ApiError::BAD_LEADER_TRANSFEREE);
        }
        if target == self.inner.member {
            return Ok(encoded(&pb::MoveLeaderResponse::default()));
        }
        let (answer, begun) = oneshot::channel();
        let sent = self.inner.commands.send(Command::Transfer { to: target, answer }).await;
        sent.map_err(|_| ApiError::STOPPED)?;
        begun.await.map_err(|_| ApiError::STOPPED)??;
        self.wait_for_leader(target).await?;
        Ok(encoded(&pb::MoveLeaderResponse::default()))
    }

    async fn wait_for_leader(&self, target: MemberId) -> Result<(), ApiError> {
        let shared = &self.inner.shared;
        let deadline = self.inner.env.now() + self.inner.config.request_timeout();
        let moved = async {
            loop {
                let mut changed = std::pin::pin!(shared.role_changed.notified());
                changed.as_mut().enable();
                if shared.leader() == target || shared.is_stopping() {
                    return;
                }
                changed.await;
            }
        };
        match super::propose::until(&self.inner.env, deadline, moved).await {
            Some(()) => Ok(()),
            None => Err(ApiError::LEADER_TRANSFER_TIMEOUT),
        }
    }
}

/// An alarm as etcd prints it: what is zero is left out, and a kind without a name is a number.
fn alarm_text(member: MemberId, kind: i32) -> String {
    let member = (!member.is_zero()).then(|| format!("memberID:{}", member.get()));
    let kind = match pb::AlarmType::try_from(kind) {
        Ok(pb::AlarmType::None) => None,
        Ok(kind) => Some(format!("alarm:{}", kind.as_str_name())),
        Err(_) => Some(format!("alarm:{kind}")),
    };
    member.into_iter().chain(kind).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_are_told_as_go_prints_messages() {
        let cases = [
            (12, 1, "memberID:12 alarm:NOSPACE"),
            (0, 2, "alarm:CORRUPT"),
            (12, 9, "memberID:12 alarm:9"),
            (12, 0, "memberID:12"),
        ];
        for (member, kind, text) in cases {
            assert_eq!(alarm_text(MemberId(member), kind), text);
        }
    }
}
