//! The operator: adds, promotes, removes and replaces members, and moves leadership, as somebody
//! with `etcdctl` does it, one thing at a time and again until it is done (O3, O4, P7).
//!
//! It never does what a careful operator would not: it does not take a member away when the rest
//! could not go on without it.

use std::sync::Arc;
use std::time::Duration;

use base::Instant;
use node::{Api, ApiError, Caller};
use proto::etcdserverpb as pb;

use crate::cluster::{Cluster, peer_url};
use crate::env::SimEnv;
use crate::sync::lock;
use crate::world::World;

/// Time between two attempts.
const AGAIN_TIME: Duration = Duration::from_millis(500);
/// Time after which a call is given up.
const CALL_TIME: Duration = Duration::from_secs(8);

/// Whoever changes the members.
#[derive(Clone)]
pub struct Operator {
    world: Arc<World>,
    cluster: Arc<Cluster>,
    /// One change at a time.
    turn: Arc<tokio::sync::Mutex<()>>,
}

impl Operator {
    /// An operator of a cluster.
    #[must_use]
    pub fn new(world: Arc<World>, cluster: Arc<Cluster>) -> Operator {
        Operator { world, cluster, turn: Arc::default() }
    }

    /// Starts members that were added by a call whose answer was lost.
    pub async fn watch_over(self) {
        loop {
            self.cluster.join_added();
            self.world.clock.sleep(2 * AGAIN_TIME).await;
        }
    }

    /// Adds a member on an empty disk and starts it; gives its number once it is in the list.
    pub async fn add(&self, is_learner: bool, until: Instant) -> Option<usize> {
        let _turn = self.turn.lock().await;
        self.add_now(is_learner, false, until).await
    }

    async fn add_now(&self, is_learner: bool, is_last: bool, until: Instant) -> Option<usize> {
        let member = self.cluster.take_spare(is_last)?;
        let request = pb::MemberAddRequest { peer_urls: vec![peer_url(member)], is_learner };
        while self.goes_on(until) {
            let request = request.clone();
            let added = self
                .ask(None, async move |api| api.member_add(&Caller::root(), request).await)
                .await;
            // The answer may have been lost, so the list decides.
            if self.cluster.is_listed(member) {
                self.world.count(match is_learner {
                    true => "operator: learners added",
                    false => "operator: voters added",
                });
                self.cluster.join(member);
                return Some(member);
            }
            if is_final(&added) {
                break;
            }
            self.rest().await;
        }
        None
    }

    /// Makes a learner a voter once it has caught up.
    pub async fn promote(&self, member: usize, until: Instant) -> bool {
        let _turn = self.turn.lock().await;
        self.promote_now(member, until).await
    }

    async fn promote_now(&self, member: usize, until: Instant) -> bool {
        while self.goes_on(until)
            && let Some(id) = self.cluster.listed_id(member)
        {
            let request = pb::MemberPromoteRequest { id: id.get() };
            let answer = self
                .ask(None, async move |api| api.member_promote(&Caller::root(), request).await)
                .await;
            // Whether it was promoted is learned from the list.
            self.judge_found(member, &answer);
            if self.cluster.is_voter(member) {
                self.world.count("operator: learners promoted");
                return true;
            }
            self.rest().await;
        }
        false
    }

    /// A member that was in the list before the call and is there still is found.
    fn judge_found<T>(&self, member: usize, answer: &Option<Result<T, ApiError>>) {
        if let Some(answer) = answer
            && self.cluster.is_listed(member)
        {
            let is_found = answer.as_ref().err() != Some(&ApiError::MEMBER_NOT_FOUND);
            let verdict = lock(&self.world.checks).answered_of_member(member, is_found);
            self.world.judge(verdict);
        }
    }

    /// Removes a member for good.
    pub async fn remove(&self, member: usize, until: Instant) -> bool {
        let _turn = self.turn.lock().await;
        self.remove_now(member, until).await
    }

