//! The versions that the API and the peers see: etcd's, whose behaviour this is.

/// The server's version.
pub const SERVER: &str = "3.7.1";

/// The highest cluster version that this server takes part in.
pub const CLUSTER: &str = "3.7.0";

/// The lowest cluster version that a peer may have.
pub const MIN_CLUSTER: &str = "3.0.0";

/// Major and minor number; `None` when it is no version.
#[must_use]
pub fn minor(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}
