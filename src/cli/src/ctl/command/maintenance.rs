//! `compaction`, `defrag` and `move-leader`.

use std::time::Instant;

use proto::etcdserverpb::{CompactionRequest, DefragmentRequest, MoveLeaderRequest};

use super::endpoint::{endpoints, status_of};
use super::{Context, text};
use crate::ctl::args::{Arguments, Compaction, Defrag};
use crate::ctl::client::{Client, Effect, request};
use crate::ctl::display::Moved;
use crate::ctl::failure::Failure;
use crate::ctl::text::number::{parse_int, parse_uint};
use crate::duration;

/// Compacts the history.
pub async fn compact(context: &mut Context<'_>, args: &Compaction) -> Result<(), Failure> {
    let [revision] = args.arguments.as_slice() else {
        return Err(Failure::bad_arguments("compaction command needs 1 argument"));
    };
    let revision = parse_int(&text(revision), 10).map_err(Failure::error)?;
    let physical = args.physical;
    // The removal that `--physical` waits for may take longer than any short command.
    let short = !physical || context.settings.timeout_is_set;
    let limit = short.then_some(context.settings.command_timeout);
    let client = context.client();
    let call = |channel| async move {
        client.kv(channel).compact(request(CompactionRequest { revision, physical })).await
    };
    client.call_within(limit, Effect::Write, call).await?;
    context.line(&format!("compacted revision {revision}"))
}

/// Defragments each endpoint.
pub async fn defragment(context: &mut Context<'_>, args: &Defrag) -> Result<(), Failure> {
    let mut failed = false;
    for endpoint in endpoints(context, args.cluster).await? {
        let settings = context.settings.at(&endpoint);
        let client = Client::new(&settings);
        let start = Instant::now();
        let call = |channel| async move {
            client.maintenance(channel).defragment(request(DefragmentRequest {})).await
        };
        let answer = client.call(Effect::Write, call).await;
        let took = duration::show(start.elapsed());
        match answer {
            Ok(_) => context
                .line(&format!("Finished defragmenting etcd member[{endpoint}]. took {took}"))?,
            Err(failure) => {
                failed = true;
                let what = format!("Failed to defragment etcd member[{endpoint}]. took {took}.");
                context.warn(&format!("{what} ({failure})"));
            }
        }
    }
    if failed { Err(Failure::silent(1)) } else { Ok(()) }
}

/// Moves leadership to a member; the leader must be among the endpoints.
pub async fn move_leader(context: &mut Context<'_>, args: &Arguments) -> Result<(), Failure> {
    let [target] = args.arguments.as_slice() else {
        return Err(Failure::bad_arguments("move-leader command needs 1 argument"));
    };
    let target_id = parse_uint(&text(target), 16).map_err(Failure::bad_arguments)?;
    for endpoint in context.settings.endpoints.clone() {
        let settings = context.settings.at(&endpoint);
        let status = status_of(&settings).await?;
        let member = status.header.as_ref().map_or(0, |header| header.member_id);
        if member != status.leader {
            continue;
        }
        let client = Client::new(&settings);
        let call = |channel| async move {
            client.maintenance(channel).move_leader(request(MoveLeaderRequest { target_id })).await
        };
        let answer = client.call(Effect::Write, call).await?;
        return context.print(&Moved(status.leader, target_id, answer));
    }
    let given = context.settings.endpoints.join(" ");
    Err(Failure::bad_arguments(format!("no leader endpoint given at [{given}]")))
}
