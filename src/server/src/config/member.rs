//! From flags to a member's configuration.

use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use node::auth::TokenKind;
use node::{AutoCompaction, CorruptionChecks, InitialMember, InitialState, Knobs, NodeConfig};

use super::values::Values;
use super::warning::Warning;
use super::{Config, cluster, duration, host, security, validate};
use crate::logging::{Format, Output, Settings, Severity};
use crate::token;

const CLIENT_URL: &str = "http://localhost:2379";
const PEER_URL: &str = "http://localhost:2380";
const QUOTA_BYTES: i64 = 2 << 30;
const PROGRESS_INTERVAL: Duration = Duration::from_secs(600);
const PROGRESS_INTERVAL_MIN: Duration = Duration::from_millis(100);

/// etcd's, for which it has no flag.
const LEASE_CHECKPOINT_INTERVAL: Duration = Duration::from_secs(300);

/// What etcd raises shorter timeouts to, so that shorter ones mean the default.
const PEER_TIMEOUT_FLOOR: &str = "5s";

pub(super) fn config(
    values: &Values,
    from_file: bool,
    address: Option<IpAddr>,
    mut warnings: Vec<Warning>,
) -> Result<Config, String> {
    let values = &with_floors(values);
    // On the command line, whoever sets where to listen must say what to advertise.
    let unsaid = values.is_set("listen-client-urls") && !values.is_set("advertise-client-urls");
    let advertised = values.list("advertise-client-urls");
    let has_advertised = !advertised.is_empty() && (from_file || !unsaid);
    let initial_cluster = initial_cluster(values);
    validate::validate(values, has_advertised, &initial_cluster, &mut warnings)?;
    refuse_what_is_not_built(values)?;
    security::warn_of_plain_urls(values, &mut warnings);
    let mut node = node_config(values, &initial_cluster, address)?;
    node.tokens = tokens(values, &mut warnings)?;
    let peer_urls = advertised_peer_urls(values, address);
    Ok(Config {
        data_dir: data_dir(values),
        wal_dir: Some(values.text("wal-dir")).filter(|dir| !dir.is_empty()).map(PathBuf::from),
        listen_peer_urls: values.list("listen-peer-urls"),
        listen_client_urls: values.list("listen-client-urls"),
        listen_client_http_urls: values.list("listen-client-http-urls"),
        listen_metrics_urls: values.list("listen-metrics-urls"),
        max_concurrent_streams: values.uint32("max-concurrent-streams"),
        keepalive_interval: time(values, "grpc-keepalive-interval"),
        keepalive_timeout: time(values, "grpc-keepalive-timeout"),
        reuse_port: values.bool("socket-reuse-port"),
        reuse_address: values.bool("socket-reuse-address"),
        slow_call: time(values, "warning-unary-request-duration"),
        enable_pprof: values.bool("enable-pprof"),
        extensive_metrics: values.text("metrics") == "extensive",
        enable_gateway: values.bool("enable-grpc-gateway"),
        cors: values.list("cors"),
        host_whitelist: values.list("host-whitelist"),
        gates: values.gates(),
        client_tls: security::client(values),
        peer_tls: security::peer(values),
        log: log(values),
        warnings,
        initial_cluster: named_cluster(values, &initial_cluster, &peer_urls),
        advertise_peer_urls: peer_urls,
        node,
    })
}

fn with_floors(values: &Values) -> Values {
    let mut values = values.clone();
    let floor = duration::parse(PEER_TIMEOUT_FLOOR).expect("the floor is a duration");
    for name in ["raft-read-timeout", "raft-write-timeout"] {
        if values.nanoseconds(name) < floor {
            values.set_known(name, PEER_TIMEOUT_FLOOR);
        }
    }
    values
}

/// The initial cluster as given; other ways to find the cluster clear the default.
fn initial_cluster(values: &Values) -> String {
    let others = ["discovery-srv", "discovery-srv-name", "discovery-endpoints"];
    let elsewhere = others.iter().any(|name| !values.text(name).is_empty());
    match elsewhere && !values.is_set("initial-cluster") {
        true => String::new(),
        false => values.text("initial-cluster"),
    }
}

fn refuse_what_is_not_built(values: &Values) -> Result<(), String> {
    let mut refused = values.refused();
    if values.list("log-outputs").iter().any(|output| output == "systemd/journal") {
        refused.push("systemd/journal in --log-outputs".into());
    }
    match refused.is_empty() {
        true => Ok(()),
        false => Err(format!("not supported yet: {}", refused.join(", "))),
    }
}

fn advertised_peer_urls(values: &Values, address: Option<IpAddr>) -> Vec<String> {
    let given = values.list("initial-advertise-peer-urls");
    host::advertised(&given, PEER_URL, &values.list("listen-peer-urls"), address)
}

fn data_dir(values: &Values) -> PathBuf {
    match values.text("data-dir").as_str() {
        "" => PathBuf::from(format!("{}.etcd", values.text("name"))),
        dir => PathBuf::from(dir),
    }
}

/// A member that is given a name and no cluster is a cluster of that name.
fn named_cluster(values: &Values, initial_cluster: &str, peer_urls: &[String]) -> String {
    let name = values.text("name");
    let default = cluster::of_member("default", &[PEER_URL.to_owned()]);
    match name != "default" && initial_cluster == default {
        true => cluster::of_member(&name, peer_urls),
        false => initial_cluster.to_owned(),
    }
}

