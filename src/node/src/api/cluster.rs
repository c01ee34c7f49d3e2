//! The member list and its changes.

use base::{Instant, MemberId, mark};
use bytes::Bytes;
use proto::etcdserverpb as pb;
use state::{Member, MemberChange, Reply};

use super::header::encoded;
use super::kv::unexpected;
use super::{Answer, Api, Caller, until};
use crate::Completed;
use crate::auth::Credentials;
use crate::convert::encode_change;
use crate::env::{CallError, Env, Net, PeerRequest, PeerResponse};
use crate::error::ApiError;
use crate::ids::member_id;
use crate::raft_task::input::Command;

/// How long a member must have been connected to count as healthy.
const CONNECTED_MIN: std::time::Duration = std::time::Duration::from_secs(5);

/// A learner may become a voter when it has this share of the leader's log.
const LEARNER_READY: f64 = 0.9;

/// What a leader may answer to a promotion that was sent on to it.
const PROMOTION_ERRORS: [ApiError; 10] = [
    ApiError::PERMISSION_DENIED,
    ApiError::USER_EMPTY,
    ApiError::USER_NOT_FOUND,
    ApiError::INVALID_AUTH_TOKEN,
    ApiError::MEMBER_NOT_FOUND,
    ApiError::MEMBER_NOT_LEARNER,
    ApiError::LEARNER_NOT_READY,
    ApiError::NOT_ENOUGH_STARTED,
    ApiError::NOT_LEADER,
    ApiError::STOPPED,
];

/// A member in the form of the API.
pub(crate) fn message(member: &Member) -> pb::Member {
    pb::Member {
        id: member.id,
        name: member.name.clone(),
        peer_urls: member.peer_urls.clone(),
        client_urls: member.client_urls.clone(),
        is_learner: member.is_learner,
    }
}

impl<E: Env> Api<E> {
    /// A header as answers about members carry it: without a revision.
    fn member_header(&self) -> Option<pb::ResponseHeader> {
        Some(self.header(0))
    }

    /// Cluster.MemberList
    ///
    /// # Errors
    /// As etcd.
    pub async fn member_list(&self, caller: &Caller, request: pb::MemberListRequest) -> Answer {
        self.require_leader(caller)?;
        let barrier = match request.linearizable {
            true => Some(self.read_barrier().await?),
            false => None,
        };
        self.require_user(caller).await?;
        let view = self.inner.views.load();
        if let Some(barrier) = barrier {
            self.read_served(barrier, view.applied);
        }
        let members = view.rest.members.iter().map(message).collect();
        Ok(encoded(&pb::MemberListResponse { header: self.member_header(), members }))
    }

    /// Cluster.MemberAdd
    ///
    /// # Errors
    /// As etcd.
    pub async fn member_add(&self, caller: &Caller, request: pb::MemberAddRequest) -> Answer {
        self.require_leader(caller)?;
        let urls: Option<Vec<String>> = request.peer_urls.iter().map(|url| peer_url(url)).collect();
        let mut peer_urls =
            urls.filter(|urls| !urls.is_empty()).ok_or(ApiError::MEMBER_BAD_URLS)?;
        self.require_admin(caller).await?;
        peer_urls.sort();
        let second = self.inner.env.unix_millis() / 1000;
        let id = member_id(&peer_urls, "", Some(second));
        let is_learner = request.is_learner;
        let member = Member { id: id.get(), peer_urls, is_learner, ..Member::default() };
        self.check_add(is_learner)?;
        let members = self.change_members(MemberChange::Add(member)).await?;
        let added = members.iter().find(|member| member.member_id() == id).map(message);
        Ok(encoded(&pb::MemberAddResponse {
            header: self.member_header(),
            member: added,
            members: members.iter().map(message).collect(),
        }))
    }

    /// Cluster.MemberRemove
    ///
    /// # Errors
    /// As etcd.
    pub async fn member_remove(&self, caller: &Caller, request: pb::MemberRemoveRequest) -> Answer {
        self.require_leader(caller)?;
        self.require_admin(caller).await?;
        let id = MemberId(request.id);
        self.check_remove(id)?;
        let members = self.change_members(MemberChange::Remove(id)).await?;
        let members = members.iter().map(message).collect();
        Ok(encoded(&pb::MemberRemoveResponse { header: self.member_header(), members }))
    }

    /// Cluster.MemberUpdate
    ///
    /// # Errors
    /// As etcd.
    pub async fn member_update(&self, caller: &Caller, request: pb::MemberUpdateRequest) -> Answer {
        self.require_leader(caller)?;
        self.require_admin(caller).await?;
        let peer_urls = request.peer_urls;
        let member = Member { id: request.id, peer_urls, ..Member::default() };
        let members = self.change_members(MemberChange::Update(member)).await?;
        let members = members.iter().map(message).collect();
        Ok(encoded(&pb::MemberUpdateResponse { header: self.member_header(), members }))
    }

