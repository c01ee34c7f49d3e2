//! `endpoint`: health, status and hash of each endpoint.

use std::time::Instant;

use bytes::Bytes;
use proto::etcdserverpb::{
    AlarmRequest, AlarmType, HashKvRequest, HashKvResponse, RangeRequest, StatusRequest,
    StatusResponse,
};

use super::{Context, member};
use crate::ctl::args::{Endpoint, EndpointCommand};
use crate::ctl::client::{Client, Effect, request};
use crate::ctl::display::{Format, Hash, Hashes, Health, Healths, Status, Statuses};
use crate::ctl::failure::Failure;
use crate::ctl::settings::Settings;
use crate::duration;

/// Runs an endpoint command.
pub async fn run(context: &mut Context<'_>, args: &Endpoint) -> Result<(), Failure> {
    let endpoints = endpoints(context, args.cluster).await?;
    match &args.command {
        EndpointCommand::Health => health(context, &endpoints).await,
        EndpointCommand::Status => status(context, &endpoints).await,
        EndpointCommand::Hashkv(args) => hash(context, &endpoints, args.rev).await,
    }
}

/// The endpoints that were given, or those of all members that have any.
pub async fn endpoints(context: &Context<'_>, cluster: bool) -> Result<Vec<String>, Failure> {
    if !cluster {
        return Ok(context.settings.endpoints.clone());
    }
    let members = member::members(context, true).await.map_err(|failure| {
        let text = "failed to fetch endpoints from etcd cluster member list";
        Failure::error(format!("{text}: {failure}"))
    })?;
    Ok(members.members.into_iter().flat_map(|member| member.client_urls).collect())
}

async fn health(context: &mut Context<'_>, endpoints: &[String]) -> Result<(), Failure> {
    let settings: Vec<Settings> =
        endpoints.iter().map(|endpoint| context.settings.at(endpoint)).collect();
    let mut tasks = Vec::new();
    for settings in settings {
        // At the same time: one endpoint that does not answer must not delay the others.
        tasks.push(tokio::spawn(async move { probe(&settings).await }));
    }
    let mut found = Vec::new();
    for task in tasks {
        found.push(task.await.map_err(Failure::error)?);
    }
    if context.settings.display.format == Format::Simple {
        for Health { endpoint, error, .. } in found.iter().filter(|h| !h.error.is_empty()) {
            context.warn(&format!("{endpoint} is unhealthy: failed to commit proposal: {error}"));
        }
    }
    let unhealthy = found.iter().any(|health| !health.error.is_empty());
    context.print(&Healths(found))?;
    if unhealthy { Err(Failure::error("unhealthy cluster")) } else { Ok(()) }
}

/// Healthy is who answers a linearizable read, permitted or not, in a cluster without alarms.
async fn probe(settings: &Settings) -> Health {
    let client = Client::new(settings);
    let endpoint = settings.endpoints.join(",");
    let start = Instant::now();
    let read = |channel| async move {
        let key = Bytes::from_static(b"health");
        client.kv(channel).range(request(RangeRequest { key, ..RangeRequest::default() })).await
    };
    let answer = client.call(Effect::Read, read).await;
    let took = duration::show(start.elapsed());
    let mut error = match answer {
        Err(failure) if failure.text != "etcdserver: permission denied" => failure.text,
        _ => String::new(),
    };
    if error.is_empty() {
        error = alarms(client).await;
    }
    Health { endpoint, health: error.is_empty(), took, error }
}

async fn alarms(client: Client<'_>) -> String {
    let list = |channel| async move {
        client.maintenance(channel).alarm(request(AlarmRequest::default())).await
    };
    let alarms = match client.call(Effect::Read, list).await {
        Ok(answer) => answer.alarms,
        Err(_) => return "Unable to fetch the alarm list".to_owned(),
    };
    if alarms.is_empty() {
        return String::new();
    }
    let names = alarms.iter().map(|member| match member.alarm() {
        AlarmType::Nospace => "NOSPACE ",
        AlarmType::Corrupt => "CORRUPT ",
        AlarmType::None => "UNKNOWN ",
    });
    format!("Active Alarm(s): {}", names.collect::<String>())
}

/// The status of one endpoint.
pub async fn status_of(settings: &Settings) -> Result<StatusResponse, Failure> {
    let client = Client::new(settings);
    let call = |channel| async move {
        client.maintenance(channel).status(request(StatusRequest {})).await
    };
    client.call(Effect::Read, call).await
}

async fn status(context: &mut Context<'_>, endpoints: &[String]) -> Result<(), Failure> {
    let mut found = Vec::new();
    for endpoint in endpoints {
        match status_of(&context.settings.at(endpoint)).await {
            Ok(answer) => found.push(Status { endpoint: endpoint.clone(), answer }),
            Err(failure) => {
                let what = format!("Failed to get the status of endpoint {endpoint}");
                context.warn(&format!("{what} ({failure})"));
            }
        }
    }
    let failed = found.len() < endpoints.len();
    context.print(&Statuses(found))?;
    if failed { Err(Failure::silent(1)) } else { Ok(()) }
}

async fn hash_of(settings: &Settings, revision: i64) -> Result<HashKvResponse, Failure> {
    let client = Client::new(settings);
    let call = |channel| async move {
        client.maintenance(channel).hash_kv(request(HashKvRequest { revision })).await
    };
    client.call(Effect::Read, call).await
}

async fn hash(
    context: &mut Context<'_>,
    endpoints: &[String],
    revision: i64,
) -> Result<(), Failure> {
    let (mut found, mut last) = (Vec::new(), None);
    for endpoint in endpoints {
        match hash_of(&context.settings.at(endpoint), revision).await {
            Ok(answer) => found.push(Hash { endpoint: endpoint.clone(), answer }),
            Err(failure) => {
                let what = format!("Failed to get the hash of endpoint {endpoint}");
                context.warn(&format!("{what} ({failure})"));
                last = Some(failure);
            }
        }
    }
    context.print(&Hashes(found))?;
    last.map_or(Ok(()), Err)
}
