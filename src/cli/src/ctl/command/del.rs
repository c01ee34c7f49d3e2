//! `del`.

use std::time::Duration;

use proto::etcdserverpb::DeleteRangeRequest;

use super::{Context, bytes, widen};
use crate::ctl::args::Del;
use crate::ctl::client::{Effect, request};
use crate::ctl::failure::Failure;
use crate::ctl::text::quote::quote;

/// How long a range that was not asked for by name can be taken back.
const REGRET: Duration = Duration::from_secs(2);

/// Deletes a key or a range.
pub async fn run(context: &mut Context<'_>, args: &Del) -> Result<(), Failure> {
    let delete = delete(args)?;
    if needs_warning(args) {
        context.warn(&warning(&delete));
        tokio::time::sleep(REGRET).await;
    }
    let client = context.client();
    let call = |channel| {
        let delete = request(delete.clone());
        async move { client.kv(channel).delete_range(delete).await }
    };
    let answer = client.call(Effect::Write, call).await?;
    context.print(&answer)
}

/// Whether a range is meant to be deleted without `--range`.
pub fn needs_warning(args: &Del) -> bool {
    args.arguments.len() > 1 && !args.range
}

fn warning(delete: &DeleteRangeRequest) -> String {
    format!(
        "Warning: Keys between {} and {} will be deleted. Please interrupt the command within \
         next 2 seconds to cancel. You can provide `--range` flag to avoid the delay.",
        quote(&delete.key),
        quote(&delete.range_end),
    )
}

/// The request that the arguments ask for; also for a line of a transaction.
pub fn delete(args: &Del) -> Result<DeleteRangeRequest, Failure> {
    let [key, end @ ..] = args.arguments.as_slice() else { return Err(usage()) };
    if end.len() > 1 {
        return Err(usage());
    }
    if args.prefix && args.from_key {
        let text = "`--prefix` and `--from-key` cannot be set at the same time, choose one";
        return Err(Failure::bad_arguments(text));
    }
    let (key, mut range_end) = widen(bytes(key), args.prefix, args.from_key);
    if let Some(end) = end.first() {
        if args.prefix || args.from_key {
            let text = "too many arguments, only accept one argument when `--prefix` or \
                        `--from-key` is set";
            return Err(Failure::bad_arguments(text));
        }
        range_end = bytes(end);
    }
    Ok(DeleteRangeRequest { key, range_end, prev_kv: args.prev_kv })
}

fn usage() -> Failure {
    let text = "del command needs one argument as key and an optional argument as range_end";
    Failure::bad_arguments(text)
}
