//! `put`.

use std::io::Read;

use bytes::Bytes;
use proto::etcdserverpb::PutRequest;

use super::{Context, bytes};
use crate::ctl::args::Put;
use crate::ctl::client::{Effect, request};
use crate::ctl::failure::Failure;
use crate::ctl::text::number::parse_int;

const USAGE: &str = "put command needs 1 argument and input from stdin or 2 arguments";

/// Puts a pair.
pub async fn run(context: &mut Context<'_>, args: &Put) -> Result<(), Failure> {
    let put = put(args, &mut std::io::stdin())?;
    let client = context.client();
    let call = |channel| {
        let put = request(put.clone());
        async move { client.kv(channel).put(put).await }
    };
    let answer = client.call(Effect::Write, call).await?;
    context.print(&answer)
}

/// The request that the arguments ask for; a missing value is read from `input`.
pub fn put(args: &Put, input: &mut dyn Read) -> Result<PutRequest, Failure> {
    let key = args.arguments.first().ok_or_else(|| Failure::bad_arguments(USAGE))?;
    if args.ignore_value && args.arguments.len() > 1 {
        let text = "put command needs only 1 argument when 'ignore-value' is set";
        return Err(Failure::bad_arguments(text));
    }
    let value = match (args.ignore_value, args.arguments.get(1)) {
        (true, _) => Bytes::new(),
        (false, Some(value)) => bytes(value),
        (false, None) => read(input)?,
    };
    let lease = parse_int(&args.lease, 16).map_err(|cause| {
        Failure::bad_arguments(format!("bad lease ID ({cause}), expecting ID in Hex"))
    })?;
    Ok(PutRequest {
        key: bytes(key),
        value,
        lease,
        prev_kv: args.prev_kv,
        ignore_value: args.ignore_value,
        ignore_lease: args.ignore_lease,
    })
}

fn read(input: &mut dyn Read) -> Result<Bytes, Failure> {
    let mut value = Vec::new();
    match input.read_to_end(&mut value) {
        Ok(length) if length > 0 => Ok(Bytes::from(value)),
        _ => Err(Failure::bad_arguments(USAGE)),
    }
}
