//! `user` and its subcommands.

use std::ffi::OsString;

use prost::Message;
use proto::authpb::UserAddOptions;
use proto::etcdserverpb as pb;

use super::{Context, role, text};
use crate::ctl::args::{Arguments, User, UserAdd, UserGet, UserPasswd};
use crate::ctl::client::{Effect, request};
use crate::ctl::display::{Done, UserRoles, Users};
use crate::ctl::failure::Failure;
use crate::ctl::text::password;

/// Runs a user command.
pub async fn run(context: &mut Context<'_>, args: &User) -> Result<(), Failure> {
    match args {
        User::Add(args) => add(context, args).await,
        User::Delete(args) => delete(context, args).await,
        User::Get(args) => get(context, args).await,
        User::List(args) => list(context, args).await,
        User::Passwd(args) => change_password(context, args).await,
        User::GrantRole(args) => grant_role(context, args).await,
        User::RevokeRole(args) => revoke_role(context, args).await,
    }
}

fn only_name(arguments: &[OsString], command: &str) -> Result<String, Failure> {
    match arguments {
        [name] => Ok(text(name)),
        _ => Err(Failure::bad_arguments(format!(
            "user {command} command requires user name as its argument"
        ))),
    }
}

/// The password for a user, from a terminal, twice, or as a word on standard input.
fn ask(context: &mut Context<'_>, name: &str, interactive: bool) -> Result<String, Failure> {
    if !interactive {
        return Ok(password::word());
    }
    let failed = |error: String| Failure::bad_arguments(format!("failed to ask password: {error}"));
    let first = password::ask(&format!("Password of {name}: "), context.out).map_err(failed)?;
    if first.is_empty() {
        return Err(Failure::bad_arguments("empty password"));
    }
    let again = format!("Type password of {name} again for confirmation: ");
    match password::ask(&again, context.out).map_err(failed)? == first {
        true => Ok(first),
        false => Err(Failure::bad_arguments("given passwords are different")),
    }
}

async fn add(context: &mut Context<'_>, args: &UserAdd) -> Result<(), Failure> {
    let given = only_name(&args.arguments, "add")?;
    let (name, password) = match given.split_once(':') {
        _ if args.no_password => (given, String::new()),
        _ if !args.new_user_password.is_empty() => (given, args.new_user_password.clone()),
        Some(("", _)) => return Err(Failure::bad_arguments("empty user name is not allowed")),
        Some((name, password)) => (name.to_owned(), password.to_owned()),
        None => {
            let password = ask(context, &given, args.interactive)?;
            (given, password)
        }
    };
    let options = Some(UserAddOptions { no_password: args.no_password });
    let said = format!("User {name} created").into_bytes();
    let addition =
        pb::AuthUserAddRequest { name, password, options, hashed_password: String::new() };
    let client = context.client();
    let call = |channel| {
        let addition = request(addition.clone());
        async move { client.auth(channel).user_add(addition).await }
    };
    let answer = client.call(Effect::Write, call).await?;
    context.print(&Done { said, encoded: answer.encode_to_vec(), header: answer.header })
}

async fn delete(context: &mut Context<'_>, args: &Arguments) -> Result<(), Failure> {
    let name = only_name(&args.arguments, "delete")?;
    let said = format!("User {name} deleted").into_bytes();
    let client = context.client();
    let call = |channel| {
        let delete = request(pb::AuthUserDeleteRequest { name: name.clone() });
        async move { client.auth(channel).user_delete(delete).await }
    };
    let answer = client.call(Effect::Write, call).await?;
    context.print(&Done { said, encoded: answer.encode_to_vec(), header: answer.header })
}

async fn get(context: &mut Context<'_>, args: &UserGet) -> Result<(), Failure> {
    let name = only_name(&args.arguments, "get")?;
    let client = context.client();
    let call = |channel| {
        let get = request(pb::AuthUserGetRequest { name: name.clone() });
        async move { client.auth(channel).user_get(get).await }
    };
    let answer = client.call(Effect::Read, call).await?;
    if !args.detail {
        return context.print(&UserRoles(name, answer));
    }
    context.line(&format!("User: {name}"))?;
    for held in answer.roles {
        context.line("")?;
        role::show(context, held).await?;
    }
    Ok(())
}

async fn list(context: &mut Context<'_>, args: &Arguments) -> Result<(), Failure> {
    if !args.arguments.is_empty() {
        return Err(Failure::bad_arguments("user list command requires no arguments"));
    }
    let client = context.client();
    let call = |channel| async move {
        client.auth(channel).user_list(request(pb::AuthUserListRequest {})).await
    };
    let answer = client.call(Effect::Read, call).await?;
    context.print(&Users(answer))
}

async fn change_password(context: &mut Context<'_>, args: &UserPasswd) -> Result<(), Failure> {
    let name = only_name(&args.arguments, "passwd")?;
    let password = ask(context, &name, args.interactive)?;
    let change =
        pb::AuthUserChangePasswordRequest { name, password, hashed_password: String::new() };
    let client = context.client();
    let call = |channel| {
        let change = request(change.clone());
        async move { client.auth(channel).user_change_password(change).await }
    };
    let answer = client.call(Effect::Write, call).await?;
    let said = b"Password updated".to_vec();
    context.print(&Done { said, encoded: answer.encode_to_vec(), header: answer.header })
}

fn user_and_role(arguments: &[OsString], complaint: &str) -> Result<(String, String), Failure> {
    match arguments {
        [user, role] => Ok((text(user), text(role))),
        _ => Err(Failure::bad_arguments(complaint)),
    }
}

async fn grant_role(context: &mut Context<'_>, args: &Arguments) -> Result<(), Failure> {
    let complaint = "user grant command requires user name and role name as its argument";
    let (user, role) = user_and_role(&args.arguments, complaint)?;
    let said = format!("Role {role} is granted to user {user}").into_bytes();
    let client = context.client();
    let call = |channel| {
        let (user, role) = (user.clone(), role.clone());
        let grant = request(pb::AuthUserGrantRoleRequest { user, role });
        async move { client.auth(channel).user_grant_role(grant).await }
    };
    let answer = client.call(Effect::Write, call).await?;
    context.print(&Done { said, encoded: answer.encode_to_vec(), header: answer.header })
}

async fn revoke_role(context: &mut Context<'_>, args: &Arguments) -> Result<(), Failure> {
    let complaint = "user revoke-role requires user name and role name as its argument";
    let (name, role) = user_and_role(&args.arguments, complaint)?;
    let said = format!("Role {role} is revoked from user {name}").into_bytes();
    let client = context.client();
    let call = |channel| {
        let (name, role) = (name.clone(), role.clone());
        let revoke = request(pb::AuthUserRevokeRoleRequest { name, role });
        async move { client.auth(channel).user_revoke_role(revoke).await }
    };
    let answer = client.call(Effect::Write, call).await?;
    context.print(&Done { said, encoded: answer.encode_to_vec(), header: answer.header })
}
