//! Joining a cluster that runs: whoever listens at the peer URLs of `--initial-cluster` is asked
//! for the member list; the members are matched by their peer URLs, and the ids come from there.
//!
//! Every refusal leaves the data directory as it was. The rules are etcd's, and one more: a member
//! that had data before does not come back without it under the same id (P8).

use base::{ClusterId, MemberId};
use futures_util::future::join_all;
use proto::etcdserverpb::Member;

use super::identity::{Beginning, Identity};
use crate::config::{InitialMember, NodeConfig};
use crate::env::{CallError, Env, Net, PeerAddress, PeerRequest, PeerResponse};
use crate::version;

/// Why a member cannot join; each text says what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The own name is not in the initial cluster.
    #[error("couldn't find local name \"{0}\" in the initial cluster configuration")]
    NameMissing(String),
    /// Nobody else is named.
    #[error(
        "--initial-cluster-state=existing needs the peer URLs of running members in \
         --initial-cluster, which names only this member; take the value that `member add` printed"
    )]
    Alone,
    /// Nobody told the member list.
    #[error(
        "cannot fetch cluster info from peer urls: could not retrieve cluster information from the \
         given URLs: {0}; check that members run at the peer URLs in --initial-cluster"
    )]
    NoAnswer(String),
    /// The answers come from several clusters.
    #[error(
        "the peer URLs in --initial-cluster belong to different clusters: {0}; name the members of \
         one cluster"
    )]
    Clusters(String),
    /// The numbers of members differ.
    #[error(
        "error validating peerURLs: member count is unequal: --initial-cluster names {named}, the \
         cluster has {found} ({members}); run `member add` first, and take the value of \
         --initial-cluster that it printed"
    )]
    Count {
        /// Members in `--initial-cluster`.
        named: usize,
        /// Members of the cluster.
        found: usize,
        /// They.
        members: String,
    },
    /// A member of the cluster is not in the initial cluster.
    #[error(
        "error validating peerURLs: PeerURLs: no match found for existing member {0} in \
         --initial-cluster; name every member with the peer URLs that `member list` shows"
    )]
    Unmatched(String),
    /// This member had data before.
    #[error(
        "member {0} has run before, with data that is not in this data directory; starting it \
         without could lose what it acknowledged. Point --data-dir to its data, or remove the \
         member (member remove {0}) and add it again, which gives it a new id"
    )]
    HadData(MemberId),
    /// The same, in a cluster that was given as new.
    #[error(
        "member {0} has already been bootstrapped, with data that is not in this data directory. \
         Point --data-dir to its data, or remove the member (member remove {0}), add it again and \
         start it with --initial-cluster-state=existing"
    )]
    Bootstrapped(MemberId),
    /// The versions do not fit.
    #[error(
        "incompatible with current running cluster: {0}; this server joins clusters of versions \
         {min} to {max}", min = version::MIN_CLUSTER, max = version::CLUSTER
    )]
    Incompatible(String),
    /// The cluster has more learners than this member allows.
    #[error(
        "the cluster has {found} learners, --max-learners allows {allowed}; start every member \
         with the same --max-learners"
    )]
    Learners {
        /// Learners in the cluster.
        found: usize,
        /// `--max-learners`.
        allowed: usize,
    },
}

/// What one peer URL told.
struct Told {
    cluster: ClusterId,
    members: Vec<Member>,
}

/// Finds out who this member is in the cluster that runs.
pub(super) async fn join<E: Env>(env: &E, config: &NodeConfig) -> Result<Identity, JoinError> {
    let named = &config.initial_cluster;
    if !named.iter().any(|member| member.name == config.name) {
        return Err(JoinError::NameMissing(config.name.clone()));
    }
    let others = named.iter().filter(|member| member.name != config.name);
    let mut urls: Vec<String> = others.flat_map(|member| member.peer_urls.clone()).collect();
    urls.sort_unstable();
    if urls.is_empty() {
        return Err(JoinError::Alone);
    }
    let deadline = env.now() + config.request_timeout();
    let ask = |request: PeerRequest| {
        let calls =
            urls.iter().map(move |url| env.net().call_url(url.clone(), request.clone(), deadline));
        join_all(calls)
    };
    let (lists, versions) =
        futures_util::future::join(ask(PeerRequest::Members), ask(PeerRequest::Version)).await;
    let told = member_lists(&urls, lists)?;
    let (list, own) = recognise(env, config, &told).await?;
    if told.iter().flat_map(|told| &told.members).any(|member| had_data(member, own)) {
        return Err(JoinError::HadData(own));
    }
    check_versions(&urls, versions)?;
    let Told { cluster, members } = list;
    let found = members.iter().filter(|member| member.is_learner).count();
    if found > config.max_learners {
        return Err(JoinError::Learners { found, allowed: config.max_learners });
    }
    let met = members.iter().filter(|member| member.id != own.get());
    let address =
        |member: &Member| PeerAddress { id: MemberId(member.id), urls: member.peer_urls.clone() };
    let met = met.map(address).collect();
    Ok(Identity { member: own, cluster: *cluster, beginning: Beginning::Joined, met })
}

