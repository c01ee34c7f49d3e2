//! Errors of the API that timing decides, each provoked where time and links obey the test.

use std::sync::Arc;
use std::time::Duration;

use base::Prng;
use bytes::Bytes;
use madsim::task::JoinHandle;
use node::{Api, ApiError, Caller, Code};
use proto::etcdserverpb as pb;
use proto::etcdserverpb::downgrade_request::DowngradeAction;
use sim::cluster::{Cluster, Running};
use sim::env::SimEnv;
use sim::net::LinkFaults;
use sim::plan::{Plan, draw};
use sim::run::{build, in_fresh_thread};
use sim::sync::lock;
use sim::trace::Words;
use sim::world::World;

/// How long a cluster may take to do what it is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// A cluster without faults but those that a test makes.
struct Bed {
    world: Arc<World>,
    cluster: Arc<Cluster>,
}

fn plan(seed: u64, members: usize) -> Plan {
    let mut plan = draw::plan(seed, Some(members));
    plan.links = LinkFaults::default();
    (plan.cluster.spares, plan.cluster.quota_bytes) = (0, None);
    (plan.cluster.knobs, plan.cluster.differing) = Default::default();
    (plan.cluster.election_ms, plan.cluster.heartbeat_ms) = (1_000, 100);
    plan
}

