//! Flags of the cluster: members, discovery, compaction.

use super::flags;
use crate::config::flag::Flag;
use crate::config::flag::Kind::{Bool, Duration, Int, OneOf, Text, UniqueTexts, Urls};

pub(super) const FLAGS: &[Flag] = flags! { Clustering:
    "initial-advertise-peer-urls" Urls, "http://localhost:2380", Built,
        "This member's peer URLs as told to the cluster.";
    "advertise-client-urls" Urls, "http://localhost:2379", Built,
        "This member's client URLs as told to the public.";
    "initial-cluster" Text, "default=http://localhost:2380", Built,
        "Members of a new cluster: name=peer-url,name=peer-url2.";
    "initial-cluster-state" OneOf(&["existing", "new"]), "new", Built,
        "Whether the cluster is 'new' or 'existing'; ignored once there is data.";
    "initial-cluster-token" Text, "etcd-cluster", Built,
        "Told apart by this, clusters of the same members have different ids.";
    "strict-reconfig-check" Bool, "true", Built,
        "Reject membership changes that would lose the quorum.";
    "pre-vote" Bool, "true", Built,
        "Ask before an election, so that a member that comes back does not disturb the leader.";
    "max-learners" Int, "1", Built,
        "Learners that the cluster may have at a time.";
    "discovery-endpoints" UniqueTexts, "", Refused,
        "Endpoints of a discovery service.";
    "discovery-token" Text, "", Refused,
        "Token of the cluster at the discovery service.";
    "discovery-dial-timeout" Duration, "2s", Unused,
        "Discovery: time to connect.";
    "discovery-request-timeout" Duration, "5s", Unused,
        "Discovery: time for a request.";
    "discovery-keepalive-time" Duration, "2s", Unused,
        "Discovery: time between keepalives.";
    "discovery-keepalive-timeout" Duration, "6s", Unused,
        "Discovery: time that a keepalive may go unanswered.";
    "discovery-insecure-transport" Bool, "true", Unused,
        "Discovery: connect without TLS.";
    "discovery-insecure-skip-tls-verify" Bool, "false", Unused,
        "Discovery: accept any certificate.";
    "discovery-cert" Text, "", Unused,
        "Discovery: client certificate.";
    "discovery-key" Text, "", Unused,
        "Discovery: key of the client certificate.";
    "discovery-cacert" Text, "", Unused,
        "Discovery: certificates to verify the service by.";
    "discovery-user" Text, "", Unused,
        "Discovery: user[:password].";
    "discovery-password" Text, "", Unused,
        "Discovery: password.";
    "discovery-fallback" OneOf(&["exit", "proxy"]), "exit", Refused,
        "What to do when discovery fails.";
    "discovery-srv" Text, "", Refused,
        "DNS domain that lists the cluster.";
    "discovery-srv-name" Text, "", Refused,
        "Suffix of the service name in DNS.";
    "auto-compaction-mode" Text, "periodic", Built,
        "How --auto-compaction-retention is read: 'periodic' or 'revision'.";
    "auto-compaction-retention" Text, "0", Built,
        "History to keep: a time such as '5m' (a bare number is hours), or revisions; 0 for all.";
};