fn had_data(member: &Member, own: MemberId) -> bool {
    member.id == own.get() && !(member.name.is_empty() && member.client_urls.is_empty())
}

type Answer = Result<(ClusterId, PeerResponse), CallError>;

/// The lists of one cluster; a member that was never fed has none to tell.
fn member_lists(urls: &[String], answers: Vec<Answer>) -> Result<Vec<Told>, JoinError> {
    let mut told: Vec<Told> = Vec::new();
    let mut failures = Vec::new();
    for (url, answer) in urls.iter().zip(answers) {
        match answer {
            Ok((cluster, PeerResponse::Members(members)))
                if !members.is_empty() && cluster.get() != 0 =>
            {
                told.push(Told { cluster, members });
            }
            Ok(_) => failures.push(format!("{url} knows no members yet")),
            Err(error) => failures.push(format!("{url}: {error}")),
        }
    }
    let Some(first) = told.first() else { return Err(JoinError::NoAnswer(failures.join("; "))) };
    match told.iter().all(|other| other.cluster == first.cluster) {
        true => Ok(told),
        false => {
            let mut clusters: Vec<String> =
                told.iter().map(|told| told.cluster.to_string()).collect();
            clusters.sort_unstable();
            clusters.dedup();
            Err(JoinError::Clusters(clusters.join(", ")))
        }
    }
}

/// The first list that fits, and the own id in it. A member that lags may not know of the newest
/// yet, so any list that fits will do; when none does, the first one's fault is told.
async fn recognise<'a, E: Env>(
    env: &E,
    config: &NodeConfig,
    told: &'a [Told],
) -> Result<(&'a Told, MemberId), JoinError> {
    let mut fault = None;
    for list in told {
        match assign(env, config, &list.members).await {
            Ok(own) => return Ok((list, own)),
            Err(error) => {
                fault.get_or_insert(error);
            }
        }
    }
    Err(fault.expect("somebody told a list"))
}

/// Matches every member of the cluster to one that is named; gives the own id.
async fn assign<E: Env>(
    env: &E,
    config: &NodeConfig,
    members: &[Member],
) -> Result<MemberId, JoinError> {
    let named = &config.initial_cluster;
    let described = |member: &Member| format!("{} {}", member.name, member.peer_urls.join(","));
    if named.len() != members.len() {
        let members: Vec<String> = members.iter().map(described).collect();
        let (named, found) = (named.len(), members.len());
        let members = members.join("; ");
        return Err(JoinError::Count { named, found, members });
    }
    let mut own = None;
    for member in members {
        let found = match_by_urls(env, named, &member.peer_urls).await;
        let found = found.ok_or_else(|| {
            JoinError::Unmatched(format!("{:x} ({})", member.id, described(member).trim()))
        })?;
        if found.name == config.name {
            own = Some(MemberId(member.id));
        }
    }
    own.ok_or_else(|| JoinError::Unmatched(format!("with the peer URLs of \"{}\"", config.name)))
}

/// Texts are compared first; names are looked up only where they differ.
async fn match_by_urls<'a, E: Env>(
    env: &E,
    named: &'a [InitialMember],
    urls: &[String],
) -> Option<&'a InitialMember> {
    let sorted = |urls: &[String]| {
        let mut urls = urls.to_vec();
        urls.sort_unstable();
        urls
    };
    let wanted = sorted(urls);
    if let Some(found) = named.iter().find(|member| sorted(&member.peer_urls) == wanted) {
        return Some(found);
    }
    let resolve = |urls: &[String]| join_all(urls.iter().map(|url| env.net().resolve(url.clone())));
    let wanted = sorted(&resolve(urls).await);
    for member in named {
        if sorted(&resolve(&member.peer_urls).await) == wanted {
            return Some(member);
        }
    }
    None
}

/// At least one member must tell a cluster version, and each that does one that this server knows.
fn check_versions(urls: &[String], answers: Vec<Answer>) -> Result<(), JoinError> {
    let mut failures = Vec::new();
    let mut fits = false;
    for (url, answer) in urls.iter().zip(answers) {
        let cluster = match answer {
            Ok((_, PeerResponse::Version { cluster, .. })) => cluster,
            Ok(_) => continue,
            Err(error) => {
                failures.push(format!("{url}: {error}"));
                continue;
            }
        };
        match version::minor(&cluster) {
            None => failures.push(format!("{url}: the cluster version is {cluster}")),
            found
                if found < version::minor(version::MIN_CLUSTER)
                    || found > version::minor(version::CLUSTER) =>
            {
                let text = format!("the cluster at {url} has version {cluster}");
                return Err(JoinError::Incompatible(text));
            }
            Some(_) => fits = true,
        }
    }
    match fits {
        true => Ok(()),
        false => Err(JoinError::Incompatible(failures.join("; "))),
    }
}

#[cfg(test)]
mod tests;