    async fn remove_now(&self, member: usize, until: Instant) -> bool {
        if !self.cluster.can_lose(member) {
            self.world.count("operator: members that are needed");
            return false;
        }
        let id = self.world.seats[member].id().get();
        while self.goes_on(until) && self.cluster.is_listed(member) {
            self.cluster.doom(member);
            let leads = self.cluster.leader() == Some(member);
            let request = pb::MemberRemoveRequest { id };
            let removed = self
                .ask(None, async move |api| api.member_remove(&Caller::root(), request).await)
                .await;
            if !self.cluster.is_listed(member) {
                self.world.count(match leads {
                    true => "operator: leaders removed",
                    false => "operator: members removed",
                });
                return true;
            }
            if is_final(&removed) {
                return false;
            }
            self.rest().await;
        }
        !self.cluster.is_listed(member)
    }

    /// A member is lost with its disk; another one, with a new id, takes its place (P7).
    pub async fn replace(&self, member: usize, as_learner: bool, until: Instant) {
        let _turn = self.turn.lock().await;
        if !self.cluster.is_listed(member) || !self.cluster.can_spare(member) {
            self.world.count("operator: members that are needed");
            return;
        }
        self.cluster.lose(member);
        if !self.remove_now(member, until).await {
            return;
        }
        if let Some(new) = self.add_now(as_learner, false, until).await {
            self.world.count("operator: members replaced");
            if as_learner {
                self.promote_now(new, until).await;
            }
        }
    }

    /// Hands leadership to a member (O4).
    pub async fn transfer(&self, member: usize, until: Instant) {
        let _turn = self.turn.lock().await;
        let target_id = self.world.seats[member].id().get();
        while self.goes_on(until) && self.cluster.is_voter(member) {
            let Some(leader) = self.cluster.leader() else {
                self.rest().await;
                continue;
            };
            let request = pb::MoveLeaderRequest { target_id };
            let moved = self
                .ask(Some(leader), async move |api| api.move_leader(&Caller::root(), request).await)
                .await;
            if leader == member {
                return;
            }
            if moved.is_some_and(|moved| moved.is_ok()) {
                self.world.count("operator: leadership moved");
                return;
            }
            self.rest().await;
        }
    }

    /// At the end: who is lost for good is removed, and one more member joins as a learner, if
    /// none waits, and becomes a voter; false when the time did not suffice.
    pub async fn last_change(&self, until: Instant) -> bool {
        let lost = self.cluster.active().into_iter().find(|&member| self.cluster.is_lost(member));
        if let Some(lost) = lost
            && !self.remove(lost, until).await
        {
            return false;
        }
        let _turn = self.turn.lock().await;
        let waiting =
            self.cluster.active().into_iter().find(|&member| !self.cluster.is_voter(member));
        let learner = match waiting {
            Some(learner) => Some(learner),
            None => self.add_now(true, true, until).await,
        };
        match learner {
            Some(learner) => self.promote_now(learner, until).await,
            None => false,
        }
    }

    /// Holds changes back, so that something else may be decided by who is a member.
    pub async fn hold(&self) -> tokio::sync::OwnedMutexGuard<()> {
        self.turn.clone().lock_owned().await
    }

    fn goes_on(&self, until: Instant) -> bool {
        self.world.clock.now() < until && self.world.violation().is_none()
    }

    async fn rest(&self) {
        self.world.clock.sleep(AGAIN_TIME).await;
    }

    /// Calls one member that runs, or this one; `None` when no answer came.
    async fn ask<T, F>(
        &self,
        member: Option<usize>,
        call: impl FnOnce(Api<SimEnv>) -> F,
    ) -> Option<Result<T, ApiError>>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, ApiError>> + Send + 'static,
    {
        let running = match member {
            Some(member) => self.cluster.running(member),
            None => {
                let mut active = self.cluster.active();
                self.world.choose(|prng| prng.shuffle(&mut active));
                active.into_iter().find_map(|member| self.cluster.running(member))
            }
        }?;
        let task = running.node.spawn(call(running.api));
        let answer = madsim::time::timeout(CALL_TIME, task).await.ok()?.ok()?;
        if let Err(error) = &answer {
            self.world.say(0, format_args!("operator: {error}"));
            if *error == ApiError::UNHEALTHY || *error == ApiError::NOT_ENOUGH_STARTED {
                self.world.count("operator: refused by the strict check");
            }
        }
        Some(answer)
    }
}

/// Whether asking again would not help.
fn is_final<T>(answer: &Option<Result<T, ApiError>>) -> bool {
    let finals = [ApiError::TOO_MANY_LEARNERS, ApiError::MEMBER_NOT_FOUND];
    matches!(answer, Some(Err(error)) if finals.contains(error))
}
