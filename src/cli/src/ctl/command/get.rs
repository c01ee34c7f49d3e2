//! `get`.

use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::etcdserverpb::{RangeRequest, RangeResponse};
use tonic::{Response, Status};

use super::{Context, bytes, is_serializable, widen};
use crate::ctl::args::Get;
use crate::ctl::client::{Channel, Client, Effect, request};
use crate::ctl::display::Format;
use crate::ctl::failure::Failure;

/// Reads and prints a key or a range.
pub async fn run(context: &mut Context<'_>, args: &Get) -> Result<(), Failure> {
    let range = range(args)?;
    let client = context.client();
    let answer = match args.stream {
        true => client.call(Effect::Read, |channel| stream(client, channel, range.clone())).await?,
        false => {
            let call = |channel| {
                let range = request(range.clone());
                async move { client.kv(channel).range(range).await }
            };
            client.call(Effect::Read, call).await?
        }
    };
    let display = &mut context.settings.display;
    if args.count_only && display.format != Format::Fields {
        return Err(Failure::bad_arguments("--count-only is only for `--write-out=fields`"));
    }
    if args.print_value_only {
        if display.format != Format::Simple {
            let text = "print-value-only is only for `--write-out=simple`";
            return Err(Failure::bad_arguments(text));
        }
        display.value_only = true;
    }
    context.print(&answer)
}

/// Puts the chunks of a streamed range together again.
async fn stream(
    client: Client<'_>,
    channel: Channel,
    range: RangeRequest,
) -> Result<Response<RangeResponse>, Status> {
    let mut chunks = client.kv(channel).range_stream(request(range)).await?.into_inner();
    let mut whole = RangeResponse::default();
    while let Some(chunk) = chunks.message().await? {
        let Some(part) = chunk.range_response else { continue };
        whole.kvs.extend(part.kvs);
        whole.header = part.header.or(whole.header);
        whole.more |= part.more;
        whole.count = whole.count.max(part.count);
    }
    Ok(Response::new(whole))
}

/// The request that the arguments ask for; also for a line of a transaction.
pub fn range(args: &Get) -> Result<RangeRequest, Failure> {
    let Some(key) = args.arguments.first() else {
        let text = "get command needs one argument as key and an optional argument as range_end";
        return Err(Failure::bad_arguments(text));
    };
    exclude(args)?;
    let serializable = is_serializable(&args.consistency)?;
    let (key, mut range_end) = widen(bytes(key), args.prefix, args.from_key);
    if let Some(end) = args.arguments.get(1) {
        if args.prefix || args.from_key {
            let text = "too many arguments, only accept one argument when `--prefix` or \
                        `--from-key` is set";
            return Err(Failure::bad_arguments(text));
        }
        range_end = bytes(end);
    }
    let (sort_order, sort_target) = (order(&args.order)?, target(&args.sort_by)?);
    let created =
        bounds("getMinCreateRev", args.min_create_rev, "getMaxCreateRev", args.max_create_rev)?;
    let modified = bounds("getMinModRev", args.min_mod_rev, "getMaxModRev", args.max_mod_rev)?;
    Ok(RangeRequest {
        key,
        range_end,
        limit: args.limit,
        revision: args.rev.max(0),
        sort_order: go_order(sort_order, sort_target) as i32,
        sort_target: sort_target as i32,
        serializable,
        keys_only: args.keys_only,
        count_only: args.count_only,
        min_mod_revision: modified.0,
        max_mod_revision: modified.1,
        min_create_revision: created.0,
        max_create_revision: created.1,
    })
}

fn exclude(args: &Get) -> Result<(), Failure> {
    let pairs = [
        (args.prefix && args.from_key, "`--prefix` and `--from-key`"),
        (args.keys_only && args.count_only, "`--keys-only` and `--count-only`"),
    ];
    match pairs.iter().find(|(both, _)| *both) {
        Some((_, flags)) => {
            let text = format!("{flags} cannot be set at the same time, choose one");
            Err(Failure::bad_arguments(text))
        }
        None => Ok(()),
    }
}

/// Go's client asks for no order where it is the server's own.
fn go_order(order: SortOrder, target: SortTarget) -> SortOrder {
    match (order, target) {
        (SortOrder::Ascend, SortTarget::Key) => SortOrder::None,
        (order, _) => order,
    }
}

fn order(text: &str) -> Result<SortOrder, Failure> {
    Ok(match text.to_uppercase().as_str() {
        "" => SortOrder::None,
        "ASCEND" => SortOrder::Ascend,
        "DESCEND" => SortOrder::Descend,
        _ => return Err(Failure::bad_feature(format!("bad sort order {text}"))),
    })
}

fn target(text: &str) -> Result<SortTarget, Failure> {
    Ok(match text.to_uppercase().as_str() {
        "" | "KEY" => SortTarget::Key,
        "CREATE" => SortTarget::Create,
        "MODIFY" => SortTarget::Mod,
        "VALUE" => SortTarget::Value,
        "VERSION" => SortTarget::Version,
        _ => return Err(Failure::bad_feature(format!("bad sort target {text}"))),
    })
}

/// Bounds below one are none; a lower one above the upper one is refused.
fn bounds(low: &str, min: i64, high: &str, max: i64) -> Result<(i64, i64), Failure> {
    if max > 0 && min > max {
        return Err(Failure::bad_feature(format!("{low}(={min}) > {high}(={max})")));
    }
    Ok((min.max(0), max.max(0)))
}
