//! How a start looks: the commands that users of etcd type, under both names, what is said and what
//! never is, and calls that are not built.

mod support;

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use proto::etcdserverpb::auth_client::AuthClient;
use proto::etcdserverpb::{
    AuthenticateRequest, Compare, PutRequest, RangeRequest, RequestOp, TxnRequest, compare,
    request_op,
};
use support::PATIENCE;
use tonic::Request;

const BINARY: &str = env!("CARGO_BIN_EXE_cairn");
const READY: &str = "ready to serve client requests";

/// A process with its default ports in a network of its own; killed when dropped.
struct Alone(Child);

impl Drop for Alone {
    fn drop(&mut self) {
        let _ended = self.0.kill();
        let _ended = self.0.wait();
    }
}

/// Whether this test may make networks of its own; says so if not.
fn may_be_alone() -> bool {
    let attempt = Command::new("unshare").args(["-n", "ip", "link", "set", "lo", "up"]).output();
    let may = attempt.as_ref().is_ok_and(|output| output.status.success());
    if !may {
        support::skipped(&format!("the default ports need a network of their own: {attempt:?}"));
    }
    may
}

/// Starts a command line in a directory and a network of its own; its lines go to `log`.
fn alone(dir: &Path, program: &Path, args: &[&str]) -> Alone {
    let log = std::fs::File::create(dir.join("log")).expect("the directory is writable");
    let mut command = Command::new("unshare");
    command.args(["-n", "sh", "-c", "ip link set lo up && exec \"$0\" \"$@\""]);
    command.arg(program).args(args).current_dir(dir);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
    Alone(child.expect("unshare is there"))
}

fn wait_until_ready(dir: &Path) -> String {
    let began = Instant::now();
    loop {
        let text = std::fs::read_to_string(dir.join("log")).unwrap_or_default();
        if text.contains(READY) {
            return text;
        }
        assert!(began.elapsed() < PATIENCE, "it does not serve: {text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_four_commands_start_under_both_names() {
    if !may_be_alone() {
        return;
    }
    let url = "http://127.0.0.1:1234";
    let commands: [(&[&str], &str, &str); 4] = [
        (&[], "default.etcd", "http://localhost:2379"),
        (&["--advertise-client-urls", url, "--listen-client-urls", url], "default.etcd", url),
        (&["--name", "my_etcd_cluster"], "my_etcd_cluster.etcd", "http://localhost:2379"),
        (&["--enable-pprof", "--metrics", "extensive"], "default.etcd", "http://localhost:2379"),
    ];
    for name in ["cairn", "etcd"] {
        for (args, data, serves) in commands {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let program = dir.path().join(name);
            symlink(BINARY, &program).expect("a link is made");
            let _alone = alone(dir.path(), &program, args);
            let text = wait_until_ready(dir.path());
            let lines: Vec<&str> = text.lines().collect();
            for line in &lines {
                assert!(line.starts_with("{\"level\":\"") && line.ends_with('}'), "{line}");
            }
            let first = lines.first().copied().unwrap_or_default();
            assert!(first.contains("starting Cairn") && first.contains("0.1.0"), "{first}");
            assert!(text.contains(data) && text.contains("to try it"), "{args:?}: {text}");
            let ready = lines.iter().position(|line| line.contains(READY));
            assert_eq!(ready, Some(lines.len() - 1), "something follows the last line: {text}");
            assert!(lines[lines.len() - 1].contains(serves), "{args:?}: {text}");
            assert!(dir.path().join(data).join("cairn.json").exists(), "{args:?}: no {data}");
        }
    }
}

#[test]
fn on_a_terminal_the_lines_are_readable() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let member = support::cluster(dir.path(), 1).remove(0);
    let log = dir.path().join("typescript");
    let line = format!("exec {BINARY} {}", member.flags().join(" "));
    let mut command = Command::new("script");
    command.args(["-q", "-f", "-e", "-c", &line]).arg(&log);
    let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    let _script = Alone(child.expect("script is there"));
    let began = Instant::now();
    let text = loop {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        if text.contains(READY) {
            break text;
        }
        assert!(began.elapsed() < PATIENCE, "it does not serve: {text}");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(!text.contains("{\"level\""), "{text}");
    assert!(
        text.contains("starting Cairn") && text.contains("to try it: cairnctl --endpoints"),
        "{text}"
    );
    let longest = text.lines().filter(|line| line.contains("starting Cairn")).count();
    assert_eq!(longest, 1, "{text}");
}

const SECRET: &str = "s3cret-marker";

/// Calls that carry the marker as value, compared value, password and token.
async fn say_secrets(member: &support::Member) {
    let mut kv = support::connect(&member.client_url()).await.expect("it serves");
    support::put(&mut kv, "key", SECRET).await.expect("it writes");
    let put = PutRequest { key: "key".into(), value: SECRET.into(), ..Default::default() };
    let compared = compare::TargetUnion::Value(SECRET.into());
    let compare = Compare {
        target: compare::CompareTarget::Value as i32,
        key: "key".into(),
        target_union: Some(compared),
        ..Default::default()
    };
    let op = RequestOp { request: Some(request_op::Request::RequestPut(put)) };
    let txn = TxnRequest { compare: vec![compare], success: vec![op], failure: Vec::new() };
    kv.txn(txn).await.expect("it writes");
    let large = format!("{SECRET}{}", "v".repeat(2_000_000));
    support::put(&mut kv, "key", &large).await.expect_err("it is too large");
    let mut request = Request::new(RangeRequest { key: "key".into(), ..Default::default() });
    request.metadata_mut().insert("token", SECRET.parse().expect("ASCII"));
    request.metadata_mut().insert("authorization", SECRET.parse().expect("ASCII"));
    // Whether a token is taken is not the question.
    let _answered = kv.range(request).await;
    let channel = support::channel(&member.client_url()).await.expect("it serves");
    let authenticate = AuthenticateRequest { name: "root".into(), password: SECRET.into() };
    let refused = AuthClient::new(channel).authenticate(authenticate).await;
    assert!(refused.is_err(), "there are no users");
    say_secrets_as_json(member).await;
}

/// What cannot be read is told to the client in words that quote it.
async fn say_secrets_as_json(member: &support::Member) {
    let json = support::json::Json::new(&member.client_url());
    let put = json.post("/v3/kv/put", format!("{{\"lease\":\"{SECRET}\"}}")).await;
    assert!(put.text.contains(SECRET), "{put:?}");
    for body in [
        format!("{{\"create_request\":{{\"start_revision\":\"{SECRET}\"}}}}"),
        format!("{{\"create_request\":{{}}}} {{\"{SECRET}\":{SECRET}"),
    ] {
        let headers = [("grpc-timeout", "300m")];
        json.send("POST", "/v3/watch", &headers, body).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_value_token_or_password_is_ever_logged() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut member = support::cluster(dir.path(), 1).remove(0);
    // Everything is slow enough to be logged, and everything that is said is shown.
    member.arguments =
        vec!["--log-level=debug".into(), "--warning-unary-request-duration=1ns".into()];
    let mut process = member.start();
    process.ready().await;
    say_secrets(&member).await;
    process.signal("TERM");
    process.wait(PATIENCE);
    let log = member.log();
    assert!(log.contains("Put"), "slow calls are logged: {log}");
    assert!(!log.contains(SECRET), "{}", log.replace(SECRET, "<<<SECRET>>>"));
    let mut process = member.start();
    process.ready().await;
    assert!(!member.log().contains(SECRET), "the second start says it");
}
