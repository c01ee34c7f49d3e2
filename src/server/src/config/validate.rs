//! What must hold between values before a start, in etcd's order and with its texts: deployment
//! tools match them.

use super::security;
use super::url;
use super::values::Values;
use super::warning::Warning;
use crate::tls::suites;

const ELECTION_MS_MAX: u64 = 50_000;
const QUOTA_BYTES_RECOMMENDED: i64 = 8 << 30;
const REQUEST_BYTES_RECOMMENDED: u64 = 10 << 20;
const COLLECTOR_SAMPLES_MAX: i64 = 1_000_000;
const TLS_VERSIONS: [&str; 3] = ["", "TLS1.2", "TLS1.3"];

/// Checks all values together.
///
/// # Errors
/// etcd's text for the first thing that does not hold.
pub fn validate(
    values: &Values,
    has_advertised_urls: bool,
    initial_cluster: &str,
    warnings: &mut Vec<Warning>,
) -> Result<(), String> {
    fallback(values)?;
    logging(values)?;
    urls(values, has_advertised_urls, warnings)?;
    discovery(values, initial_cluster)?;
    timing(values)?;
    if values.is_set("listen-client-urls") && !has_advertised_urls {
        let what = "--advertise-client-urls is required when --listen-client-urls is set";
        return Err(format!("{what} explicitly"));
    }
    compaction(values)?;
    tracing_flags(values)?;
    gates(values, warnings)?;
    if values.nanoseconds("compact-hash-check-time") <= 0 {
        let set = values.text("compact-hash-check-time");
        return Err(format!("--compact-hash-check-time must be >0 (set to {set})"));
    }
    sizes(values, warnings);
    tls(values, warnings)
}

fn fallback(values: &Values) -> Result<(), String> {
    match values.text("discovery-fallback").as_str() {
        "proxy" => Err("v2 proxy is deprecated, and --discovery-fallback can't be configured as \
                        \"proxy\""
            .into()),
        _ => Ok(()),
    }
}

fn logging(values: &Values) -> Result<(), String> {
    match values.text("logger").as_str() {
        "zap" => {}
        "capnslog" => return Err("--logger=capnslog is removed in v3.5".into()),
        other => return Err(format!("unknown logger option {other:?}")),
    }
    let format = values.text("log-format");
    if !["json", "console"].contains(&format.as_str()) {
        return Err(format!("unknown log format: {format}, supported values json, console"));
    }
    let level = values.text("log-level");
    let levels = ["debug", "info", "warn", "error", "panic", "fatal"];
    if !levels.contains(&level.to_lowercase().as_str()) {
        return Err(format!("unrecognized level: {level:?}"));
    }
    Ok(())
}

fn urls(
    values: &Values,
    has_advertised_urls: bool,
    warnings: &mut Vec<Warning>,
) -> Result<(), String> {
    for name in ["listen-peer-urls", "listen-client-urls", "listen-client-http-urls"] {
        url::check_bind(&values.list(name))?;
    }
    if values.list("listen-client-http-urls").is_empty() {
        let text = "Running http and grpc server on single port. This is not recommended for \
                    production.";
        warnings.push(Warning::new(text, ""));
    }
    url::check_bind(&values.list("listen-metrics-urls"))?;
    let peer = values.list("initial-advertise-peer-urls");
    url::check_host(&peer).map_err(|error| {
        let peer = peer.join(",");
        format!("--initial-advertise-peer-urls {peer:?} must be \"host:port\" ({error})")
    })?;
    let client = values.list("advertise-client-urls");
    match url::check_host(&client) {
        Err(error) if has_advertised_urls => Err(format!(
            "--advertise-client-urls {:?} must be in the format \"host:port\", \
             \"unix:/path/to/socket\" or \"unixs:/path/to/socket\" ({error})",
            client.join(",")
        )),
        _ => Ok(()),
    }
}

fn discovery(values: &Values, initial_cluster: &str) -> Result<(), String> {
    let state = values.text("initial-cluster-state");
    if state != "new" && state != "existing" {
        return Err(format!("unexpected clusterState {state:?}"));
    }
    let endpoints = values.text("discovery-endpoints");
    let srv = values.text("discovery-srv");
    let ways = [initial_cluster, &srv, &endpoints].iter().filter(|way| !way.is_empty()).count();
    if ways > 1 {
        return Err("multiple discovery or bootstrap flags are set. Choose one of \
                    \"initial-cluster\", \"discovery-endpoints\" or \"discovery-srv\""
            .into());
    }
    if values.text("discovery-token").is_empty() != endpoints.is_empty() {
        return Err("both --discovery-token and --discovery-endpoints must be set".into());
    }
    match endpoints.split(',').any(|endpoint| endpoint.trim().is_empty()) {
        true if !endpoints.is_empty() => {
            Err("--discovery-endpoints must not contain empty endpoints".into())
        }
        _ => Ok(()),
    }
}

