//! `role` and its subcommands.

use std::ffi::OsString;

use bytes::Bytes;
use prost::Message;
use proto::authpb::Permission;
use proto::authpb::permission::Type;
use proto::etcdserverpb as pb;

use super::{Context, bytes, prefix_end, text};
use crate::ctl::args::{Arguments, Role, RolePermission};
use crate::ctl::client::{Effect, request};
use crate::ctl::display::{Done, RolePermissions, Roles};
use crate::ctl::failure::Failure;

/// Runs a role command.
pub async fn run(context: &mut Context<'_>, args: &Role) -> Result<(), Failure> {
    match args {
        Role::Add(args) => add(context, args).await,
        Role::Delete(args) => delete(context, args).await,
        Role::Get(args) => {
            let name = only_name(args, "get")?;
            show(context, name).await
        }
        Role::List(args) => list(context, args).await,
        Role::GrantPermission(args) => grant(context, args).await,
        Role::RevokePermission(args) => revoke(context, args).await,
    }
}

fn only_name(args: &Arguments, command: &str) -> Result<String, Failure> {
    match &args.arguments[..] {
        [name] => Ok(text(name)),
        _ => Err(Failure::bad_arguments(format!(
            "role {command} command requires role name as its argument"
        ))),
    }
}

async fn add(context: &mut Context<'_>, args: &Arguments) -> Result<(), Failure> {
    let name = only_name(args, "add")?;
    let said = format!("Role {name} created").into_bytes();
    let client = context.client();
    let call = |channel| {
        let add = request(pb::AuthRoleAddRequest { name: name.clone() });
        async move { client.auth(channel).role_add(add).await }
    };
    let answer = client.call(Effect::Write, call).await?;
    context.print(&Done { said, encoded: answer.encode_to_vec(), header: answer.header })
}

async fn delete(context: &mut Context<'_>, args: &Arguments) -> Result<(), Failure> {
    let role = only_name(args, "delete")?;
    let said = format!("Role {role} deleted").into_bytes();
    let client = context.client();
    let call = |channel| {
        let delete = request(pb::AuthRoleDeleteRequest { role: role.clone() });
        async move { client.auth(channel).role_delete(delete).await }
    };
    let answer = client.call(Effect::Write, call).await?;
    context.print(&Done { said, encoded: answer.encode_to_vec(), header: answer.header })
}

/// Prints the permissions of a role.
pub async fn show(context: &mut Context<'_>, role: String) -> Result<(), Failure> {
    let client = context.client();
    let call = |channel| {
        let get = request(pb::AuthRoleGetRequest { role: role.clone() });
        async move { client.auth(channel).role_get(get).await }
    };
    let answer = client.call(Effect::Read, call).await?;
    context.print(&RolePermissions(role, answer))
}

async fn list(context: &mut Context<'_>, args: &Arguments) -> Result<(), Failure> {
    if !args.arguments.is_empty() {
        return Err(Failure::bad_arguments("role list command requires no arguments"));
    }
    let client = context.client();
    let call = |channel| async move {
        client.auth(channel).role_list(request(pb::AuthRoleListRequest {})).await
    };
    let answer = client.call(Effect::Read, call).await?;
    context.print(&Roles(answer))
}

/// The key and the end of the range that a permission is for.
fn range(args: &RolePermission, keys: &[OsString]) -> Result<(Bytes, Bytes), Failure> {
    let (key, ends) = (bytes(&keys[0]), &keys[1..]);
    let open = Bytes::from_static(b"\0");
    if key.is_empty() {
        if args.prefix && args.from_key {
            return Err(both());
        }
        // The empty prefix is that of every key.
        let end = if args.prefix || args.from_key { open.clone() } else { Bytes::new() };
        return Ok((open, end));
    }
    let end = match ends.first() {
        None if args.prefix && args.from_key => return Err(both()),
        None if args.prefix => prefix_end(&key),
        None if args.from_key => open,
        None => Bytes::new(),
        Some(_) if args.prefix => return Err(unexpected("--prefix")),
        Some(_) if args.from_key => return Err(unexpected("--from-key")),
        Some(end) => bytes(end),
    };
    Ok((key, end))
}

fn both() -> Failure {
    Failure::bad_arguments("--from-key and --prefix flags are mutually exclusive")
}

fn unexpected(flag: &str) -> Failure {
    Failure::bad_arguments(format!("unexpected endkey argument with {flag} flag"))
}

async fn grant(context: &mut Context<'_>, args: &RolePermission) -> Result<(), Failure> {
    let [role, kind, keys @ ..] = &args.arguments[..] else { return Err(grant_needs()) };
    if keys.is_empty() {
        return Err(grant_needs());
    }
    let kind = text(kind);
    let Some(perm_type) = Type::from_str_name(&kind.to_uppercase()) else {
        return Err(Failure::bad_arguments(format!("invalid permission type: {kind}")));
    };
    let (key, range_end) = range(args, keys)?;
    let name = text(role);
    let said = format!("Role {name} updated").into_bytes();
    let perm = Some(Permission { perm_type: perm_type as i32, key, range_end });
    let grant = pb::AuthRoleGrantPermissionRequest { name, perm };
    let client = context.client();
    let call = |channel| {
        let grant = request(grant.clone());
        async move { client.auth(channel).role_grant_permission(grant).await }
    };
    let answer = client.call(Effect::Write, call).await?;
    context.print(&Done { said, encoded: answer.encode_to_vec(), header: answer.header })
}

fn grant_needs() -> Failure {
    Failure::bad_arguments(
        "role grant command requires role name, permission type, and key [endkey] as its argument",
    )
}

async fn revoke(context: &mut Context<'_>, args: &RolePermission) -> Result<(), Failure> {
    let [role, keys @ ..] = &args.arguments[..] else { return Err(revoke_needs()) };
    if keys.is_empty() {
        return Err(revoke_needs());
    }
    let (key, range_end) = range(args, keys)?;
    let role = text(role);
    let said = revoked(&role, &bytes(&keys[0]), &range_end);
    let revoke = pb::AuthRoleRevokePermissionRequest { role, key, range_end };
    let client = context.client();
    let call = |channel| {
        let revoke = request(revoke.clone());
        async move { client.auth(channel).role_revoke_permission(revoke).await }
    };
    let answer = client.call(Effect::Write, call).await?;
    context.print(&Done { said, encoded: answer.encode_to_vec(), header: answer.header })
}

fn revoke_needs() -> Failure {
    Failure::bad_arguments(
        "role revoke-permission command requires role name and key [endkey] as its argument",
    )
}

fn revoked(role: &str, key: &[u8], end: &[u8]) -> Vec<u8> {
    let from = format!(" is revoked from role {role}");
    match end {
        b"" => [b"Permission of key ", key, from.as_bytes()].concat(),
        b"\0" => [b"Permission of range [", key, b", <open ended>", from.as_bytes()].concat(),
        _ => [b"Permission of range [", key, b", ", end, b")", from.as_bytes()].concat(),
    }
}