/// Runs a scenario with members that were just started.
fn with<F>(plan: Plan, scenario: impl FnOnce(Bed) -> F + Send + 'static)
where
    F: Future<Output = ()> + Send,
{
    in_fresh_thread(plan.seed, async move {
        let mut prng = Prng::new(plan.seed);
        let world = Arc::new(build(&plan, &mut prng, Words::Dropped));
        let cluster = Cluster::new(world.clone(), plan.cluster.clone());
        let supervisor = madsim::task::spawn(cluster.clone().supervise());
        (0..cluster.size()).for_each(|member| cluster.start(member));
        scenario(Bed { world: world.clone(), cluster: cluster.clone() }).await;
        supervisor.abort();
        cluster.end();
        world.clock.sleep(Duration::from_millis(1)).await;
        assert!(world.violation().is_none(), "{:?}", world.violation());
    });
}

impl Bed {
    async fn until<T>(&self, what: &str, mut found: impl FnMut() -> Option<T>) -> T {
        let end = self.world.clock.now() + PATIENCE;
        loop {
            if let Some(found) = found() {
                return found;
            }
            assert!(self.world.clock.now() < end, "not in {PATIENCE:?}: {what}");
            self.world.clock.sleep(Duration::from_micros(100)).await;
        }
    }

    fn running(&self, member: usize) -> Running {
        self.cluster.running(member).expect("nothing stops a member here")
    }

    /// Waits until all follow one leader and have published themselves; gives the leader.
    async fn leader(&self) -> usize {
        let size = self.cluster.size();
        let led = || {
            let all: Option<Vec<Running>> = (0..size).map(|at| self.cluster.running(at)).collect();
            let views: Vec<_> = all?.iter().map(|running| running.api.overview()).collect();
            let decided = views.iter().all(|view| view.cluster_version == "3.7.0");
            let leader = self.world.member_of(views[0].leader)?;
            (decided && views.iter().all(|view| view.leader == views[0].leader)).then_some(leader)
        };
        self.until("one leads", led).await
    }

    /// Makes a call as a task of the member.
    fn call<F>(
        &self,
        member: usize,
        call: impl FnOnce(Api<SimEnv>) -> F,
    ) -> JoinHandle<Result<Bytes, ApiError>>
    where
        F: Future<Output = Result<Bytes, ApiError>> + Send + 'static,
    {
        let running = self.running(member);
        running.node.spawn(call(running.api))
    }

    fn put(&self, member: usize) -> JoinHandle<Result<Bytes, ApiError>> {
        let request = pb::PutRequest { key: "k".into(), value: "v".into(), ..Default::default() };
        self.call(member, |api| async move { api.put(&Caller::root(), request).await })
    }

    fn cut(&self, from: usize, to: usize) {
        lock(&self.world.net).set_cut(self.world.clock.now(), from, to, true);
    }
}

async fn refused(call: JoinHandle<Result<Bytes, ApiError>>, code: Code, text: &str) {
    let error = call.await.expect("no panic").expect_err("it is refused");
    assert_eq!((error.code, error.text.as_ref()), (code, text));
}

#[test]
fn no_downgrade_is_possible_before_the_cluster_has_a_version() {
    with(plan(1, 1), async |bed| {
        let led = || {
            let overview = bed.cluster.running(0)?.api.overview();
            (!overview.leader.is_zero()).then_some(overview.cluster_version)
        };
        assert_eq!(bed.until("it leads", led).await, "", "the version comes later");
        let action = DowngradeAction::Validate.into();
        let request = pb::DowngradeRequest { action, version: "3.6".into() };
        let call = bed.call(0, |api| async move { api.downgrade(&Caller::root(), request).await });
        let text = "etcdserver: cluster version not found during downgrade";
        refused(call, Code::FailedPrecondition, text).await;
    });
}

#[test]
fn a_proposal_that_went_to_a_leader_who_fell_is_told_so() {
    with(plan(2, 3), async |bed| {
        let leader = bed.leader().await;
        let (here, there) = ((leader + 1) % 3, (leader + 2) % 3);
        for other in [here, there] {
            bed.cut(leader, other);
            bed.cut(other, leader);
        }
        let call = bed.put(here);
        let text = "etcdserver: request timed out, possibly due to previous leader failure";
        refused(call, Code::Unavailable, text).await;
        assert_ne!(bed.world.member_of(bed.running(here).api.overview().leader), Some(leader));
    });
}

#[test]
fn a_proposal_that_did_not_get_through_to_the_leader_is_told_so() {
    with(plan(3, 3), async |bed| {
        let leader = bed.leader().await;
        let here = (leader + 1) % 3;
        // The other way is open, so that the leader is still followed.
        bed.cut(here, leader);
        let call = bed.put(here);
        let text = "etcdserver: request timed out, possibly due to connection lost";
        refused(call, Code::Unavailable, text).await;
        assert_eq!(bed.world.member_of(bed.running(here).api.overview().leader), Some(leader));
    });
}

#[test]
fn who_gets_no_answer_without_a_leader_or_from_a_healthy_one_is_told_no_reason() {
    with(plan(4, 3), async |bed| {
        let leader = bed.leader().await;
        let (here, there) = ((leader + 1) % 3, (leader + 2) % 3);
        for (from, to) in [(here, leader), (leader, here), (here, there), (there, here)] {
            bed.cut(from, to);
        }
        let gone = || bed.running(here).api.overview().leader.is_zero().then_some(());
        bed.until("the leader is missed", gone).await;
        let call = bed.put(here);
        refused(call, Code::Unavailable, "etcdserver: request timed out").await;
        let ask = pb::LeaseTimeToLiveRequest { id: 1, keys: false };
        let call =
            bed.call(here, |api| async move { api.lease_time_to_live(&Caller::root(), ask).await });
        refused(call, Code::Unavailable, "etcdserver: no leader").await;
    });
}

/// A leader whose own disk stands still: what the others commit is not applied there.
#[test]
fn a_leader_that_does_not_come_to_apply_refuses_what_needs_it_to() {
    let mut plan = plan(5, 3);
    plan.cluster.knobs.insert("apply_lag_max".into(), 64);
    with(plan, async |bed| {
        let leader = bed.leader().await;
        let patient = Duration::from_secs(30);
        lock(&bed.world.seats[leader].disk).faults.sync_min = patient;
        let waiting: Vec<_> = (0..200).map(|_| bed.put(leader)).collect();
        let behind = || {
            let overview = bed.running(leader).api.overview();
            (overview.committed.get() > overview.applied.get() + 64).then_some(())
        };
        bed.until("the others commit", behind).await;
        let refusal = bed.put(leader);
        refused(refusal, Code::Unknown, "etcdserver: too many requests").await;
        let ask = pb::LeaseTimeToLiveRequest { id: 1, keys: false };
        let call = bed
            .call(leader, |api| async move { api.lease_time_to_live(&Caller::root(), ask).await });
        let text = "etcdserver: request timed out, waiting for the applied index took too long";
        refused(call, Code::Unavailable, text).await;
        waiting.into_iter().for_each(|call| call.abort());
    });
}
