//! Who a member is and with whom it begins, by its configuration.

use base::{ClusterId, MemberId};
use state::Member;

use super::BootError;
use crate::config::{InitialState, NodeConfig};
use crate::ids::{cluster_id, member_id};
use crate::marker::Marker;

/// A member and the cluster it begins in.
#[derive(Clone, Debug)]
pub(super) struct Identity {
    pub member: MemberId,
    pub cluster: ClusterId,
    /// The first members of a new cluster, by id.
    pub members: Vec<Member>,
}

impl Identity {
    /// The identity that a configuration describes.
    pub(super) fn of(config: &NodeConfig) -> Result<Identity, BootError> {
        if config.initial_state == InitialState::Existing {
            return Err(BootError::NotSupported("--initial-cluster-state=existing"));
        }
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
        Ok(Identity { member: own.member_id(), cluster: cluster_id(&ids), members })
    }

    /// The identity of a directory that was used before, if the configuration does not contradict.
    pub(super) fn of_marker(self, marker: &Marker) -> Result<Identity, BootError> {
        let found_member = marker.member_id().expect("checked when the marker was read");
        let found_cluster = marker.cluster_id().expect("checked when the marker was read");
        if found_member == self.member && found_cluster == self.cluster {
            return Ok(self);
        }
        let (member, cluster) = (self.member, self.cluster);
        Err(BootError::OtherMember { found_member, found_cluster, member, cluster })
    }
}
