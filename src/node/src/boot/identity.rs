//! Who a member is and with whom it begins: by its data directory when it has one, else by its
//! configuration, or by what the running cluster says of it.

use base::{ClusterId, MemberId};
use state::Member;

use super::join::join;
use super::{BootError, JoinError};
use crate::config::{InitialState, NodeConfig};
use crate::env::{Env, Net, PeerAddress, PeerRequest, PeerResponse};
use crate::ids::{cluster_id, member_id};
use crate::marker::Marker;

/// A member and the cluster it belongs to.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub member: MemberId,
    pub cluster: ClusterId,
    pub beginning: Beginning,
    /// Members that were met before the log names them.
    pub met: Vec<PeerAddress>,
}

/// With what the log begins, if there is none yet.
#[derive(Clone, Debug)]
pub(super) enum Beginning {
    /// With the first members of a new cluster, by id.
    New(Vec<Member>),
    /// Empty: the leader of a running cluster sends all of it.
    Joined,
    /// With nothing that could be known: the directory must hold a log.
    Lost,
}

impl Identity {
    /// The identity of a member without data: of a new cluster, or of one that runs.
    pub(super) async fn of_first_start<E: Env>(
        env: &E,
        config: &NodeConfig,
    ) -> Result<Identity, BootError> {
        match config.initial_state {
            InitialState::Existing => Ok(join(env, config).await?),
            InitialState::New => {
                let identity = Identity::of_new_cluster(config)?;
                refuse_a_second_bootstrap(env, config, identity.member).await?;
                Ok(identity)
            }
        }
    }

    /// The identity that a configuration describes in a new cluster.
    fn of_new_cluster(config: &NodeConfig) -> Result<Identity, BootError> {
        let mut members = Vec::new();
        for initial in &config.initial_cluster {
            let id = member_id(&initial.peer_urls, &config.cluster_token, None);
            let mut peer_urls = initial.peer_urls.clone();
            peer_urls.sort();
            let name = initial.name.clone();
            members.push(Member { id: id.get(), name, peer_urls, ..Member::default() });
        }
        members.sort_by_key(|member| member.id);
        let own = members.iter().find(|member| member.name == config.name);
        let own = own.ok_or_else(|| BootError::NameMissing(config.name.clone()))?;
        let ids: Vec<MemberId> = members.iter().map(Member::member_id).collect();
        let (member, cluster) = (own.member_id(), cluster_id(&ids));
        Ok(Identity { member, cluster, beginning: Beginning::New(members), met: Vec::new() })
    }

    /// The identity of a directory that was used before. As with etcd the initial cluster and its
    /// state no longer matter, because members come and go; but a directory that was made under
    /// another name or cluster token is another member's.
    pub(super) fn of_marker(config: &NodeConfig, marker: &Marker) -> Result<Identity, BootError> {
        let member = marker.member_id().expect("checked when the marker was read");
        let cluster = marker.cluster_id().expect("checked when the marker was read");
        let described = Identity::of_new_cluster(config).ok();
        if let Some(described) = described
            && (described.member, described.cluster) == (member, cluster)
            && !marker.joined
        {
            return Ok(described);
        }
        let differs = |known: &Option<String>, given: &str| {
            known.as_deref().is_some_and(|known| known != given)
        };
        if differs(&marker.name, &config.name)
            || differs(&marker.cluster_token, &config.cluster_token)
        {
            return Err(BootError::OtherMember {
                found: format!(
                    "member {member} ({}) of cluster {cluster} (token {})",
                    marker.name.as_deref().unwrap_or("unnamed"),
                    marker.cluster_token.as_deref().unwrap_or("unknown"),
                ),
                described: format!("{} (token {})", config.name, config.cluster_token),
            });
        }
        let beginning = if marker.joined { Beginning::Joined } else { Beginning::Lost };
        Ok(Identity { member, cluster, beginning, met: Vec::new() })
    }

    /// What a new data directory says of itself.
    pub(super) fn marker(&self, config: &NodeConfig) -> Marker {
        Marker {
            name: Some(config.name.clone()),
            cluster_token: Some(config.cluster_token.clone()),
            joined: matches!(self.beginning, Beginning::Joined),
            ..Marker::new(self.cluster, self.member)
        }
    }
}

/// A member whose directory was lost must not begin again under its old id: it would deny what it
/// acknowledged and vote twice (P8). Who runs already knows it by the client URLs it published.
/// Members that do not answer in an election timeout say nothing, or no cluster could begin.
pub(super) async fn refuse_a_second_bootstrap<E: Env>(
    env: &E,
    config: &NodeConfig,
    own: MemberId,
) -> Result<(), BootError> {
    let deadline = env.now() + config.election_timeout;
    let others = config.initial_cluster.iter().filter(|member| member.name != config.name);
    let urls = others.flat_map(|member| member.peer_urls.clone());
    let calls = urls.map(|url| env.net().call_url(url, PeerRequest::Members, deadline));
    for answer in futures_util::future::join_all(calls).await {
        let Ok((_, PeerResponse::Members(members))) = answer else { continue };
        let known = members.iter().find(|member| member.id == own.get());
        if known.is_some_and(|member| !member.client_urls.is_empty()) {
            return Err(JoinError::Bootstrapped(own).into());
        }
    }
    Ok(())
}