fn node_config(
    values: &Values,
    initial_cluster: &str,
    address: Option<IpAddr>,
) -> Result<NodeConfig, String> {
    let peer_urls = advertised_peer_urls(values, address);
    let initial_cluster = named_cluster(values, initial_cluster, &peer_urls);
    let client_urls = values.list("advertise-client-urls");
    let listen_urls = values.list("listen-client-urls");
    Ok(NodeConfig {
        name: values.text("name"),
        initial_cluster: initial_members(&initial_cluster)?,
        cluster_token: values.text("initial-cluster-token"),
        initial_state: match values.text("initial-cluster-state").as_str() {
            "existing" => InitialState::Existing,
            _ => InitialState::New,
        },
        client_urls: host::advertised(&client_urls, CLIENT_URL, &listen_urls, address),
        election_timeout: Duration::from_millis(values.uint("election-timeout")),
        heartbeat_interval: Duration::from_millis(values.uint("heartbeat-interval")),
        pre_vote: values.bool("pre-vote"),
        max_request_bytes: size(values.uint("max-request-bytes")),
        max_txn_ops: size(values.uint("max-txn-ops")),
        quota_bytes: match values.int("quota-backend-bytes") {
            0 => Some(QUOTA_BYTES),
            bytes => Some(bytes).filter(|bytes| *bytes > 0),
        },
        strict_reconfig_check: values.bool("strict-reconfig-check"),
        max_learners: usize::try_from(values.int("max-learners")).unwrap_or(0),
        auto_compaction: auto_compaction(values)?,
        watch_progress_interval: match time(values, "watch-progress-notify-interval") {
            Duration::ZERO => PROGRESS_INTERVAL,
            interval => interval.max(PROGRESS_INTERVAL_MIN),
        },
        lease_checkpoint_interval: values
            .gates()
            .enabled("LeaseCheckpoint")
            .then_some(LEASE_CHECKPOINT_INTERVAL),
        downgrade_check_interval: time(values, "downgrade-check-time"),
        corruption: corruption_checks(values),
        bcrypt_cost: u32::try_from(values.uint("bcrypt-cost")).unwrap_or(u32::MAX),
        fsync: !values.bool("unsafe-no-fsync"),
        knobs: Knobs {
            checkpoint_entries: values.uint("snapshot-count").max(1),
            catch_up_entries: values.uint("snapshot-catchup-entries"),
            ..Knobs::default()
        },
        ..NodeConfig::default()
    })
}

fn corruption_checks(values: &Values) -> CorruptionChecks {
    let gates = values.gates();
    CorruptionChecks {
        at_start: gates.enabled("InitialCorruptCheck"),
        of_compactions: gates.enabled("CompactHashCheck"),
        compactions_every: time(values, "compact-hash-check-time"),
        everything_every: time(values, "corrupt-check-time"),
    }
}

fn tokens(values: &Values, warnings: &mut Vec<Warning>) -> Result<TokenKind, String> {
    let chosen = token::choose(&values.text("auth-token"), values.uint("auth-token-ttl"))?;
    if let TokenKind::Simple { .. } = chosen.tokens
        && values.is_set("auth-token")
    {
        warnings.push(Warning::new("simple token is not cryptographically signed", "auth-token"));
    }
    if !chosen.unknown.is_empty() {
        warnings.push(Warning::new("unknown JWT options", chosen.unknown.join(",")));
    }
    if !(4..=31).contains(&values.uint("bcrypt-cost")) {
        let text = "use default bcrypt cost instead of the invalid given cost";
        warnings.push(Warning::new(text, "bcrypt-cost"));
    }
    Ok(chosen.tokens)
}

fn initial_members(text: &str) -> Result<Vec<InitialMember>, String> {
    let members = cluster::parse(text)
        .map_err(|error| format!("error setting up initial cluster: {error}"))?;
    if members.is_empty() {
        return Err("initial cluster unset and no discovery endpoints found".into());
    }
    let member = |(name, peer_urls)| InitialMember { name, peer_urls };
    Ok(members.into_iter().map(member).collect())
}

/// Retention is a bare number (hours, or revisions) or a time, whatever the mode.
fn auto_compaction(values: &Values) -> Result<AutoCompaction, String> {
    let retention = values.text("auto-compaction-retention");
    let periodic = values.text("auto-compaction-mode") == "periodic";
    let nanoseconds = match retention.parse::<u32>() {
        Ok(hours) if periodic => i64::from(hours) * 3_600_000_000_000,
        Ok(revisions) => i64::from(revisions),
        Err(_) => duration::parse(&retention).map_err(|_| {
            format!("error parsing CompactionRetention: time: invalid duration {retention:?}")
        })?,
    };
    Ok(match (u64::try_from(nanoseconds), periodic) {
        (Ok(0) | Err(_), _) => AutoCompaction::Off,
        (Ok(nanoseconds), true) => AutoCompaction::Periodic(Duration::from_nanos(nanoseconds)),
        (Ok(_), false) => AutoCompaction::Revision(nanoseconds),
    })
}

fn log(values: &Values) -> Settings {
    let outputs = values.list("log-outputs");
    let output = |name: &String| match name.as_str() {
        "default" | "stderr" => Output::Stderr,
        "stdout" => Output::Stdout,
        path => Output::File(path.into()),
    };
    Settings {
        severity: match values.text("log-level").to_lowercase().as_str() {
            "debug" => Severity::Debug,
            "info" => Severity::Info,
            "warn" => Severity::Warn,
            "error" => Severity::Error,
            _ => Severity::Fatal,
        },
        format: match values.text("log-format").as_str() {
            _ if !values.is_set("log-format") => Format::Automatic,
            "console" => Format::Console,
            _ => Format::Json,
        },
        outputs: outputs.iter().map(output).collect(),
    }
}

/// A time; negative ones are none.
fn time(values: &Values, name: &str) -> Duration {
    Duration::from_nanos(u64::try_from(values.nanoseconds(name)).unwrap_or(0))
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
