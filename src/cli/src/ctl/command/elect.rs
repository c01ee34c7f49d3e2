//! `elect`: leads an election until a signal comes, or shows who leads it.

use std::os::unix::ffi::OsStrExt;

use bytes::Bytes;

use super::queue::{Queue, is_delete, one};
use super::session::{Session, TTL_SECONDS};
use super::signals::Signals;
use super::{Context, bytes};
use crate::ctl::args::Elect;
use crate::ctl::client::Client;
use crate::ctl::failure::Failure;

/// Observes, or campaigns and leads.
pub async fn run(context: &mut Context<'_>, args: &Elect) -> Result<(), Failure> {
    let (name, proposal) = match args.arguments.as_slice() {
        [name] => (name, None),
        [name, proposal] => (name, Some(proposal)),
        _ => {
            let text = "elect takes one election name argument and an optional proposal argument";
            return Err(Failure::bad_arguments(text));
        }
    };
    // The queue must not hold on to the context, which prints.
    let settings = context.settings.clone();
    let queue = Queue::new(Client::new(&settings), name.as_bytes());
    match (proposal, args.listen) {
        (None, false) => Err(Failure::bad_arguments("no proposal argument but -l not set")),
        (Some(_), true) => Err(Failure::bad_arguments("proposal given but -l is set")),
        (None, true) => observe(context, &queue).await,
        (Some(proposal), false) => campaign(context, &queue, bytes(proposal)).await,
    }
}

async fn observe(context: &mut Context<'_>, queue: &Queue<'_>) -> Result<(), Failure> {
    let mut signals = Signals::listen()?;
    tokio::select! {
        () = signals.received() => Ok(()),
        // The lost reason is not told, as with etcdctl.
        ended = show_leaders(context, queue) => match ended {
            Err(failure) => Err(failure),
            Ok(()) => Err(Failure::error("elect: observer lost")),
        },
    }
}

/// Prints each leader and what it proclaims, until the leader cannot be read.
async fn show_leaders(context: &mut Context<'_>, queue: &Queue<'_>) -> Result<(), Failure> {
    // Go's observer has a session too, though nothing is kept by it.
    let _session = Session::open(context, TTL_SECONDS).await?;
    loop {
        let Ok(leader) = queue.leader().await else { return Ok(()) };
        context.print(&leader)?;
        let from = leader.header.unwrap_or_default().revision + 1;
        let mut watch = queue.watch(leader.kvs[0].key.clone(), Bytes::new(), from);
        'led: while let Some(answer) = watch.next().await {
            for event in answer.events {
                if is_delete(&event) {
                    break 'led;
                }
                let kv = event.kv.unwrap_or_default();
                context.print(&one(answer.header.unwrap_or_default(), kv))?;
            }
        }
    }
}

async fn campaign(
    context: &mut Context<'_>,
    queue: &Queue<'_>,
    proposal: Bytes,
) -> Result<(), Failure> {
    let mut session = Session::open(context, TTL_SECONDS).await?;
    let mut signals = Signals::listen()?;
    // A place that was taken for nobody goes with its lease.
    let place = signals.or(queue.join(session.lease, proposal)).await?;
    if let Err(failure) = signals.or(queue.wait(&place)).await {
        // The lease ends soon anyhow.
        let _left = signals.or(queue.resign(&place)).await;
        return Err(failure);
    }
    let led = signals.or(queue.get(&place.key)).await?;
    context.print(&led)?;
    tokio::select! {
        () = signals.received() => signals.or(queue.resign(&place)).await,
        () = session.lost() => Err(Failure::error("elect: session expired")),
    }
}
