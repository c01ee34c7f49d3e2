//! The whole content of a member against the oracle's, as a serializable reader sees it: after each
//! boot, when it is what the backend and the log gave back (A2), and at rest (A1, X1).

use node::{ApiError, Caller};
use proto::etcdserverpb::{RangeRequest, RangeResponse};

use crate::check::Violation;
use crate::cluster::Running;
use crate::sync::lock;
use crate::workload::client::decode;
use crate::world::World;

/// Judges a member's content under a check's name. What a member that died meanwhile would have
/// said does not count.
///
/// # Errors
/// The member's refusal.
pub async fn contents(
    world: &World,
    running: &Running,
    check: &'static str,
) -> Result<(), ApiError> {
    let request = RangeRequest {
        key: vec![0].into(),
        range_end: vec![0].into(),
        serializable: true,
        ..Default::default()
    };
    let (api, asked) = (running.api.clone(), request.clone());
    let task = running
        .node
        .spawn(async move { decode::<RangeResponse>(api.range(&Caller::root(), asked).await?) });
    let Ok(answer) = task.await else { return Ok(()) };
    let answer = answer?;
    if !running.life.is_alive() {
        return Ok(());
    }
    let mut checks = lock(&world.checks);
    let before = checks.operations.before(0);
    let verdict = checks.read(&before, false, &request, answer);
    checks.tally().hit(check);
    drop(checks);
    let member = running.life.member() + 1;
    world.judge(verdict.map_err(|violation| Violation {
        check,
        text: format!("the content of member {member} is not the oracle's: {}", violation.text),
    }));
    Ok(())
}
