//! Maintenance.Downgrade: checked here and decided by the log; what follows from it the leader does
//! by itself (`crate::versions`).

use proto::etcdserverpb as pb;
use proto::etcdserverpb::downgrade_request::DowngradeAction;
use proto::membershippb::DowngradeInfoSetRequest;
use state::Downgrade;

use super::header::encoded;
use super::{Answer, Api, Caller};
use crate::env::Env;
use crate::error::ApiError;
use crate::version::{is_downgrade, minor, short, target};

impl<E: Env> Api<E> {
    /// Maintenance.Downgrade
    ///
    /// # Errors
    /// As etcd, and so none for the end of a downgrade that is not under way.
    pub async fn downgrade(&self, caller: &Caller, request: pb::DowngradeRequest) -> Answer {
        self.require_leader(caller)?;
        self.require_admin(caller).await?;
        match DowngradeAction::try_from(request.action) {
            Ok(DowngradeAction::Validate) => {
                // The version that is answered is the one known before the check, as etcd has it.
                let version = self.cluster_version();
                self.validate_downgrade(&request.version).await?;
                Ok(self.downgrade_response(&version))
            }
            Ok(DowngradeAction::Enable) => {
                let target_version = self.validate_downgrade(&request.version).await?;
                self.propose_downgrade(caller, &Downgrade::set(true, &target_version)).await?;
                Ok(self.downgrade_response(&self.cluster_version()))
            }
            Ok(DowngradeAction::Cancel) => {
                if let Err(error) = self.cancel_downgrade(caller).await {
                    self.inner.env.warn(&format!("a downgrade is not cancelled: {error}"));
                }
                Ok(self.downgrade_response(&self.cluster_version()))
            }
            Err(_) => Err(ApiError::UNKNOWN_METHOD),
        }
    }

    /// Whether the cluster can be downgraded to this version; gives it as `X.Y.0`.
    async fn validate_downgrade(&self, text: &str) -> Result<String, ApiError> {
        let to = target(text).ok_or(ApiError::WRONG_DOWNGRADE_VERSION)?;
        minor(&self.cluster_version()).ok_or(ApiError::CLUSTER_VERSION_UNAVAILABLE)?;
        self.read_barrier().await?;
        let from = minor(&self.cluster_version()).ok_or(ApiError::CLUSTER_VERSION_UNAVAILABLE)?;
        if !is_downgrade(from, to) {
            return Err(ApiError::INVALID_DOWNGRADE_VERSION);
        }
        match self.current_downgrade().enabled {
            true => Err(ApiError::DOWNGRADE_IN_PROCESS),
            false => Ok(format!("{}.{}.0", to.0, to.1)),
        }
    }

    pub(crate) async fn cancel_downgrade(&self, caller: &Caller) -> Result<(), ApiError> {
        self.read_barrier().await?;
        match self.current_downgrade().enabled {
            true => self.propose_downgrade(caller, &Downgrade::default()).await,
            false => Err(ApiError::NO_INFLIGHT_DOWNGRADE),
        }
    }

    /// Whether a downgrade is under way, as of now.
    pub(crate) async fn downgrade_enabled(&self) -> Result<bool, ApiError> {
        self.read_barrier().await?;
        Ok(self.current_downgrade().enabled)
    }

    async fn propose_downgrade(
        &self,
        caller: &Caller,
        downgrade: &Downgrade,
    ) -> Result<(), ApiError> {
        let Downgrade { target_version, enabled } = downgrade.clone();
        let set = DowngradeInfoSetRequest { enabled, ver: target_version };
        let request =
            pb::InternalRaftRequest { downgrade_info_set: Some(set), ..Default::default() };
        self.propose(caller, request).await.map(drop)
    }

    fn cluster_version(&self) -> String {
        self.inner.views.peek(|view| view.rest.cluster_version.clone())
    }

    pub(crate) fn current_downgrade(&self) -> Downgrade {
        self.inner.views.peek(|view| view.rest.downgrade.clone())
    }

    fn downgrade_response(&self, version: &str) -> bytes::Bytes {
        let header = Some(self.header(self.inner.views.peek(|view| view.keys.revision())));
        encoded(&pb::DowngradeResponse { header, version: short(version) })
    }
}
