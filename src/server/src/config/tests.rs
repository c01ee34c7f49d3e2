//! The configuration as a whole: what comes out, and every text and code that ends a start.

use std::io::Write;
use std::time::Duration;

use super::*;
use node::{AutoCompaction, InitialState};

fn read(line: &str) -> Result<Config, Exit> {
    let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
    Config::read(&args, &Environment::new(), None)
}

fn refused(line: &str) -> String {
    match read(line) {
        Err(Exit::Refused(text)) => text,
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn defaults_are_those_of_the_node() {
    let config = read("").expect("no flags");
    assert_eq!(format!("{:?}", config.node), format!("{:?}", NodeConfig::default()));
    assert_eq!(config.data_dir, PathBuf::from("default.etcd"));
    assert_eq!(config.wal_dir, None);
    assert_eq!(config.listen_client_urls, ["http://localhost:2379"]);
    assert_eq!(config.listen_peer_urls, ["http://localhost:2380"]);
    assert_eq!(config.keepalive_interval, Duration::from_secs(7200));
    assert_eq!(config.slow_call, Duration::from_millis(300));
    assert_eq!(config.max_concurrent_streams, u32::MAX);
    assert!(config.enable_gateway && !config.enable_pprof && !config.extensive_metrics);
    assert_eq!(config.check_bootstrap(), Ok(()));
}

#[test]
fn values_reach_the_configuration() {
    let line = "--name a --data-dir /d --wal-dir /w --heartbeat-interval 10 --election-timeout 100 \
        --initial-cluster a=http://127.0.0.1:1,b=http://127.0.0.1:2 \
        --initial-advertise-peer-urls http://127.0.0.1:1 --initial-cluster-state existing \
        --initial-cluster-token t --quota-backend-bytes=-1 --max-txn-ops 7 --max-learners 3 \
        --max-request-bytes 99 --snapshot-count 5 --pre-vote=false \
        --strict-reconfig-check=false --unsafe-no-fsync --auto-compaction-retention 5m \
        --watch-progress-notify-interval 1ms --enable-pprof --metrics extensive \
        --log-level debug --log-format console --log-outputs stdout,/x.log";
    let config = read(line).expect("all of it is built");
    let node = &config.node;
    assert_eq!((config.data_dir, config.wal_dir), ("/d".into(), Some("/w".into())));
    assert_eq!((node.name.as_str(), node.cluster_token.as_str()), ("a", "t"));
    assert_eq!(node.initial_state, InitialState::Existing);
    let names: Vec<&str> = node.initial_cluster.iter().map(|m| m.name.as_str()).collect();
    assert_eq!(names, ["a", "b"]);
    assert_eq!(node.heartbeat_interval, Duration::from_millis(10));
    assert_eq!(node.election_timeout, Duration::from_millis(100));
    assert_eq!((node.max_txn_ops, node.max_request_bytes, node.max_learners), (7, 99, 3));
    assert_eq!((node.quota_bytes, node.fsync, node.pre_vote), (None, false, false));
    assert!(!node.strict_reconfig_check && config.enable_pprof && config.extensive_metrics);
    assert_eq!(node.knobs.checkpoint_entries, 5);
    assert_eq!(node.watch_progress_interval, Duration::from_millis(100));
    assert_eq!(node.auto_compaction, AutoCompaction::Periodic(Duration::from_secs(300)));
    let outputs = [logging::Output::File("/x.log".into()), logging::Output::Stdout];
    assert_eq!(config.log.outputs, outputs);
    assert_eq!(config.log.format, logging::Format::Console);
    assert_eq!(config.log.severity, logging::Severity::Debug);
}

#[test]
fn retention_is_hours_revisions_or_a_time() {
    let hours = |n: u64| AutoCompaction::Periodic(Duration::from_secs(n * 3600));
    let cases = [
        ("--auto-compaction-retention=0", AutoCompaction::Off),
        ("--auto-compaction-retention=2", hours(2)),
        ("--auto-compaction-retention=1h", hours(1)),
        (
            "--auto-compaction-mode=revision --auto-compaction-retention=1000",
            AutoCompaction::Revision(1000),
        ),
    ];
    for (line, expected) in cases {
        assert_eq!(read(line).expect(line).node.auto_compaction, expected, "{line}");
    }
}

#[test]
fn cluster_follows_the_name_and_the_machine() {
    let config = read("--name a").expect("a name");
    assert_eq!(config.node.initial_cluster[0].name, "a");
    assert_eq!(config.check_bootstrap(), Ok(()));
    let args: Vec<String> =
        ["--name=a", "--listen-peer-urls=http://0.0.0.0:7"].map(String::from).into();
    let address = Some(IpAddr::from([10, 0, 0, 1]));
    let config = Config::read(&args, &Environment::new(), address).expect("an address");
    assert_eq!(config.advertise_peer_urls, ["http://10.0.0.1:7"]);
    assert_eq!(config.node.initial_cluster[0].peer_urls, ["http://10.0.0.1:7"]);
    let config = read("--initial-advertise-peer-urls=http://127.0.0.1:5").expect("it is read");
    assert!(
        config.check_bootstrap().is_err_and(|error| error.starts_with("--initial-cluster has"))
    );
}

const BOOTSTRAP: &str = "multiple discovery or bootstrap flags are set. Choose one of \
        \"initial-cluster\", \"discovery-endpoints\" or \"discovery-srv\"";

/// Command lines that cannot be used, and etcd's text for each.
const REFUSALS: &[(&str, &str)] = &[
    ("--listen-peer-urls=http://x.y:1", "expected IP in URL for binding (http://x.y:1)"),
    ("--listen-metrics-urls=http://x.y:1", "expected IP in URL for binding (http://x.y:1)"),
    (
        "--initial-advertise-peer-urls=http://:1",
        "--initial-advertise-peer-urls \"http://:1\" must be \"host:port\" (unexpected empty \
             host (http://:1))",
    ),
    (
        "--advertise-client-urls=http://:1",
        "--advertise-client-urls \"http://:1\" must be in the format \"host:port\", \
             \"unix:/path/to/socket\" or \"unixs:/path/to/socket\" (unexpected empty host \
             (http://:1))",
    ),
    (
        "--listen-client-urls=http://127.0.0.1:1",
        "--advertise-client-urls is required when --listen-client-urls is set explicitly",
    ),
    ("--initial-cluster=a=http://a:1 --discovery-srv=x", BOOTSTRAP),
    ("--discovery-srv=x --discovery-endpoints=y --discovery-token=z", BOOTSTRAP),
    ("--discovery-token=x", "both --discovery-token and --discovery-endpoints must be set"),
    ("--discovery-endpoints=x", "both --discovery-token and --discovery-endpoints must be set"),
    (
        "--discovery-endpoints=x,,y --discovery-token=z",
        "--discovery-endpoints must not contain empty endpoints",
    ),
    ("--heartbeat-interval=0", "--heartbeat-interval must be >0 (set to 0ms)"),
    ("--election-timeout=0", "--election-timeout must be >0 (set to 0ms)"),
    (
        "--heartbeat-interval=300",
        "--election-timeout[1000ms] should be at least as 5 times as \
             --heartbeat-interval[300ms]",
    ),
    (
        "--election-timeout=50001",
        "--election-timeout[50001ms] is too long, and should be set less than 50000ms",
    ),
    ("--auto-compaction-mode=", "undefined auto-compaction-mode"),
    ("--auto-compaction-mode=x", "unknown auto-compaction-mode \"x\""),
    (
        "--auto-compaction-retention=x",
        "error parsing CompactionRetention: time: invalid duration \"x\"",
    ),
    ("--compact-hash-check-time=0", "--compact-hash-check-time must be >0 (set to 0s)"),
    (
        "--feature-gates=LeaseCheckpointPersist=true",
        "enabling feature gate LeaseCheckpointPersist requires enabling feature gate \
             LeaseCheckpoint",
    ),
    (
        "--tls-min-version=TLS1.3 --tls-max-version=TLS1.2",
        "min version (TLS1.3) is greater than max version (TLS1.2)",
    ),
    (
        "--tls-min-version=TLS1.3 --cipher-suites=x",
        "cipher suites cannot be configured when only TLS1.3 is enabled",
    ),
    ("--logger=capnslog", "--logger=capnslog is removed in v3.5"),
    ("--log-level=x", "unrecognized level: \"x\""),
    ("--log-format=x", "unknown log format: x, supported values json, console"),
    (
        "--discovery-fallback=proxy",
        "v2 proxy is deprecated, and --discovery-fallback can't be configured as \"proxy\"",
    ),
    ("--initial-cluster=", "initial cluster unset and no discovery endpoints found"),
    (
        "--initial-cluster=a=b",
        "error setting up initial cluster: URL scheme must be http, https, unix, or unixs: b",
    ),
];

#[test]
fn what_does_not_hold_is_refused_with_etcd_s_text() {
    for (line, expected) in REFUSALS {
        assert_eq!(refused(line), *expected, "{line}");
    }
}

/// A value other than the default that is one of the flag's kind.
fn other_value(flag: &flag::Flag) -> String {
    use flag::Kind;
    match flag.kind {
        Kind::Bool => (flag.default != "true").to_string(),
        Kind::Int | Kind::Uint | Kind::Uint32 => "7".into(),
        Kind::Duration => "7s".into(),
        Kind::Urls | Kind::Origins => "http://127.0.0.1:7".into(),
        Kind::Text | Kind::Texts | Kind::UniqueTexts if flag.name == "tls-min-version" => {
            "TLS1.3".into()
        }
        Kind::Text | Kind::Texts | Kind::UniqueTexts if flag.name == "tls-max-version" => {
            "TLS1.2".into()
        }
        Kind::Text if flag.name == "metrics" => "extensive".into(),
        Kind::Text | Kind::Texts | Kind::UniqueTexts => "seven".into(),
        Kind::OneOf(valid) => valid[0].into(),
        Kind::Gates => "CompactHashCheck=true".into(),
    }
}

#[test]
fn every_flag_that_is_not_built_ends_the_start() {
    let not_built = table::all().filter(|flag| flag.effect == flag::Effect::Refused);
    // These are refused together with the flags that they need, or by a text of etcd's.
    let with_others = ["discovery-endpoints", "discovery-token", "discovery-fallback"];
    for flag in not_built.filter(|flag| !with_others.contains(&flag.name)) {
        let mut line = format!("--{}={}", flag.name, other_value(flag));
        if flag.name == "discovery-srv" || flag.name == "discovery-srv-name" {
            line.push_str(" --name=a");
        }
        assert_eq!(refused(&line), format!("not supported yet: --{}", flag.name), "{line}");
        let default = format!("--{}={}", flag.name, flag.default);
        Config::read(&[default], &Environment::new(), None).expect("its default is accepted");
    }
    let discovery = "--discovery-endpoints=x --discovery-token=y";
    let expected = "not supported yet: --discovery-endpoints, --discovery-token";
    assert_eq!(refused(discovery), expected);
}

/// The variable that sets a flag, and what comes of either.
#[test]
fn every_flag_has_a_variable_that_says_the_same() {
    assert_eq!(table::all().count(), 111);
    // All of it, texts included: a flag that only one of the two ways reaches shows.
    let outcome = |read: Result<Config, Exit>| format!("{read:?}");
    let untouched = outcome(read(""));
    let mut without_effect = Vec::new();
    // ETCD_VERSION is special: it is warned of.
    for flag in table::all().filter(|flag| flag.name != "version") {
        let value = other_value(flag);
        let argument = [format!("--{}={value}", flag.name)];
        let by_flag = outcome(Config::read(&argument, &Environment::new(), None));
        let name = format!("ETCD_{}", flag.name.to_uppercase().replace('-', "_"));
        let environment = Environment::from([(name.clone(), value)]);
        let by_variable = outcome(Config::read(&[], &environment, None));
        assert_eq!(by_variable, by_flag, "{name}");
        if flag.effect == flag::Effect::Built && by_flag == untouched {
            without_effect.push(flag.name);
        }
    }
    assert_eq!(without_effect, [""; 0], "accepted and ignored");
}

#[test]
fn gates_and_schemes_that_are_not_built_end_the_start() {
    let cases = [
        ("--feature-gates=PriorityRequest=true", "--feature-gates=PriorityRequest=true"),
        ("--log-outputs=systemd/journal", "systemd/journal in --log-outputs"),
    ];
    for (line, expected) in cases {
        assert_eq!(refused(line), format!("not supported yet: {expected}"), "{line}");
    }
    read("--feature-gates=PriorityRequest=false,AllBeta=true").expect("these are the defaults");
    read("--raft-read-timeout=1s").expect("it is raised to the default");
}

#[test]
fn help_version_and_usage_have_their_codes() {
    let code = |line: &str| read(line).err().map(|exit| exit.code());
    let cases = [("--help", 0), ("--version", 0), ("-version", 0), ("--x", 2), ("x", 1)];
    for (line, expected) in cases {
        assert_eq!(code(line), Some(expected), "{line}");
    }
    assert_eq!(code("--version --heartbeat-interval=0"), Some(0), "the version needs no start");
}

#[test]
fn file_replaces_everything_else() {
    let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
    writeln!(file, "name: f\nlisten-client-urls: http://127.0.0.1:9").expect("written");
    let path = file.path().to_string_lossy().into_owned();
    let environment = Environment::from([("ETCD_NAME".to_owned(), "v".to_owned())]);
    let args = ["--name=l".to_owned(), format!("--config-file={path}")];
    let config = Config::read(&args, &environment, None).expect("the file is fine");
    assert_eq!(config.node.name, "f");
    assert_eq!(config.listen_client_urls, ["http://127.0.0.1:9"]);
    assert_eq!(config.node.client_urls, ["http://localhost:2379"], "kept in a file's mode");
    assert!(config.warnings.iter().any(|warning| warning.about == "ETCD_NAME"));
    let environment = Environment::from([("ETCD_CONFIG_FILE".to_owned(), path)]);
    let config = Config::read(&[], &environment, None).expect("the file is fine");
    assert_eq!(config.node.name, "f");
    let missing = ["--config-file=/no/such/file".to_owned()];
    let exit = Config::read(&missing, &Environment::new(), None).expect_err("no such file");
    assert!(matches!(&exit, Exit::Refused(text) if text.starts_with("open /no/such/file")));
}

#[test]
fn environment_and_conflicts_reach_the_configuration() {
    let environment = Environment::from([("ETCD_NAME".to_owned(), "v".to_owned())]);
    let config = Config::read(&[], &environment, None).expect("a name");
    assert_eq!(config.node.name, "v");
    let exit = Config::read(&["--name=l".to_owned()], &environment, None).err();
    assert_eq!(exit.map(|exit| exit.code()), Some(1));
}

#[test]
fn warnings_never_hold_values() {
    let environment = Environment::from([
        ("ETCD_VERSION".to_owned(), "s3cret".to_owned()),
        ("ETCD_UNKNOWN".to_owned(), "s3cret".to_owned()),
    ]);
    let line = ["--quota-backend-bytes=9999999999", "--max-request-bytes=99999999", "--snapshot=1"];
    let config = Config::read(&line.map(String::from), &environment, None).expect("it is read");
    assert_eq!(config.warnings.len(), 7);
    assert!(!format!("{:?}", config.warnings).contains("s3cret"));
}
