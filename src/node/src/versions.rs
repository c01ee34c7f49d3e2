//! The version of the cluster, which its leader decides: raised to what all members understand,
//! lowered to the target of a downgrade; and a downgrade ends once all members run its target.

use std::time::Duration;

use base::Instant;
use proto::etcdserverpb::InternalRaftRequest;
use proto::membershippb::ClusterVersionSetRequest;
use state::Downgrade;

use crate::api::{Api, Caller};
use crate::env::{Env, Net, PeerRequest, PeerResponse, Role, Sleep};
use crate::version::{self, is_downgrade, minor};

/// How often the leader looks at the members' versions.
const VERSION_CHECK: Duration = Duration::from_secs(4);

/// The same while the version is the one of a cluster whose members were not all there yet.
const VERSION_CHECK_AT_START: Duration = Duration::from_millis(500);

/// Major and minor.
type Minor = (u64, u64);

/// Runs until the member stops.
pub(crate) async fn run<E: Env>(api: Api<E>) {
    let inner = &api.inner;
    let now = inner.env.now();
    let mut check = inner.env.sleep_until(now);
    let every = inner.config.downgrade_check_interval;
    let mut downgrade = inner.env.sleep_until(next(now, every));
    loop {
        tokio::select! {
            biased;
            () = inner.shared.wait_stopped() => return,
            () = &mut check => {
                decide_version(&api).await;
                let starts = inner.views.load().rest.cluster_version == version::MIN_CLUSTER;
                let pause = if starts { VERSION_CHECK_AT_START } else { VERSION_CHECK };
                check.reset(inner.env.now() + pause);
            }
            () = &mut downgrade, if !every.is_zero() => {
                end_downgrade(&api).await;
                downgrade.reset(next(inner.env.now(), every));
            }
        }
    }
}

fn next(now: Instant, every: Duration) -> Instant {
    now + every.max(Duration::from_millis(1))
}

async fn decide_version<E: Env>(api: &Api<E>) {
    let inner = &api.inner;
    if inner.shared.role() != Role::Leader {
        return;
    }
    let rest = inner.views.load().rest.clone();
    let cluster = minor(&rest.cluster_version);
    if cluster == minor(version::CLUSTER) && !rest.downgrade.enabled {
        return;
    }
    let servers = server_versions(api, &rest.members).await;
    let lowest = servers.and_then(|servers| servers.into_iter().min());
    let Some((major, minor)) = decide(cluster, lowest, &rest.downgrade) else { return };
    let version = ClusterVersionSetRequest { ver: format!("{major}.{minor}.0") };
    let request = InternalRaftRequest {
        cluster_version_set: Some(version),
        ..InternalRaftRequest::default()
    };
    // A failed attempt is repeated at the next look.
    let _later = api.propose(&Caller::default(), request).await;
}

/// What the cluster's version should become; `None` when it stays. `lowest` is the oldest server's,
/// unknown while one does not answer.
fn decide(cluster: Option<Minor>, lowest: Option<Minor>, downgrade: &Downgrade) -> Option<Minor> {
    let Some(cluster) = cluster else {
        return lowest.or_else(|| minor(version::MIN_CLUSTER));
    };
    let lowest = lowest?;
    if !downgrade.enabled {
        return (cluster.0 == lowest.0 && cluster < lowest).then_some(lowest);
    }
    let target = minor(&downgrade.target_version)?;
    (is_downgrade(cluster, target) && is_downgrade(lowest, target)).then_some(target)
}

async fn end_downgrade<E: Env>(api: &Api<E>) {
    let inner = &api.inner;
    if inner.shared.role() != Role::Leader {
        return;
    }
    let rest = inner.views.load().rest.clone();
    if !rest.downgrade.enabled {
        return;
    }
    let target = minor(&rest.downgrade.target_version);
    let servers = server_versions(api, &rest.members).await;
    if servers.is_some_and(|servers| servers.iter().all(|found| Some(*found) == target)) {
        // A failed attempt is repeated at the next look.
        let _later = api.cancel_downgrade(&Caller::default()).await;
    }
}

/// The version of each member's server; `None` while one does not answer.
async fn server_versions<E: Env>(api: &Api<E>, members: &[state::Member]) -> Option<Vec<Minor>> {
    let inner = &api.inner;
    let mut found = vec![minor(version::SERVER)?];
    for member in members.iter().filter(|member| member.member_id() != inner.member) {
        let deadline = inner.env.now() + inner.config.election_timeout;
        let id = member.member_id();
        let answer = inner.env.net().call(id, PeerRequest::Version, deadline).await;
        let Ok(PeerResponse::Version { server, .. }) = answer else { return None };
        found.push(minor(&server)?);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_follows_the_oldest_server_upwards() {
        let none = Downgrade::default();
        assert_eq!(decide(None, None, &none), Some((3, 0)), "an undecided cluster serves nobody");
        assert_eq!(decide(None, Some((3, 7)), &none), Some((3, 7)));
        assert_eq!(decide(Some((3, 0)), None, &none), None);
        assert_eq!(decide(Some((3, 0)), Some((3, 6)), &none), Some((3, 6)));
        assert_eq!(decide(Some((3, 7)), Some((3, 6)), &none), None);
        assert_eq!(decide(Some((3, 7)), Some((4, 0)), &none), None);
    }

    #[test]
    fn a_downgrade_lowers_it_by_one_and_only_while_all_servers_are_above() {
        let to = |version| Downgrade::set(true, version);
        assert_eq!(decide(Some((3, 7)), Some((3, 7)), &to("3.6.0")), Some((3, 6)));
        assert_eq!(decide(Some((3, 6)), Some((3, 7)), &to("3.6.0")), None, "it is there");
        assert_eq!(decide(Some((3, 7)), None, &to("3.6.0")), None);
        assert_eq!(decide(Some((3, 7)), Some((3, 6)), &to("3.6.0")), None);
        assert_eq!(decide(Some((3, 7)), Some((3, 7)), &to("3.5.0")), None);
    }
}
