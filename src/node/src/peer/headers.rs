//! The headers by which peers know each other, and the rejections of those that do not belong.

use core::fmt;

use base::{ClusterId, MemberId};

use crate::version;

/// The headers of a request, as far as they matter here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PeerHeaders<'a> {
    /// `X-Server-Version`; absent in etcd 2.0.
    pub server_version: Option<&'a str>,
    /// `X-Min-Cluster-Version`; absent in etcd 2.0.
    pub min_cluster_version: Option<&'a str>,
    /// `X-Etcd-Cluster-ID`.
    pub cluster: Option<&'a str>,
    /// `X-Raft-To`, of streams.
    pub to: Option<&'a str>,
}

/// Why a peer is turned away. Status and text are what etcd's members expect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rejection {
    /// Its version and ours do not fit.
    IncompatibleVersion,
    /// It belongs to another cluster.
    ClusterMismatch,
    /// It looks for another member at this address.
    ToMismatch,
    /// It was removed.
    Removed,
    /// It is not (yet) a member here.
    UnknownSender,
}

impl Rejection {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> u16 {
        match self {
            Rejection::IncompatibleVersion | Rejection::ClusterMismatch | Rejection::ToMismatch => {
                412
            }
            Rejection::Removed => 410,
            Rejection::UnknownSender => 404,
        }
    }

    /// The body, without its line end.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Rejection::IncompatibleVersion => "incompatible version",
            Rejection::ClusterMismatch => "cluster ID mismatch",
            Rejection::ToMismatch => "to field mismatch",
            Rejection::Removed => "removed member",
            Rejection::UnknownSender => "error sender not found",
        }
    }

    /// The rejection that a peer answered with, if it is one.
    #[must_use]
    pub fn of_answer(status: u16, body: &str) -> Option<Rejection> {
        let all = [
            Rejection::IncompatibleVersion,
            Rejection::ClusterMismatch,
            Rejection::ToMismatch,
            Rejection::Removed,
            Rejection::UnknownSender,
        ];
        let text = body.trim_end_matches('\n');
        // Posts of a removed member are refused with a status of their own.
        if status == 403 {
            return Some(Rejection::Removed);
        }
        all.into_iter().find(|one| one.status() == status && (status == 410 || one.text() == text))
    }
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Checks version and cluster, in etcd's order.
///
/// # Errors
/// The rejection to answer with.
pub fn check_headers(headers: &PeerHeaders<'_>, cluster: ClusterId) -> Result<(), Rejection> {
    let version = |text: Option<&str>| minor_version(text.unwrap_or("2.0.0"));
    let compatible = match (version(headers.server_version), version(headers.min_cluster_version)) {
        (Some(server), Some(min_cluster)) => {
            Some(server) >= minor_version(version::MIN_CLUSTER)
                && Some(min_cluster) <= minor_version(version::SERVER)
        }
        _ => false,
    };
    if !compatible {
        return Err(Rejection::IncompatibleVersion);
    }
    match headers.cluster.and_then(parse_id) {
        Some(id) if id == cluster.get() => Ok(()),
        _ => Err(Rejection::ClusterMismatch),
    }
}

/// Checks that a stream looks for this member, once its sender is known.
///
/// # Errors
/// The rejection to answer with.
pub fn check_stream(headers: &PeerHeaders<'_>, local: MemberId) -> Result<(), Rejection> {
    match headers.to.and_then(parse_id) {
        Some(id) if id == local.get() => Ok(()),
        _ => Err(Rejection::ToMismatch),
    }
}

/// An id in hexadecimal, as headers and paths carry it.
#[must_use]
pub fn parse_id(text: &str) -> Option<u64> {
    let digits = text.bytes().all(|byte| byte.is_ascii_hexdigit());
    (digits && !text.is_empty()).then(|| u64::from_str_radix(text, 16).ok())?
}

/// Major and minor number; `None` when it is no version.
fn minor_version(text: &str) -> Option<(u64, u64)> {
    let mut parts = text.splitn(3, '.');
    let major = parts.next()?.parse().ok()?;
    let minor = parts.next()?.parse().ok()?;
    parts.next()?;
    Some((major, minor))
}
