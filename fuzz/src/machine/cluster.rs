//! What a log holds beside the requests of clients: entries of the members themselves, and the
//! header that a proposer puts before each.

use proto::etcdserverpb::{InternalRaftRequest, RequestHeader};
use proto::membershippb::{
    Attributes, ClusterMemberAttrSetRequest, ClusterVersionSetRequest, DowngradeInfoSetRequest,
};

/// An entry that a member proposes by itself: the cluster's version, its own name and addresses,
/// or a downgrade.
pub fn entry(seed: u64) -> InternalRaftRequest {
    let mut request = InternalRaftRequest::default();
    let ver = ["3.6.0", "3.5.0", "", "3.7.0"][(seed >> 8) as usize % 4].to_owned();
    match seed % 3 {
        0 => request.cluster_version_set = Some(ClusterVersionSetRequest { ver }),
        1 => {
            let client_urls = (0..seed >> 16 & 3).map(|number| format!("http://{number}:1"));
            let name = ["", "one", "two", "three"][(seed >> 24) as usize % 4].to_owned();
            let attributes = Attributes { name, client_urls: client_urls.collect() };
            request.cluster_member_attr_set = Some(ClusterMemberAttrSetRequest {
                member_id: seed >> 8 & 3,
                member_attributes: (seed >> 12 & 3 != 0).then_some(attributes),
            });
        }
        _ => {
            let enabled = seed >> 16 & 1 == 1;
            request.downgrade_info_set = Some(DowngradeInfoSetRequest { enabled, ver });
        }
    }
    request
}

/// Names the request as a proposer does, in one of the two places there are, or not at all; gives
/// the name that the answer must be found under.
pub fn identify(request: &mut InternalRaftRequest, seed: u64) -> u64 {
    let id = [seed >> 4, 1, u64::MAX, 0][(seed >> 2) as usize % 4];
    let auth_revision = [0, 1, 7, u64::MAX][(seed >> 8) as usize % 4];
    let username = ["", "\u{e9}", "root", "alice"][(seed >> 12) as usize % 4].to_owned();
    match seed % 4 {
        0 => return 0,
        1 => request.id = id,
        _ => request.header = Some(RequestHeader { id, username, auth_revision }),
    }
    id
}
