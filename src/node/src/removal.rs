//! A member that was removed stops itself: it learns so from its own log, or from a peer that
//! turns it away because its log says so.

use std::time::Duration;

use base::MemberId;

use crate::api::Api;
use crate::env::{Env, Net};

/// Time that a member goes on after it has applied its own removal: who removed it is answered, a
/// leader tells the others that the removal is committed, and hands over.
const FAREWELL: Duration = Duration::from_secs(1);

/// How a member learned that it was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Removal {
    /// By its own log.
    Applied,
    /// By a peer that does not listen to it any more.
    Told(MemberId),
}

impl<E: Env> Api<E> {
    /// Ends when this member was removed from its cluster and is to stop.
    pub async fn removed(&self) -> Removal {
        let applied = std::pin::pin!(self.inner.shared.wait_removed());
        let told = std::pin::pin!(self.inner.env.net().told_removed());
        tokio::select! {
            biased;
            () = applied => {}
            by = told => return Removal::Told(by),
        }
        self.inner.env.sleep_until(self.inner.env.now() + FAREWELL).await;
        Removal::Applied
    }
}
