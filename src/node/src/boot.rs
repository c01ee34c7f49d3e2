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
use crate::env::{DiskError, DiskErrorKind, Env, Net};
use crate::marker::{self, Marker, MarkerError};
use crate::snapshots::store;

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
    /// The directory had a log and has none any more.
    #[error(
        "the data directory of member {0} has lost its log (member/wal, or what --wal-dir names): \
         starting empty would deny what this member acknowledged; bring the log back, or restore a \
         snapshot; in a cluster, remove this member, delete its data directory, and add it again"
    )]
    LostLog(MemberId),
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
    /// Another member holds something else at the same revision.
    #[error(
        "{member} found data inconsistency with peers: at revision {revision} it holds other keys \
         than {others}; compare the members with `endpoint hashkv`, remove the one that differs \
         from most, delete its data directory, and add it again"
    )]
    Inconsistent {
        /// This member.
        member: MemberId,
        /// The revision that it has recovered.
        revision: i64,
        /// Who holds something else.
        others: String,
    },
    /// The backend cannot be read.
    #[error("{0}")]
    Backend(String),
}

/// Starts a member: when this returns, it takes part in its cluster.
///
/// # Errors
/// See [`BootError`].
pub async fn boot<E: Env>(env: E, config: NodeConfig) -> Result<Node<E>, BootError> {
    let (identity, marker, is_first) = match marker::read(env.disk()).await? {
        Some(marker) => {
            let identity = Identity::of_marker(&config, &marker)?;
            require_log(&env, &config, &identity, &marker).await?;
            (identity, marker, false)
        }
        None => {
            let identity = Identity::of_first_start(&env, &config).await?;
            let marker = identity.marker(&config);
            marker::write(env.disk(), &marker).await?;
            (identity, marker, true)
        }
    };
    env.net().identify(identity.member, identity.cluster);
    env.net().introduce(identity.met.clone());
    let mut recovered = recover::recover(&env, &config, &identity).await?;
    note_log(&env, marker).await?;
    if recovered.machine.members().is_removed(identity.member) {
        return Err(BootError::Removed(identity.member));
    }
    if config.corruption.at_start && !is_first {
        let machine = &mut recovered.machine;
        crate::corruption::check_at_start(&env, &config, identity.member, machine).await?;
    }
    Ok(start::start(env, config, identity, recovered))
}

/// The marker may have outlived the log; or the log was never begun.
async fn require_log<E: Env>(
    env: &E,
    config: &NodeConfig,
    identity: &Identity,
    marker: &Marker,
) -> Result<(), BootError> {
    if recover::has_log(env).await? {
        return Ok(());
    }
    if marker.log_begun || store::has_restored(env).await? {
        return Err(BootError::LostLog(identity.member));
    }
    identity::refuse_a_second_bootstrap(env, config, identity.member).await
}

/// Records that there is a log, once. A full disk only puts it off.
async fn note_log<E: Env>(env: &E, marker: Marker) -> Result<(), BootError> {
    if marker.log_begun {
        return Ok(());
    }
    match marker::write(env.disk(), &Marker { log_begun: true, ..marker }).await {
        Err(MarkerError::Disk(error)) if error.kind == DiskErrorKind::NoSpace => Ok(()),
        done => done.map_err(BootError::Marker),
    }
}