fn timing(values: &Values) -> Result<(), String> {
    let (heartbeat, election) =
        (values.uint("heartbeat-interval"), values.uint("election-timeout"));
    if heartbeat == 0 {
        return Err("--heartbeat-interval must be >0 (set to 0ms)".into());
    }
    if election == 0 {
        return Err("--election-timeout must be >0 (set to 0ms)".into());
    }
    if heartbeat.saturating_mul(5) > election {
        return Err(format!(
            "--election-timeout[{election}ms] should be at least as 5 times as \
             --heartbeat-interval[{heartbeat}ms]"
        ));
    }
    if election > ELECTION_MS_MAX {
        return Err(format!(
            "--election-timeout[{election}ms] is too long, and should be set less than \
             {ELECTION_MS_MAX}ms"
        ));
    }
    Ok(())
}

fn compaction(values: &Values) -> Result<(), String> {
    match values.text("auto-compaction-mode").as_str() {
        "periodic" | "revision" => Ok(()),
        "" => Err("undefined auto-compaction-mode".into()),
        mode => Err(format!("unknown auto-compaction-mode {mode:?}")),
    }
}

fn tracing_flags(values: &Values) -> Result<(), String> {
    let rate = values.int("distributed-tracing-sampling-rate");
    let enabled = values.bool("enable-distributed-tracing");
    match (0..=COLLECTOR_SAMPLES_MAX).contains(&rate) {
        false if enabled => Err(format!(
            "distributed tracing configurition is not valid: (distributed tracing sampling rate \
             must be positive and no more than {COLLECTOR_SAMPLES_MAX}: {rate})"
        )),
        _ => Ok(()),
    }
}

fn gates(values: &Values, warnings: &mut Vec<Warning>) -> Result<(), String> {
    let gates = values.gates();
    let (checkpoint, persist) =
        (gates.enabled("LeaseCheckpoint"), gates.enabled("LeaseCheckpointPersist"));
    if checkpoint && !persist {
        let text = "Detected that checkpointing is enabled without persistence. Consider enabling \
                    feature gate LeaseCheckpointPersist";
        warnings.push(Warning::new(text, "feature-gates"));
    }
    match persist && !checkpoint {
        true => Err("enabling feature gate LeaseCheckpointPersist requires enabling feature gate \
                     LeaseCheckpoint"
            .into()),
        false => Ok(()),
    }
}

fn sizes(values: &Values, warnings: &mut Vec<Warning>) {
    if values.text("name") == "default" {
        let text = "it isn't recommended to use default name, please set a value for --name. \
                    Note that etcd might run into issue when multiple members have the same \
                    default name";
        warnings.push(Warning::new(text, "name"));
    }
    if values.int("quota-backend-bytes") > QUOTA_BYTES_RECOMMENDED {
        let text = "quota exceeds the recommended maximum of 8 GiB";
        warnings.push(Warning::new(text, "quota-backend-bytes"));
    }
    if values.uint("max-request-bytes") > REQUEST_BYTES_RECOMMENDED {
        let text = "exceeded recommended request limit of 10 MiB";
        warnings.push(Warning::new(text, "max-request-bytes"));
    }
}

fn tls(values: &Values, warnings: &mut Vec<Warning>) -> Result<(), String> {
    let (min, max) = (values.text("tls-min-version"), values.text("tls-max-version"));
    for version in [&min, &max] {
        if !TLS_VERSIONS.contains(&version.as_str()) {
            return Err(format!(
                "unexpected TLS version {version:?} (must be one of: TLS1.2, TLS1.3)"
            ));
        }
    }
    if !max.is_empty() && min > max {
        return Err(format!("min version ({min}) is greater than max version ({max})"));
    }
    let suites = values.list("cipher-suites");
    if min == "TLS1.3" && !suites.is_empty() {
        return Err("cipher suites cannot be configured when only TLS1.3 is enabled".into());
    }
    suites::check(&suites)?;
    suites::check_usable(security::versions(values), &suites)?;
    let not_offered = suites::not_offered(&suites);
    if !not_offered.is_empty() {
        let text =
            "cipher suites without forward secrecy or authenticated encryption are not offered";
        warnings.push(Warning::new(text, not_offered.join(",")));
    }
    Ok(())
}
