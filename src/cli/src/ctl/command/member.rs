//! `member` and its subcommands.

use prost::Message;
use proto::etcdserverpb as pb;

use super::{Context, is_serializable, text};
use crate::ctl::args::{Arguments, Member, MemberAdd, MemberList, MemberUpdate};
use crate::ctl::client::{Effect, request};
use crate::ctl::display::{MemberAdded, MemberChanged, Members};
use crate::ctl::failure::Failure;
use crate::ctl::text::number::parse_uint;

/// Runs a member command.
pub async fn run(context: &mut Context<'_>, args: &Member) -> Result<(), Failure> {
    match args {
        Member::Add(args) => add(context, args).await,
        Member::Remove(args) => remove(context, args).await,
        Member::Update(args) => update(context, args).await,
        Member::List(args) => list(context, args).await,
        Member::Promote(args) => promote(context, args).await,
    }
}

fn only_id(arguments: &[std::ffi::OsString]) -> Result<u64, Failure> {
    let [argument] = arguments else {
        return Err(Failure::bad_arguments("member ID is not provided"));
    };
    parse_uint(&text(argument), 16).map_err(|cause| {
        Failure::bad_arguments(format!("bad member ID arg ({cause}), expecting ID in Hex"))
    })
}

fn urls(list: &str) -> Result<Vec<String>, Failure> {
    match list {
        "" => Err(Failure::bad_arguments("member peer urls not provided")),
        list => Ok(list.split(',').map(str::to_owned).collect()),
    }
}

fn name(arguments: &[std::ffi::OsString]) -> Result<String, Failure> {
    match arguments {
        [] => Err(Failure::bad_arguments("member name not provided")),
        [name] => Ok(text(name)),
        several => {
            let mut complaint = "too many arguments".to_owned();
            for argument in several.iter().map(text) {
                if argument.to_lowercase().starts_with("http") {
                    complaint += &format!(", did you mean --peer-urls={argument}");
                }
            }
            Err(Failure::bad_arguments(complaint))
        }
    }
}

async fn add(context: &mut Context<'_>, args: &MemberAdd) -> Result<(), Failure> {
    let name = name(&args.arguments)?;
    let addition =
        pb::MemberAddRequest { peer_urls: urls(&args.peer_urls)?, is_learner: args.learner };
    let client = context.client();
    let call = |channel| {
        let addition = request(addition.clone());
        async move { client.cluster(channel).member_add(addition).await }
    };
    let answer = client.call(Effect::Write, call).await?;
    context.print(&MemberAdded { answer, name, peer_urls: args.peer_urls.clone() })
}

async fn remove(context: &mut Context<'_>, args: &Arguments) -> Result<(), Failure> {
    let id = only_id(&args.arguments)?;
    let client = context.client();
    let call = |channel| async move {
        client.cluster(channel).member_remove(request(pb::MemberRemoveRequest { id })).await
    };
    let answer = client.call(Effect::Write, call).await?;
    let encoded = answer.encode_to_vec();
    let pb::MemberRemoveResponse { header, members } = answer;
    context.print(&MemberChanged { id, change: "removed from", header, members, encoded })
}

async fn update(context: &mut Context<'_>, args: &MemberUpdate) -> Result<(), Failure> {
    let id = only_id(&args.arguments)?;
    let change = pb::MemberUpdateRequest { id, peer_urls: urls(&args.peer_urls)? };
    let client = context.client();
    let call = |channel| {
        let change = request(change.clone());
        async move { client.cluster(channel).member_update(change).await }
    };
    let answer = client.call(Effect::Write, call).await?;
    let encoded = answer.encode_to_vec();
    let pb::MemberUpdateResponse { header, members } = answer;
    context.print(&MemberChanged { id, change: "updated in", header, members, encoded })
}

async fn promote(context: &mut Context<'_>, args: &Arguments) -> Result<(), Failure> {
    let id = only_id(&args.arguments)?;
    let client = context.client();
    let call = |channel| async move {
        client.cluster(channel).member_promote(request(pb::MemberPromoteRequest { id })).await
    };
    let answer = client.call(Effect::Write, call).await?;
    let encoded = answer.encode_to_vec();
    let pb::MemberPromoteResponse { header, members } = answer;
    context.print(&MemberChanged { id, change: "promoted in", header, members, encoded })
}

async fn list(context: &mut Context<'_>, args: &MemberList) -> Result<(), Failure> {
    let linearizable = !is_serializable(&args.consistency)?;
    let answer = members(context, linearizable).await?;
    context.print(&Members(answer))
}

/// The members as the cluster knows them.
pub async fn members(
    context: &Context<'_>,
    linearizable: bool,
) -> Result<pb::MemberListResponse, Failure> {
    let client = context.client();
    let call = |channel| async move {
        client.cluster(channel).member_list(request(pb::MemberListRequest { linearizable })).await
    };
    client.call(Effect::Read, call).await
}
