//! Calls that are not built yet: each says so.

use proto::etcdserverpb as pb;
use tokio::sync::mpsc;

use super::{Answer, Api, Caller};
use crate::env::Env;
use crate::error::ApiError;

impl<E: Env> Api<E> {
    /// Maintenance.Hash
    ///
    /// # Errors
    /// Not built yet.
    pub async fn hash(&self, _caller: &Caller, _request: pb::HashRequest) -> Answer {
        Err(ApiError::unimplemented("Hash"))
    }

    /// Maintenance.Snapshot: encoded `SnapshotResponse`s.
    ///
    /// # Errors
    /// Not built yet.
    pub async fn snapshot(
        &self,
        _caller: &Caller,
        _request: pb::SnapshotRequest,
    ) -> Result<mpsc::Receiver<Answer>, ApiError> {
        Err(ApiError::unimplemented("Snapshot"))
    }
}
