//! A lease that is kept alive as long as the command runs; what it owns goes with it soon after.

use std::time::Duration;

use proto::etcdserverpb::LeaseGrantRequest;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout_at};

use super::Context;
use super::keep_alive::Renewals;
use crate::ctl::client::{Client, Effect, request};
use crate::ctl::failure::Failure;

/// The time to live that Go's client gives a session.
pub const TTL_SECONDS: i64 = 60;
/// How long to wait before a lost stream is opened again.
const RETRY: Duration = Duration::from_millis(500);

/// A session.
pub struct Session {
    /// Its lease.
    pub lease: i64,
    kept: JoinHandle<()>,
}

impl Drop for Session {
    fn drop(&mut self) {
        self.kept.abort();
    }
}

impl Session {
    /// Grants a lease and begins to keep it alive.
    pub async fn open(context: &Context<'_>, ttl: i64) -> Result<Session, Failure> {
        let client = context.client();
        let call = |channel| async move {
            let grant = request(LeaseGrantRequest { ttl, id: 0 });
            client.lease(channel).lease_grant(grant).await
        };
        let granted = client.call_within(None, Effect::Write, call).await?;
        let (settings, lease) = (context.settings.clone(), granted.id);
        let keeping = async move { keep(Client::new(&settings), lease, granted.ttl).await };
        Ok(Session { lease, kept: tokio::spawn(keeping) })
    }

    /// Waits until the lease is lost.
    pub async fn lost(&mut self) {
        // A task that panicked keeps nothing alive either.
        let _ended = (&mut self.kept).await;
    }
}

fn ttl_of(seconds: i64) -> Duration {
    Duration::from_secs(seconds.unsigned_abs())
}

/// Renews three times in each time to live, until the lease is gone or may be.
async fn keep(client: Client<'_>, lease: i64, ttl_seconds: i64) {
    let mut deadline = Instant::now() + ttl_of(ttl_seconds);
    let mut renewals = None;
    loop {
        let renewing = async {
            let open = match renewals.take() {
                Some(open) => open,
                None => Renewals::open(client, lease).await?,
            };
            let answer = renewals.insert(open).renew().await?;
            Ok::<i64, Failure>(answer.ttl)
        };
        match timeout_at(deadline, renewing).await {
            Err(_) => return,
            Ok(Ok(ttl)) if ttl <= 0 => return,
            Ok(Ok(ttl)) => {
                deadline = Instant::now() + ttl_of(ttl);
                sleep(ttl_of(ttl) / 3).await;
            }
            Ok(Err(_)) => {
                renewals = None;
                sleep(RETRY).await;
            }
        }
    }
}
