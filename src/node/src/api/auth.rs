//! Users, roles and tokens. All of it goes through the log, reads included, and is decided there;
//! only passwords are hashed and compared here, on the pool.

use base::mark;
use futures_util::future::BoxFuture;
use proto::authpb;
use proto::etcdserverpb as pb;
use state::{AuthReply, Reply};
use tokio::sync::OwnedSemaphorePermit;

use super::header::encoded;
use super::kv::unexpected;
use super::{Answer, Api, Caller, until};
use crate::auth::{Claims, TokenKind, compare_password, hash_password, not_signed, prefix};
use crate::env::Env;
use crate::error::ApiError;

/// A call whose answer has nothing but a header.
macro_rules! plain {
    ($($(#[$doc:meta])* $name:ident($request:ident) -> $response:ident, $field:ident;)*) => {
        impl<E: Env> Api<E> {
            $($(#[$doc])*
            ///
            /// # Errors
            /// As etcd.
            pub async fn $name(&self, caller: &Caller, request: pb::$request) -> Answer {
                let request =
                    pb::InternalRaftRequest { $field: Some(request), ..Default::default() };
                let (header, _) = self.ask_auth(caller, request).await?;
                Ok(encoded(&pb::$response { header }))
            })*
        }
    };
}

plain! {
    /// Auth.AuthEnable
    auth_enable(AuthEnableRequest) -> AuthEnableResponse, auth_enable;
    /// Auth.AuthDisable
    auth_disable(AuthDisableRequest) -> AuthDisableResponse, auth_disable;
    /// Auth.UserDelete
    user_delete(AuthUserDeleteRequest) -> AuthUserDeleteResponse, auth_user_delete;
    /// Auth.UserGrantRole
    user_grant_role(AuthUserGrantRoleRequest) -> AuthUserGrantRoleResponse, auth_user_grant_role;
    /// Auth.UserRevokeRole
    user_revoke_role(AuthUserRevokeRoleRequest) -> AuthUserRevokeRoleResponse,
        auth_user_revoke_role;
    /// Auth.RoleAdd
    role_add(AuthRoleAddRequest) -> AuthRoleAddResponse, auth_role_add;
    /// Auth.RoleDelete
    role_delete(AuthRoleDeleteRequest) -> AuthRoleDeleteResponse, auth_role_delete;
    /// Auth.RoleGrantPermission
    role_grant_permission(AuthRoleGrantPermissionRequest) -> AuthRoleGrantPermissionResponse,
        auth_role_grant_permission;
    /// Auth.RoleRevokePermission
    role_revoke_permission(AuthRoleRevokePermissionRequest) -> AuthRoleRevokePermissionResponse,
        auth_role_revoke_permission;
}

type Asked = Result<(Option<pb::ResponseHeader>, AuthReply), ApiError>;

impl<E: Env> Api<E> {
    /// Proposes a request about users and roles and waits until it is applied here.
    async fn ask_auth(&self, caller: &Caller, request: pb::InternalRaftRequest) -> Asked {
        self.require_leader(caller)?;
        let completed = Box::pin(self.propose(caller, request)).await?;
        match completed.reply {
            Reply::Auth(reply) => Ok((Some(self.header(completed.revision)), reply)),
            other => Err(unexpected(&other)),
        }
    }

    async fn ask_names(
        &self,
        caller: &Caller,
        request: pb::InternalRaftRequest,
    ) -> Result<(Option<pb::ResponseHeader>, Vec<String>), ApiError> {
        match self.ask_auth(caller, request).await? {
            (header, AuthReply::Names(names)) => Ok((header, names)),
            (_, other) => Err(unexpected(&Reply::Auth(other))),
        }
    }

    /// Auth.AuthStatus: for everybody.
    ///
    /// # Errors
    /// As etcd.
    pub async fn auth_status(&self, caller: &Caller, request: pb::AuthStatusRequest) -> Answer {
        let request = pb::InternalRaftRequest { auth_status: Some(request), ..Default::default() };
        match self.ask_auth(caller, request).await? {
            (header, AuthReply::Status { enabled, revision }) => {
                Ok(encoded(&pb::AuthStatusResponse { header, enabled, auth_revision: revision }))
            }
            (_, other) => Err(unexpected(&Reply::Auth(other))),
        }
    }

    /// Auth.UserGet
    ///
    /// # Errors
    /// As etcd.
    pub async fn user_get(&self, caller: &Caller, request: pb::AuthUserGetRequest) -> Answer {
        let request =
            pb::InternalRaftRequest { auth_user_get: Some(request), ..Default::default() };
        let (header, roles) = self.ask_names(caller, request).await?;
        Ok(encoded(&pb::AuthUserGetResponse { header, roles }))
    }

    /// Auth.UserList
    ///
    /// # Errors
    /// As etcd.
    pub async fn user_list(&self, caller: &Caller, request: pb::AuthUserListRequest) -> Answer {
        let request =
            pb::InternalRaftRequest { auth_user_list: Some(request), ..Default::default() };
        let (header, users) = self.ask_names(caller, request).await?;
        Ok(encoded(&pb::AuthUserListResponse { header, users }))
    }

    /// Auth.RoleList
    ///
    /// # Errors
    /// As etcd.
    pub async fn role_list(&self, caller: &Caller, request: pb::AuthRoleListRequest) -> Answer {
        let request =
            pb::InternalRaftRequest { auth_role_list: Some(request), ..Default::default() };
        let (header, roles) = self.ask_names(caller, request).await?;
        Ok(encoded(&pb::AuthRoleListResponse { header, roles }))
    }

    /// Auth.RoleGet
    ///
    /// # Errors
    /// As etcd.
    pub async fn role_get(&self, caller: &Caller, request: pb::AuthRoleGetRequest) -> Answer {
        let request =
            pb::InternalRaftRequest { auth_role_get: Some(request), ..Default::default() };
        match self.ask_auth(caller, request).await? {
            (header, AuthReply::Permissions(perm)) => {
                Ok(encoded(&pb::AuthRoleGetResponse { header, perm }))
            }
            (_, other) => Err(unexpected(&Reply::Auth(other))),
        }
    }

    /// Auth.UserAdd
    ///
    /// # Errors
    /// As etcd.
    pub async fn user_add(&self, caller: &Caller, mut request: pb::AuthUserAddRequest) -> Answer {
        // Whoever is nobody is not worth a hash.
        self.require_user(caller).await?;
        let has_none = |options: &authpb::UserAddOptions| options.no_password;
        if !request.options.as_ref().is_some_and(has_none) {
            let password = std::mem::take(&mut request.password);
            request.hashed_password = self.hash_on_pool(password).await?;
        }
        // Never in the log, whatever it is good for.
        request.password.clear();
        let request =
            pb::InternalRaftRequest { auth_user_add: Some(request), ..Default::default() };
        let (header, _) = self.ask_auth(caller, request).await?;
        Ok(encoded(&pb::AuthUserAddResponse { header }))
    }

    /// Auth.UserChangePassword: an empty one is stored as no hash at all, which nothing matches.
    ///
    /// # Errors
    /// As etcd.
    pub async fn user_change_password(
        &self,
        caller: &Caller,
        mut request: pb::AuthUserChangePasswordRequest,
    ) -> Answer {
        self.require_user(caller).await?;
        if !request.password.is_empty() {
            let password = std::mem::take(&mut request.password);
            request.hashed_password = self.hash_on_pool(password).await?;
        }
        let request = pb::InternalRaftRequest {
            auth_user_change_password: Some(request),
            ..Default::default()
        };
        let (header, _) = self.ask_auth(caller, request).await?;
        Ok(encoded(&pb::AuthUserChangePasswordResponse { header }))
    }

    /// Auth.Authenticate: tried again when users or roles changed while the password was checked.
    ///
    /// # Errors
    /// As etcd.
    pub fn authenticate<'a>(
        &'a self,
        caller: &Caller,
        request: pb::AuthenticateRequest,
    ) -> BoxFuture<'a, Answer> {
        let allowed = self.require_leader(caller);
        Box::pin(async move {
            allowed?;
            self.log_in(request).await
        })
    }

    async fn log_in(&self, request: pb::AuthenticateRequest) -> Answer {
        self.read_barrier().await?;
        let pb::AuthenticateRequest { name, password } = request;
        loop {
            let (hash, checked_at) = self.auth().password_hash(&name)?;
            if !self.matches(password.clone(), hash).await? {
                return Err(ApiError::AUTH_FAILED);
            }
            let simple_token = match self.inner.config.tokens {
                TokenKind::Simple { .. } => {
                    prefix([self.inner.env.secret(), self.inner.env.secret()])
                }
                _ => String::new(),
            };
            let authenticate = pb::InternalAuthenticateRequest {
                name: name.clone(),
                password: String::new(),
                simple_token,
            };
            let request =
                pb::InternalRaftRequest { authenticate: Some(authenticate), ..Default::default() };
            let asked = self.ask_auth(&Caller::default(), request).await?;
            let (header, AuthReply::Authenticated { simple_token, revision }) = asked else {
                return Err(unexpected(&Reply::Auth(asked.1)));
            };
            // Signed before it is compared, as in etcd: whoever cannot sign says so at once.
            let token = self.token(name.clone(), simple_token, revision).await?;
            if checked_at == revision {
                return Ok(encoded(&pb::AuthenticateResponse { header, token }));
            }
            mark!("auth: password checked at an old revision");
        }
    }

    async fn token(&self, user: String, simple: String, revision: u64) -> Result<String, ApiError> {
        match &self.inner.config.tokens {
            TokenKind::Simple { .. } => Ok(simple),
            TokenKind::Off => Err(ApiError::AUTH_FAILED),
            TokenKind::Signed(signer) if !signer.can_sign() => Err(ApiError::VERIFY_ONLY),
            TokenKind::Signed(signer) => {
                let now = self.inner.env.unix_millis() / 1000;
                let signer = signer.clone();
                let claims = Claims { user, revision };
                let signed = self.inner.env.blocking(move || signer.sign(&claims, now)).await;
                signed.map_err(not_signed)
            }
        }
    }

    /// Hashes on the pool, a few at a time.
    async fn hash_on_pool(&self, password: String) -> Result<String, ApiError> {
        let turn = self.turn().await?;
        let cost = self.inner.config.bcrypt_cost;
        let salt = [self.inner.env.secret(), self.inner.env.secret()];
        let hash = move || {
            // Held until the work ends, which goes on when its caller has gone.
            let _turn = turn;
            hash_password(&password, cost, salt)
        };
        let hashed = self.inner.env.blocking(hash).await;
        hashed.map_err(|error| not_signed(error.to_string()))
    }

    async fn matches(&self, password: String, hash: bytes::Bytes) -> Result<bool, ApiError> {
        let turn = self.turn().await?;
        let compare = move || {
            let _turn = turn;
            compare_password(&password, &hash)
        };
        Ok(self.inner.env.blocking(compare).await)
    }

    /// So that logins of many clients leave the pool's threads to reads.
    async fn turn(&self) -> Result<OwnedSemaphorePermit, ApiError> {
        let deadline = self.inner.env.now() + self.inner.config.request_timeout();
        let turn = self.inner.password_turns.clone().acquire_owned();
        match until(&self.inner.env, deadline, turn).await {
            Some(turn) => turn.map_err(|_| ApiError::STOPPED),
            None => Err(ApiError::TIMEOUT),
        }
    }
}
