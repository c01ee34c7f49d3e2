//! The orderly stop: refuse new work, hand leadership over, then end the tasks from the front to
//! the back, so that whatever was accepted is synced and recorded.

use std::time::Duration;

use crate::api::Api;
use crate::applier::Work;
use crate::env::{Env, Role};
use crate::raft_task::input::Command;

/// How long leadership may take to move before the member stops all the same.
const TRANSFER_MAX: Duration = Duration::from_secs(2);

/// How long the rest may take to be synced and recorded.
const DRAIN_MAX: Duration = Duration::from_secs(2);

/// Stops the member. Calls that wait are answered `server stopped`.
pub(crate) async fn stop<E: Env>(api: &Api<E>) {
    let inner = &api.inner;
    inner.shared.begin_stop();
    if inner.commands.send(Command::Stop).await.is_ok() {
        let deadline = inner.env.now() + TRANSFER_MAX;
        let handed = async {
            while inner.shared.role() == Role::Leader && !inner.commands.is_closed() {
                let mut changed = std::pin::pin!(inner.shared.role_changed.notified());
                changed.as_mut().enable();
                tokio::select! {
                    biased;
                    () = inner.commands.closed() => return,
                    () = changed => {}
                }
            }
        };
        crate::api::until(&inner.env, deadline, handed).await;
    }
    inner.shared.stop();
    inner.waiters.close();
    let _ended = inner.applier.send(Work::Stop);
    let deadline = inner.env.now() + DRAIN_MAX;
    crate::api::until(&inner.env, deadline, inner.shared.wait_ended()).await;
}