    /// Cluster.MemberPromote
    ///
    /// # Errors
    /// As etcd.
    pub async fn member_promote(
        &self,
        caller: &Caller,
        request: pb::MemberPromoteRequest,
    ) -> Answer {
        self.require_leader(caller)?;
        let deadline = self.inner.env.now() + self.inner.config.request_timeout();
        self.require_admin(caller).await?;
        let promoted = self.promote(MemberId(request.id), caller, deadline);
        let members = until(&self.inner.env, deadline, promoted).await;
        let members = members.unwrap_or_else(|| Err(self.leader_timed_out()))?;
        Ok(encoded(&pb::MemberPromoteResponse { header: self.member_header(), members }))
    }

    /// Promotes on the leader, who alone knows how far a learner is; again while nobody leads or
    /// the leader cannot be reached, but never after it may have done so.
    async fn promote(
        &self,
        id: MemberId,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<Vec<pb::Member>, ApiError> {
        loop {
            let leader = self.inner.shared.leader();
            let outcome = match leader {
                leader if leader == self.inner.member => self.promote_here(id).await,
                leader if leader.is_zero() => Err(ApiError::NOT_LEADER),
                leader => self.promote_at(leader, id, caller, deadline).await,
            };
            match outcome {
                Err(error) if error == ApiError::NOT_LEADER => mark!("promote: leader awaited"),
                outcome => return outcome,
            }
            if self.inner.shared.is_stopping() {
                return Err(ApiError::STOPPED);
            }
            let later = self.inner.env.now() + self.inner.config.election_timeout;
            self.inner.env.sleep_until(later).await;
        }
    }

    async fn promote_at(
        &self,
        leader: MemberId,
        id: MemberId,
        caller: &Caller,
        deadline: Instant,
    ) -> Result<Vec<pb::Member>, ApiError> {
        let token = match &caller.credentials {
            Credentials::Token(token) => Some(token.clone()),
            _ => None,
        };
        let request = PeerRequest::MemberPromote { id, token };
        let call = self.inner.env.net().call(leader, request, deadline);
        match call.await {
            Ok(PeerResponse::MemberPromote(members)) => Ok(members),
            Err(CallError::Unreachable(_)) => Err(ApiError::NOT_LEADER),
            Err(CallError::Refused(text)) => {
                let known = PROMOTION_ERRORS.into_iter().find(|error| error.text == text);
                Err(known.unwrap_or(ApiError::TIMEOUT))
            }
            Ok(_) | Err(CallError::TimedOut) => Err(ApiError::TIMEOUT),
        }
    }

    /// Promotes on this member, which must lead, for somebody who may.
    pub(crate) async fn promote_here(&self, id: MemberId) -> Result<Vec<pb::Member>, ApiError> {
        // A change that another member has answered may not be applied here yet.
        self.confirm_leadership().await?;
        let status = self.raft_status().await?;
        let rest = self.inner.views.load().rest.clone();
        let member = rest.members.iter().find(|member| member.member_id() == id);
        let member = member.ok_or(ApiError::MEMBER_NOT_FOUND)?;
        if !member.is_learner {
            return Err(ApiError::MEMBER_NOT_LEARNER);
        }
        let progress = status.progress.iter().find(|peer| peer.id == id);
        let progress = progress.ok_or(ApiError::MEMBER_NOT_FOUND)?;
        if (progress.matched.get() as f64) < LEARNER_READY * status.stable.get() as f64 {
            return Err(ApiError::LEARNER_NOT_READY);
        }
        self.check_promote(&rest.members)?;
        let members = self.change_members(MemberChange::Promote(id)).await?;
        Ok(members.iter().map(message).collect())
    }

    async fn change_members(&self, change: MemberChange) -> Result<Vec<Member>, ApiError> {
        let id = self.inner.ids.next();
        let payload: Bytes = encode_change(id.get(), &change);
        let proposed = self.propose_payload(id, payload, |id, payload| {
            Command::ProposeConfiguration { id, payload }
        });
        let Completed { reply, .. } = proposed.await?;
        match reply {
            Reply::Members { members, .. } => Ok(members),
            other => Err(unexpected(&other)),
        }
    }

    /// With the strict check: a quorum of the new size must have started and be connected.
    fn check_add(&self, is_learner: bool) -> Result<(), ApiError> {
        if !self.inner.config.strict_reconfig_check {
            return Ok(());
        }
        let rest = self.inner.views.load().rest.clone();
        let voters: Vec<&Member> = rest.members.iter().filter(|m| !m.is_learner).collect();
        let started = voters.iter().filter(|member| !member.name.is_empty()).count();
        let first_growth = voters.len() == 1 && started == 1;
        if !is_learner && !first_growth && started < voters.len().div_ceil(2) + 1 {
            return Err(ApiError::NOT_ENOUGH_STARTED);
        }
        if voters.len() == 1 {
            return Ok(());
        }
        let needed = voters.len().div_ceil(2) + 1;
        match self.connected(&voters) >= needed {
            true => Ok(()),
            false => Err(ApiError::UNHEALTHY),
        }
    }

    fn check_remove(&self, id: MemberId) -> Result<(), ApiError> {
        if !self.inner.config.strict_reconfig_check {
            return Ok(());
        }
        let rest = self.inner.views.load().rest.clone();
        let voters: Vec<&Member> = rest.members.iter().filter(|m| !m.is_learner).collect();
        if rest.members.iter().any(|member| member.member_id() == id && member.is_learner) {
            return Ok(());
        }
        let left = voters.iter().filter(|member| member.member_id() != id);
        let (left, started) = left.fold((0, 0), |(left, started), member| {
            (left + 1, started + usize::from(!member.name.is_empty()))
        });
        if started < left / 2 + 1 {
            return Err(ApiError::NOT_ENOUGH_STARTED);
        }
        if id != self.inner.member && self.inner.env.net().connected_since(id).is_none() {
            return Ok(());
        }
        match self.connected(&voters) > (voters.len() - 1) / 2 + 1 {
            true => Ok(()),
            false => Err(ApiError::UNHEALTHY),
        }
    }

    fn check_promote(&self, members: &[Member]) -> Result<(), ApiError> {
        if !self.inner.config.strict_reconfig_check {
            return Ok(());
        }
        let voters = members.iter().filter(|member| !member.is_learner);
        let (count, started) = voters.fold((0, 0), |(count, started), member| {
            (count + 1, started + usize::from(!member.name.is_empty()))
        });
        match started + 1 > usize::div_ceil(count, 2) {
            true => Ok(()),
            false => Err(ApiError::NOT_ENOUGH_STARTED),
        }
    }

    /// Voters that this member has been connected to for long enough, itself included.
    fn connected(&self, voters: &[&Member]) -> usize {
        let now = self.inner.env.now();
        let is_connected = |id: MemberId| {
            let since = self.inner.env.net().connected_since(id);
            id == self.inner.member || since.is_some_and(|at| now.since(at) >= CONNECTED_MIN)
        };
        voters.iter().filter(|member| is_connected(member.member_id())).count()
    }
}

/// A peer's URL as etcd keeps it: scheme http or https with host and port and no path, or unix or
/// unixs. The host may be empty; a user before it and a query behind are nothing to etcd.
fn peer_url(url: &str) -> Option<String> {
    let (scheme, rest) = url.trim().split_once("://")?;
    let scheme = scheme.to_ascii_lowercase();
    let is_sound = match scheme.as_str() {
        "unix" | "unixs" => true,
        "http" | "https" => {
            let authority = rest.split(['?', '#']).next().unwrap_or_default();
            let host = authority.rsplit_once('@').map_or(authority, |(_user, host)| host);
            !authority.contains('/') && is_host_and_port(host)
        }
        _ => false,
    };
    is_sound.then(|| format!("{scheme}://{rest}"))
}

fn is_host_and_port(authority: &str) -> bool {
    let Some((host, port)) = authority.rsplit_once(':') else { return false };
    let bracketed = host.starts_with('[') && host.ends_with(']');
    let plain = !host.contains([':', '[', ']']);
    (bracketed || plain)
        && !host.contains(['/', '?', '#', ' ', '@'])
        && port.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::peer_url;

    #[test]
    fn peer_urls_have_scheme_host_and_port() {
        let good = [
            "http://a:1",
            "https://10.0.0.1:2380",
            "http://[::1]:2380",
            "unix://x:1",
            " http://a:1 ",
            "http://:1",
            "http://user@a:1",
            "http://a:1?query#part",
            "unix://",
        ];
        for url in good {
            assert_eq!(peer_url(url).as_deref(), Some(url.trim()), "{url}");
        }
        assert_eq!(peer_url("HTTP://a:1").as_deref(), Some("http://a:1"));
        let bad = [
            "a:1",
            "http://a",
            "ftp://a:1",
            "http://a:1/x",
            "http://a:1/",
            "http://a:x",
            "http://::1:2380",
            "http://a:1/@b:1",
            "",
        ];
        for url in bad {
            assert_eq!(peer_url(url), None, "{url}");
        }
    }
}
