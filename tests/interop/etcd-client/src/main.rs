//! Uses a cluster through the Rust crate `etcd-client`, and checks each answer.
//!
//! `etcd-client-under-test ENDPOINT...` prints a line for each chapter and ends with code 1 at the
//! first answer that is not etcd's.

mod cluster;
mod kv;
mod lease;
mod watch;

use std::error::Error;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use etcd_client::{Client, ConnectOptions};

/// How a chapter ends.
pub type Outcome = Result<(), Box<dyn Error>>;

/// How long one chapter may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

/// Refuses an answer.
///
/// # Errors
/// The text, unless it holds.
pub fn check(holds: bool, text: impl Into<String>) -> Outcome {
    if holds { Ok(()) } else { Err(text.into().into()) }
}

async fn chapter(name: &str, run: impl Future<Output = Outcome>) -> Outcome {
    let began = Instant::now();
    let outcome = tokio::time::timeout(PATIENCE, run).await;
    let outcome = outcome.unwrap_or_else(|_| Err(format!("not done in {PATIENCE:?}").into()));
    outcome.map_err(|why| format!("{name}: {why}"))?;
    println!("{name}: {} ms", began.elapsed().as_millis());
    Ok(())
}

async fn run(endpoints: &[String]) -> Outcome {
    let options = ConnectOptions::new().with_keep_alive(Duration::from_secs(10), PATIENCE);
    let client = Client::connect(endpoints, Some(options)).await?;
    chapter("kv", kv::keys(client.clone())).await?;
    chapter("refusals", kv::refusals(client.clone())).await?;
    chapter("txn", kv::transactions(client.clone())).await?;
    chapter("watch", watch::events(client.clone())).await?;
    chapter("watch of compacted history", watch::compacted(client.clone())).await?;
    chapter("lease", lease::life(client.clone())).await?;
    chapter("lease that ends", lease::expiry(client.clone())).await?;
    chapter("maintenance", cluster::maintenance(endpoints)).await?;
    chapter("cluster", cluster::members(client.clone(), endpoints.len())).await?;
    chapter("services", cluster::services(client)).await?;
    println!("10 chapters on {} endpoints", endpoints.len());
    Ok(())
}

#[tokio::main]
async fn main() -> ExitCode {
    let endpoints: Vec<String> = std::env::args().skip(1).collect();
    if endpoints.is_empty() {
        eprintln!("usage: etcd-client-under-test ENDPOINT...");
        return ExitCode::from(2);
    }
    match run(&endpoints).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("etcd-client: {why}");
            ExitCode::FAILURE
        }
    }
}
