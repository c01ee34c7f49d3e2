//! The start of a member: recognise the data directory, recover log and backend, start the tasks.
//!
//! The marker is read before anything is written and written before anything else is. Recovery
//! decides nothing by itself: what a damaged log means is the log's decision.

mod identity;
mod join;
mod recover;
mod start;

use base::MemberId;

use self::identity::Identity;
pub use self::join::JoinError;
pub use self::start::Node;
use crate::config::NodeConfig;
use crate::env::{DiskError, Env, Net};
use crate::marker::{self, MarkerError};

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
        "the data directory belongs to {found}, but the configuration describes member \
         {described}; use another --data-dir, or the --name and --initial-cluster-token it was \
         created with"
    )]
    OtherMember {
        /// What the directory says.
        found: String,
        /// What the configuration says.
        described: String,
    },
    /// The directory was made and never got a log, and the configuration has changed since.
    #[error(
        "the data directory of member {0} holds no log, and --initial-cluster describes another \
         member; start it with the --initial-cluster it was created with, or delete the directory"
    )]
    NoLog(MemberId),
    /// The running cluster does not let the member in.
    #[error(transparent)]
    Join(#[from] JoinError),
    /// The member was removed.
    #[error(
        "member {0} was removed from its cluster and cannot start again; to bring it back, delete \
         its data directory, run `member add`, and start it with --initial-cluster-state=existing"
    )]
    Removed(MemberId),
    /// The own name is not in the initial cluster.
    #[error("couldn't find local name \"{0}\" in the initial cluster configuration")]
    NameMissing(String),
    /// The log is damaged or foreign.
    #[error("{0}")]
    Log(String),
    /// The backend cannot be read.
    #[error("{0}")]
    Backend(String),
}

/// Starts a member: when this returns, it takes part in its cluster.
///
/// # Errors
/// See [`BootError`].
pub async fn boot<E: Env>(env: E, config: NodeConfig) -> Result<Node<E>, BootError> {
    let identity = match marker::read(env.disk()).await? {
        Some(marker) => {
            let identity = Identity::of_marker(&config, &marker)?;
            // The marker may have outlived the log; or the log was never begun.
            if !recover::has_log(&env).await? {
                identity::refuse_a_second_bootstrap(&env, &config, identity.member).await?;
            }
            identity
        }
        None => {
            let identity = Identity::of_first_start(&env, &config).await?;
            marker::write(env.disk(), &identity.marker(&config)).await?;
            identity
        }
    };
    env.net().identify(identity.member, identity.cluster);
    env.net().introduce(identity.met.clone());
    let recovered = recover::recover(&env, &config, &identity).await?;
    if recovered.machine.members().is_removed(identity.member) {
        return Err(BootError::Removed(identity.member));
    }
    Ok(start::start(env, config, identity, recovered))
}
