//! `lease` and its subcommands.

use proto::etcdserverpb::{
    LeaseGrantRequest, LeaseLeasesRequest, LeaseRevokeRequest, LeaseTimeToLiveRequest,
};

use super::{Context, keep_alive, text};
use crate::ctl::args::{Arguments, Lease, TimeToLive};
use crate::ctl::client::{Effect, request};
use crate::ctl::display::{Granted, Leases, Remaining, Revoked};
use crate::ctl::failure::Failure;
use crate::ctl::text::number::parse_int;

/// Runs a lease command.
pub async fn run(context: &mut Context<'_>, args: &Lease) -> Result<(), Failure> {
    match args {
        Lease::Grant(args) => grant(context, args).await,
        Lease::Revoke(args) => revoke(context, args).await,
        Lease::Timetolive(args) => time_to_live(context, args).await,
        Lease::List => list(context).await,
        Lease::KeepAlive(args) => keep_alive::run(context, args).await,
    }
}

/// The lease that an argument names, in hexadecimal.
pub fn id(argument: &std::ffi::OsString) -> Result<i64, Failure> {
    parse_int(&text(argument), 16).map_err(|cause| {
        Failure::bad_arguments(format!("bad lease ID arg ({cause}), expecting ID in Hex"))
    })
}

async fn grant(context: &mut Context<'_>, args: &Arguments) -> Result<(), Failure> {
    let [ttl] = args.arguments.as_slice() else {
        return Err(Failure::bad_arguments("lease grant command needs TTL argument"));
    };
    let ttl = parse_int(&text(ttl), 10)
        .map_err(|cause| Failure::bad_arguments(format!("bad TTL ({cause})")))?;
    let client = context.client();
    let call = |channel| async move {
        let grant = request(LeaseGrantRequest { ttl, id: 0 });
        client.lease(channel).lease_grant(grant).await
    };
    let answer = client.call(Effect::Write, call).await;
    let answer = answer.map_err(|failure| failed("grant", &failure))?;
    context.print(&Granted(answer))
}

async fn revoke(context: &mut Context<'_>, args: &Arguments) -> Result<(), Failure> {
    let [argument] = args.arguments.as_slice() else {
        return Err(Failure::bad_arguments("lease revoke command needs 1 argument"));
    };
    let id = id(argument)?;
    let client = context.client();
    let call = |channel| async move {
        client.lease(channel).lease_revoke(request(LeaseRevokeRequest { id })).await
    };
    let answer = client.call(Effect::Write, call).await;
    let answer = answer.map_err(|failure| failed("revoke", &failure))?;
    context.print(&Revoked(id, answer))
}

fn failed(verb: &str, failure: &Failure) -> Failure {
    Failure::error(format!("failed to {verb} lease ({failure})"))
}

async fn time_to_live(context: &mut Context<'_>, args: &TimeToLive) -> Result<(), Failure> {
    let [argument] = args.arguments.as_slice() else {
        let text = "lease timetolive command needs lease ID as argument";
        return Err(Failure::bad_arguments(text));
    };
    let (id, keys) = (id(argument)?, args.keys);
    let client = context.client();
    let call = |channel| async move {
        let question = request(LeaseTimeToLiveRequest { id, keys });
        client.lease(channel).lease_time_to_live(question).await
    };
    let answer = client.call_within(None, Effect::Read, call).await.map_err(connection)?;
    context.print(&Remaining(answer, keys))
}

async fn list(context: &mut Context<'_>) -> Result<(), Failure> {
    let client = context.client();
    let call = |channel| async move {
        client.lease(channel).lease_leases(request(LeaseLeasesRequest {})).await
    };
    let answer = client.call_within(None, Effect::Read, call).await.map_err(connection)?;
    context.print(&Leases(answer))
}

/// These commands end with the code for a bad connection, whatever the cause.
pub fn connection(failure: Failure) -> Failure {
    Failure::bad_connection(failure.text)
}
