//! `auth` and its subcommands.

use proto::etcdserverpb as pb;

use super::Context;
use crate::ctl::args::Auth;
use crate::ctl::client::{Effect, request};
use crate::ctl::display::AuthStatus;
use crate::ctl::failure::Failure;

const NO_ROOT_ROLE: &str = "etcdserver: root user does not have root role";

/// Runs an auth command.
pub async fn run(context: &mut Context<'_>, args: &Auth) -> Result<(), Failure> {
    let (arguments, name) = match args {
        Auth::Enable(args) => (&args.arguments, "enable"),
        Auth::Disable(args) => (&args.arguments, "disable"),
        Auth::Status(args) => (&args.arguments, "status"),
    };
    if !arguments.is_empty() {
        let text = format!("auth {name} command does not accept any arguments");
        return Err(Failure::bad_arguments(text));
    }
    match args {
        Auth::Enable(_) => enable(context).await,
        Auth::Disable(_) => disable(context).await,
        Auth::Status(_) => status(context).await,
    }
}

/// Gives the root role to root where that is all that is missing.
async fn enable(context: &mut Context<'_>) -> Result<(), Failure> {
    let client = context.client();
    let call = |channel| async move {
        client.auth(channel).auth_enable(request(pb::AuthEnableRequest {})).await
    };
    match client.call(Effect::Write, call).await {
        Err(failure) if failure.text == NO_ROOT_ROLE => {
            let add = |channel| async move {
                let add = pb::AuthRoleAddRequest { name: "root".into() };
                client.auth(channel).role_add(request(add)).await
            };
            client.call(Effect::Write, add).await?;
            let grant = |channel| async move {
                let grant =
                    pb::AuthUserGrantRoleRequest { user: "root".into(), role: "root".into() };
                client.auth(channel).user_grant_role(request(grant)).await
            };
            client.call(Effect::Write, grant).await?;
            client.call(Effect::Write, call).await?;
        }
        outcome => drop(outcome?),
    }
    context.line("Authentication Enabled")
}

async fn disable(context: &mut Context<'_>) -> Result<(), Failure> {
    let client = context.client();
    let call = |channel| async move {
        client.auth(channel).auth_disable(request(pb::AuthDisableRequest {})).await
    };
    client.call(Effect::Write, call).await?;
    context.line("Authentication Disabled")
}

async fn status(context: &mut Context<'_>) -> Result<(), Failure> {
    let client = context.client();
    let call = |channel| async move {
        client.auth(channel).auth_status(request(pb::AuthStatusRequest {})).await
    };
    let answer = client.call(Effect::Read, call).await?;
    context.print(&AuthStatus(answer))
}
