//! What a member must be able to do before it lets a call in, in etcd's order: capability, learner
//! restriction, client version, known leader.

use node::ApiError;

use super::call::Metadata;
use super::method::Kind;
use crate::metrics::Metrics;

/// What the gate needs to know of the member, now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    /// The cluster's version is not one that this server cannot serve.
    pub capable: bool,
    /// This member is a learner.
    pub learner: bool,
    /// A leader is known.
    pub leader: bool,
}

impl Gate {
    /// Whether a cluster of this version has the v3 API: `3.0` to `3.8`. As in etcd, so has one
    /// whose version is not decided yet: a new cluster serves before its leader comes to that.
    #[must_use]
    pub fn is_capable(cluster_version: &str) -> bool {
        if cluster_version.is_empty() {
            return true;
        }
        let mut parts = cluster_version.split('.');
        let minor = match (parts.next(), parts.next()) {
            (Some("3"), Some(minor)) => minor.parse::<u8>().ok(),
            _ => None,
        };
        minor.is_some_and(|minor| minor <= 8)
    }

    /// Lets a call in or says why not. Counts it by its client's version, as etcd does, once the
    /// first three checks are passed.
    pub(super) fn admit(
        self,
        metadata: &Metadata,
        kind: Kind,
        for_learners: bool,
        metrics: &Metrics,
    ) -> Result<(), ApiError> {
        if !self.capable {
            return Err(ApiError::NOT_CAPABLE);
        }
        if self.learner && !for_learners {
            return Err(ApiError::NOT_SUPPORTED_FOR_LEARNER);
        }
        let Ok(version) = metadata.client_version() else {
            return Err(ApiError::INVALID_CLIENT_API_VERSION);
        };
        metrics.client_requests.count(kind == Kind::Unary, version);
        if metadata.caller.require_leader && !self.leader {
            return Err(ApiError::NO_LEADER);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Gate;

    #[test]
    fn only_unknown_cluster_versions_are_not_capable() {
        for version in ["", "3.0.0", "3.7.0", "3.8.0"] {
            assert!(Gate::is_capable(version), "{version}");
        }
        for version in ["3.9.0", "4.0.0", "2.3.0", "3", "3.x.0"] {
            assert!(!Gate::is_capable(version), "{version}");
        }
    }
}
