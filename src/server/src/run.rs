//! The life of the process: log, greeting, runtime, serving, signals, end.
//!
//! What is served is the caller's: [`run`] is given a function that starts a member and returns
//! when it has stopped. It learns of a stop through [`Stop`] and has [`STOP_TIMEOUT`] to obey.

use std::future::Future;
use std::process::ExitCode;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::config::{Config, Exit, commit};
use crate::env::BLOCKING_MAX;
use crate::listen::{Stop, StopSwitch};
use crate::logging;
use crate::signals::{EndSignal, EndSignals};

/// How long a member may take to stop in order.
pub const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// Blocking threads beside those of the environment: name resolution and the like.
const OTHER_BLOCKING: usize = 16;

/// Runs the process: until `serve` returns, or a signal comes and `serve` has obeyed the stop.
///
/// A member that stopped by itself in order ends the process with code 0; one that cannot start or
/// go on gives the reason and ends it with code 1.
pub fn run<F>(config: Config, serve: impl FnOnce(Config, Stop) -> F) -> ExitCode
where
    F: Future<Output = Result<(), String>>,
{
    if let Err(error) = logging::start(&config.log) {
        return refuse(&error.to_string());
    }
    logging::end_on_panic();
    greet(&config);
    let runtime = match runtime() {
        Ok(runtime) => runtime,
        Err(error) => logging::stop_process(&format!("the runtime cannot start: {error}")),
    };
    // Every way from here ends the process with the runtime alive: dropped before, it would drop
    // connections whose streams are still open, which their library takes for a broken invariant.
    match runtime.block_on(until_end(config, serve)) {
        Ok(signal) => {
            logging::flush();
            match signal {
                Some(signal) => signal.end_process(),
                None => std::process::exit(0),
            }
        }
        Err(error) => {
            logging::stop_process(&error);
        }
    }
}

fn refuse(error: &str) -> ExitCode {
    let exit = Exit::Refused(error.to_owned());
    exit.write();
    ExitCode::from(exit.code())
}

fn runtime() -> std::io::Result<Runtime> {
    Builder::new_multi_thread()
        .enable_all()
        .thread_name("cairn-worker")
        .max_blocking_threads(BLOCKING_MAX + OTHER_BLOCKING)
        .build()
}

/// Serves until the end; gives the signal that asked for it, if one did.
async fn until_end<F>(
    config: Config,
    serve: impl FnOnce(Config, Stop) -> F,
) -> Result<Option<EndSignal>, String>
where
    F: Future<Output = Result<(), String>>,
{
    let mut signals =
        EndSignals::take().map_err(|error| format!("signals cannot be taken: {error}"))?;
    let switch = StopSwitch::new();
    let serving = std::pin::pin!(serve(config, switch.observer()));
    let mut serving = serving;
    let signal = tokio::select! {
        biased;
        signal = signals.next() => signal,
        ended = &mut serving => return ended.map(|()| None),
    };
    tracing::info!(signal = signal.name(), "received signal; shutting down");
    switch.stop();
    tokio::select! {
        biased;
        ended = &mut serving => ended?,
        second = signals.next() => {
            tracing::warn!(signal = second.name(), "received a second signal; ending at once");
            return Ok(Some(second));
        }
        () = tokio::time::sleep(STOP_TIMEOUT) => {
            tracing::warn!("the member did not stop in time; ending without it");
        }
    }
    Ok(Some(signal))
}

/// The first lines of a start: what this is, where its data is, where it listens, how to try it.
fn greet(config: &Config) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        commit = commit(),
        "etcd-version" = node::version::SERVER,
        "starting Cairn, a key-value store that speaks the etcd v3 API"
    );
    tracing::info!(
        name = config.node.name,
        "data-dir" = %config.data_dir.display(),
        "listen-client-urls" = config.listen_client_urls.join(","),
        "listen-peer-urls" = config.listen_peer_urls.join(","),
        "advertise-client-urls" = config.node.client_urls.join(","),
        "this member"
    );
    let cluster: Vec<String> = config
        .node
        .initial_cluster
        .iter()
        .map(|member| crate::config::cluster::of_member(&member.name, &member.peer_urls))
        .collect();
    tracing::info!("initial-cluster" = cluster.join(","), "the cluster that it starts in");
    if let Some(url) = config.listen_client_urls.first() {
        tracing::info!(
            "to try it: cairnctl --endpoints {url} put hello world; etcdctl does as well"
        );
    }
    for warning in &config.warnings {
        warning.log();
    }
}

/// The last line of a start, which scripts wait for.
pub(crate) fn say_ready(config: &Config) {
    let urls = config.listen_client_urls.join(",");
    tracing::info!("listen-client-urls" = urls, "ready to serve client requests");
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn ends(
        serve: impl AsyncFnOnce(Stop) -> Result<(), String>,
    ) -> Result<Option<EndSignal>, String> {
        let config = Config::read(&[], &Default::default(), None).expect("defaults");
        until_end(config, |_, stop| serve(stop)).await
    }

    #[tokio::test]
    async fn member_that_ends_by_itself_ends_the_process() {
        assert_eq!(ends(async |_| Ok(())).await, Ok(None));
        let failed = ends(async |_| Err("a reason".to_owned())).await;
        assert_eq!(failed, Err("a reason".into()));
    }
}
