//! A member compares itself with the others before it takes part.

use base::{MemberId, mark};
use state::Machine;

use super::ask;
use super::compare::Answer;
use crate::boot::BootError;
use crate::config::NodeConfig;
use crate::env::{Env, Net, PeerAddress};
use crate::error::ApiError;

/// Compares the recovered keys, at their own revision, with those of every member that answers and
/// has compacted to the same revision. Members that do not answer, or are too far behind or ahead,
/// only get a line in the log: a cluster that starts as a whole must be able to.
///
/// # Errors
/// [`BootError::Inconsistent`] if one holds something else.
pub(crate) async fn check<E: Env>(
    env: &E,
    config: &NodeConfig,
    own: MemberId,
    machine: &mut Machine<E::Backend>,
) -> Result<(), BootError> {
    let others = machine.members().iter().filter(|member| member.member_id() != own);
    let peers: Vec<PeerAddress> = others.map(PeerAddress::from).collect();
    if peers.is_empty() {
        return Ok(());
    }
    let view = machine.store_mut().view();
    let hash = env.blocking(move || view.hash_kv(0)).await;
    let hash = hash.map_err(|error| BootError::Backend(error.to_string()))?;
    let ids: Vec<MemberId> = peers.iter().map(|peer| peer.id).collect();
    env.net().set_peers(peers);
    let answers = ask(env, ids.into_iter(), hash.hash_revision, config.request_timeout()).await;
    let mut others = Vec::new();
    for Answer { member, said } in answers {
        match said {
            Ok(found) if found.compact_revision != hash.compact_revision => env.warn(&format!(
                "initial corruption check: member {member} has compacted to {}, this one to {}",
                found.compact_revision, hash.compact_revision
            )),
            Ok(found) if found.hash != hash.hash => others.push(member.to_string()),
            Ok(_) => mark!("corruption: a starting member holds what another holds"),
            Err(text) => env.warn(&skipped(member, &text)),
        }
    }
    if others.is_empty() {
        return Ok(());
    }
    mark!("corruption: a starting member holds something else");
    Err(BootError::Inconsistent {
        member: own,
        revision: hash.hash_revision,
        others: others.join(", "),
    })
}

fn skipped(member: MemberId, text: &str) -> String {
    let why = match text {
        _ if text == ApiError::FUTURE_REVISION.text => "it is behind this one",
        _ if text == ApiError::COMPACTED.text => "this one is behind it",
        _ => text,
    };
    format!("initial corruption check: no hash of member {member}: {why}")
}
