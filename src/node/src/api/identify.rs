//! Who calls, and whether he may: the checks that are made before a call, beside those that the
//! state machine makes when an entry is applied.
//!
//! While authentication is off nothing here costs more than a look at the published view.

use std::sync::Arc;

use base::LeaseId;
use state::Access;
use state::auth::ROOT_USER;

use super::{Api, Caller, until};
use crate::auth::{Credentials, Principal, Token, TokenKind, index_of};
use crate::env::Env;
use crate::error::ApiError;

impl<E: Env> Api<E> {
    /// The applied users and roles.
    pub(crate) fn auth(&self) -> Arc<state::Auth> {
        self.inner.views.peek(|view| view.rest.auth.clone())
    }

    /// Whether calls need a user.
    #[must_use]
    pub fn is_auth_enabled(&self) -> bool {
        self.inner.views.peek(|view| view.rest.auth.is_enabled())
    }

    /// Who calls; nobody without credentials, or while authentication is off.
    ///
    /// # Errors
    /// `invalid auth token`.
    pub(crate) async fn identify(&self, caller: &Caller) -> Result<Option<Principal>, ApiError> {
        match self.is_auth_enabled() {
            false => Ok(None),
            // Kept out of each call's future, which is moved on its way.
            true => Box::pin(self.resolve(&caller.credentials)).await,
        }
    }

    async fn resolve(&self, credentials: &Credentials) -> Result<Option<Principal>, ApiError> {
        let known = |user: Arc<str>| Principal { user, revision: self.auth().revision() };
        match credentials {
            Credentials::Nobody => Ok(None),
            Credentials::Root => Ok(Some(known(Arc::from(ROOT_USER)))),
            Credentials::CommonName(name) => Ok(Some(known(name.clone()))),
            Credentials::Token(token) => match &self.inner.config.tokens {
                TokenKind::Off => Err(ApiError::INVALID_AUTH_TOKEN),
                TokenKind::Simple { ttl } => {
                    self.wait_for_token(token).await?;
                    // Before the look: whoever loses the token meanwhile has an old revision.
                    let revision = self.auth().revision();
                    let now = self.inner.env.now();
                    let user = self.inner.tokens.find(token.text(), now, *ttl);
                    let user = user.ok_or(ApiError::INVALID_AUTH_TOKEN)?;
                    Ok(Some(Principal { user, revision }))
                }
                TokenKind::Signed(signer) => {
                    let now = self.inner.env.unix_millis() / 1000;
                    let claims = signer.verify(token.text(), now);
                    let claims = claims.ok_or(ApiError::INVALID_AUTH_TOKEN)?;
                    let user = Arc::from(claims.user);
                    Ok(Some(Principal { user, revision: claims.revision }))
                }
            },
        }
    }

    /// Another member may have given the token for an entry that is not yet applied here.
    async fn wait_for_token(&self, token: &Token) -> Result<(), ApiError> {
        let index = index_of(token.text()).ok_or(ApiError::INVALID_AUTH_TOKEN)?;
        let shared = &self.inner.shared;
        if shared.applied() >= index {
            return Ok(());
        }
        let deadline = self.inner.env.now() + self.inner.config.request_timeout();
        match until(&self.inner.env, deadline, shared.wait_applied(index)).await {
            Some(true) => Ok(()),
            Some(false) => Err(ApiError::STOPPED),
            None => Err(ApiError::INVALID_AUTH_TOKEN),
        }
    }

    /// Demands a caller who is somebody.
    ///
    /// # Errors
    /// `user name is empty`, `invalid auth token`.
    pub(crate) async fn require_user(
        &self,
        caller: &Caller,
    ) -> Result<Option<Principal>, ApiError> {
        if !self.is_auth_enabled() {
            return Ok(None);
        }
        match self.identify(caller).await? {
            None if self.is_auth_enabled() => Err(ApiError::USER_EMPTY),
            who => Ok(who),
        }
    }

    /// Demands a caller with the root role.
    ///
    /// # Errors
    /// `permission denied`, `user name is empty`, `user name not found`, `invalid auth token`.
    pub(crate) async fn require_admin(
        &self,
        caller: &Caller,
    ) -> Result<Option<Principal>, ApiError> {
        let who = self.identify(caller).await?;
        self.auth().check_admin(Principal::identity(who.as_ref()).user)?;
        Ok(who)
    }

    /// Demands that a caller may access every key that hangs on a lease, or on any lease.
    ///
    /// # Errors
    /// As etcd.
    pub(super) async fn check_leases(
        &self,
        who: Option<&Principal>,
        access: Access,
        only: Option<LeaseId>,
    ) -> Result<(), ApiError> {
        let Some(who) = who.cloned() else { return Ok(()) };
        let auth = self.auth();
        if auth.check_admin(&who.user).is_ok() {
            return Ok(());
        }
        let revision = auth.revision();
        let permitted = self.ask_leases(move |leases| {
            let who = Principal::identity(Some(&who));
            let may = |lease: &state::Lease| {
                lease.keys().try_for_each(|key| auth.check_keys(who, access, key, &[]))
            };
            match only {
                Some(id) => leases.get(id).map_or(Ok(()), may),
                None => leases.iter().try_for_each(|(_, lease)| may(lease)),
            }
        });
        permitted.await??;
        match self.auth().revision() == revision {
            true => Ok(()),
            false => Err(ApiError::AUTH_OLD_REVISION),
        }
    }

    /// Whether nobody's rights have changed since the caller was identified: what was read
    /// meanwhile may not be his to see any more.
    ///
    /// # Errors
    /// `revision of auth store is old`.
    pub(super) fn confirm_revision(&self, who: Option<&Principal>) -> Result<(), ApiError> {
        let Some(who) = who.filter(|who| who.revision != 0) else { return Ok(()) };
        match self.inner.views.peek(|view| view.rest.auth.revision()) == who.revision {
            true => Ok(()),
            false => Err(ApiError::AUTH_OLD_REVISION),
        }
    }
}
