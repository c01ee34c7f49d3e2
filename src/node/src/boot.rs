//! The start of a member: recognise the data directory, recover log and backend, start the tasks.
//!
//! The marker is read before anything is written and written before anything else is. Recovery
//! decides nothing by itself: what a damaged log means is the log's decision.

mod identity;
mod recover;
mod start;

use base::{ClusterId, MemberId};

pub use self::start::Node;
use crate::config::NodeConfig;
use crate::env::{DiskError, Env, Net};
use crate::marker::{self, Marker, MarkerError};

/// Why a member cannot start. Nothing was lost; each text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// The data directory cannot be used.
    #[error(transparent)]
    Marker(#[from] MarkerError),
    /// The directory belongs to another member or cluster.
    #[error(
        "the data directory belongs to member {found_member} of cluster {found_cluster}, but the \
         configuration describes member {member} of cluster {cluster}; use another --data-dir, or \
         the --name, --initial-cluster and --initial-cluster-token it was created with"
    )]
    OtherMember {
        /// What the directory says.
        found_member: MemberId,
        /// What the directory says.
        found_cluster: ClusterId,
        /// What the configuration says.
        member: MemberId,
        /// What the configuration says.
        cluster: ClusterId,
    },
    /// The own name is not in the initial cluster.
    #[error("couldn't find local name \"{0}\" in the initial cluster configuration")]
    NameMissing(String),
    /// The log is damaged or foreign.
    #[error("{0}")]
    Log(String),
    /// The backend cannot be read.
    #[error("{0}")]
    Backend(String),
    /// A way to start that is not built.
    #[error("not supported yet: {0}")]
    NotSupported(&'static str),
}

/// Starts a member: when this returns, it takes part in its cluster.
///
/// # Errors
/// See [`BootError`].
pub async fn boot<E: Env>(env: E, config: NodeConfig) -> Result<Node<E>, BootError> {
    let identity = identity::Identity::of(&config)?;
    let marker = marker::read(env.disk()).await?;
    let identity = match &marker {
        Some(marker) => identity.of_marker(marker)?,
        None => {
            let marker = Marker::new(identity.cluster, identity.member);
            marker::write(env.disk(), &marker).await?;
            identity
        }
    };
    env.net().identify(identity.member, identity.cluster);
    let recovered = recover::recover(&env, &config, &identity).await?;
    Ok(start::start(env, config, identity, recovered))
}
