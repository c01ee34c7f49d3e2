//! A member that was removed stops itself: it learns so from its own log, or from a peer that
//! turns it away because its log says so.
//!
//! It does not leave before a majority of those who stay has applied the removal, which they do
//! only once it is durable that it is committed. Until then somebody who stays may need its vote:
//! of two members whose leader removes itself, the other one may crash before the news that its
//! last entry is committed reached its disk, and comes back with a log in which both still vote.

use std::time::Duration;

use base::{MemberId, mark};
use futures_util::future::join_all;

use crate::api::Api;
use crate::env::{Env, Net, PeerRequest, PeerResponse};

/// Time that a member goes on after it has learned of its own removal: who removed it is answered,
/// a leader tells the others that the removal is committed, and hands over.
const FAREWELL: Duration = Duration::from_secs(1);
/// How often it asks whether those who stay know.
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// Who stays may have gone for good: then nothing is gained by waiting longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a member learned that it was removed, and whether it may leave with a good conscience.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// A peer that does not listen to it any more; `None` when its own log said so.
    pub told_by: Option<MemberId>,
    /// Whether a majority of those who stay has followed the removal; else it waited in vain.
    pub is_known: bool,
}

impl<E: Env> Api<E> {
    /// Ends when this member was removed from its cluster and is to stop.
    pub async fn removed(&self) -> Removal {
        let applied = std::pin::pin!(self.inner.shared.wait_removed());
        let told = std::pin::pin!(self.inner.env.net().told_removed());
        let told_by = tokio::select! {
            biased;
            () = applied => None,
            by = told => Some(by),
        };
        Removal { told_by, is_known: self.take_leave().await }
    }

    /// Stays until those who stay know; whether they do.
    async fn take_leave(&self) -> bool {
        let env = &self.inner.env;
        let latest = env.now() + PATIENCE;
        env.sleep_until(env.now() + FAREWELL).await;
        if self.is_gone_for_most().await {
            return true;
        }
        env.warn("this member was removed and stays until most of the others have recorded it");
        while env.now() < latest {
            mark!("removal: stays until the others know");
            env.sleep_until(env.now() + ASK_AGAIN).await;
            if self.is_gone_for_most().await {
                return true;
            }
        }
        false
    }

    /// Whether a majority of the voters that stay has a member list without this member.
    async fn is_gone_for_most(&self) -> bool {
        let rest = self.inner.views.load().rest.clone();
        let own = self.inner.member;
        let stay = rest.members.iter().filter(|member| !member.is_learner);
        let stay: Vec<MemberId> = stay.map(|m| m.member_id()).filter(|&id| id != own).collect();
        let lists = join_all(stay.iter().map(|&id| self.members_of(id))).await;
        let know = lists.iter().flatten().filter(|members| !members.contains(&own)).count();
        // One that was never fed knows of nobody, and nobody counts on it.
        stay.is_empty() || know > stay.len() / 2
    }

    async fn members_of(&self, peer: MemberId) -> Option<Vec<MemberId>> {
        let deadline = self.inner.env.now() + FAREWELL;
        let call = self.inner.env.net().call(peer, PeerRequest::Members, deadline);
        match call.await {
            Ok(PeerResponse::Members(members)) => {
                Some(members.iter().map(|member| MemberId(member.id)).collect())
            }
            _ => None,
        }
    }
}
