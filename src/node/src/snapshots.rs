//! Snapshots for followers that are too far behind. Until they are built a follower that needs one
//! is told so in the core's terms: the attempt failed, and it stays behind.

use base::MemberId;
use tokio::sync::mpsc;

use crate::raft_task::input::Notice;

/// Answers each request of the core.
pub(crate) async fn run(
    mut wanted: mpsc::UnboundedReceiver<MemberId>,
    notices: mpsc::UnboundedSender<Notice>,
) {
    while let Some(to) = wanted.recv().await {
        let _stopping = notices.send(Notice::SnapshotSent { to, ok: false });
    }
}
