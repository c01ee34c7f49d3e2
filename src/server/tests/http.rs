//! The plain HTTP endpoints of a running member, as probes, scrapers and profilers use them.

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use support::Member;

/// One request on a connection of its own: status, head and body.
fn get(port: u16, method: &str, path: &str) -> (u16, String, Vec<u8>) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).expect("it accepts");
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).expect("it reads");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("it answers");
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("a head ends");
    let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer[end + 4..].to_vec();
    let body = if head.contains("transfer-encoding: chunked") { whole(&body) } else { body };
    (status.expect("a status"), head, body)
}

/// The content of a chunked body.
fn whole(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let length = std::str::from_utf8(&rest[..end])
            .ok()
            .and_then(|hexadecimal| usize::from_str_radix(hexadecimal, 16).ok());
        let length = length.expect("a chunk has a length");
        body.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 4 + length..];
    }
    body
}

fn text(port: u16, path: &str) -> (u16, String) {
    let (status, _, body) = get(port, "GET", path);
    (status, String::from_utf8(body).expect("it is text"))
}

async fn started(dir: &std::path::Path, arguments: &[&str]) -> (Member, support::Process) {
    let mut member = support::cluster(dir, 1).remove(0);
    member.arguments = arguments.iter().map(ToString::to_string).collect();
    let mut process = member.start();
    let mut client = process.ready().await;
    support::put(&mut client, "key", "value").await.expect("it writes");
    (member, process)
}

#[tokio::test(flavor = "multi_thread")]
async fn health_and_version_answer_as_etcd_does() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let metrics_port = support::free_port();
    let flag = format!("--listen-metrics-urls=http://127.0.0.1:{metrics_port}");
    let (member, _process) = started(dir.path(), &[&flag]).await;
    let healthy = (200, r#"{"health":"true","reason":""}"#.to_string());
    for port in [member.client_port, metrics_port] {
        assert_eq!(text(port, "/health"), healthy);
        assert_eq!(text(port, "/health?serializable=true"), healthy);
        for path in ["/livez", "/readyz", "/livez/serializable_read", "/readyz/linearizable_read"] {
            assert_eq!(text(port, path), (200, "ok\n".into()), "{path}");
        }
        let (status, verbose) = text(port, "/readyz?verbose");
        assert_eq!(status, 200);
        for check in ["data_corruption", "serializable_read", "linearizable_read", "non_learner"] {
            assert!(verbose.contains(&format!("[+]{check} ok\n")), "{verbose}");
        }
        let (status, head, _) = get(port, "POST", "/health");
        assert_eq!(status, 405, "{head}");
        assert!(head.contains("allow: get"), "{head}");
        assert_eq!(get(port, "GET", "/no-such-path").0, 404);
    }
    let versions = r#"{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"}"#;
    assert_eq!(text(member.client_port, "/version"), (200, versions.into()));
    assert_eq!(get(metrics_port, "GET", "/version").0, 404, "the metrics port has no version");
    assert_eq!(get(member.client_port, "GET", "/debug/pprof/").0, 404, "profiles are off");
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_have_the_histograms_of_calls_when_they_are_extensive() {
    let handled = "grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Put\",\
                   grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"} 1";
    let histogram = "grpc_server_handling_seconds_count{grpc_method=\"Put\",\
                     grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"} 1";
    for (arguments, extensive) in [(&["--metrics=extensive"][..], true), (&[][..], false)] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let (member, _process) = started(dir.path(), arguments).await;
        let (status, head, body) = get(member.client_port, "GET", "/metrics");
        let body = String::from_utf8(body).expect("metrics are text");
        assert_eq!(status, 200);
        assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
        assert!(body.contains(handled), "{body}");
        assert_eq!(body.contains(histogram), extensive, "{body}");
        for name in ["etcd_server_has_leader 1", "etcd_server_is_leader 1", "cairn_build_info{"] {
            assert!(body.contains(name), "{name} is not in {body}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_profile_is_one_that_go_tool_pprof_opens() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (member, _process) = started(dir.path(), &["--enable-pprof"]).await;
    let ending = Arc::new(AtomicBool::new(false));
    let (url, told) = (member.client_url(), ending.clone());
    let load = tokio::spawn(async move {
        let mut client = support::connect(&url).await.expect("it serves");
        while !told.load(Ordering::Relaxed) {
            support::put(&mut client, "key", "value").await.expect("it writes");
        }
    });
    let port = member.client_port;
    let profiled =
        tokio::task::spawn_blocking(move || get(port, "GET", "/debug/pprof/profile?seconds=2"));
    let (status, head, body) = profiled.await.expect("it does not panic");
    ending.store(true, Ordering::Relaxed);
    load.await.expect("it does not panic");
    assert_eq!(status, 200, "{head}");
    assert!(body.starts_with(&[0x1f, 0x8b]), "it is not gzipped");
    let path = dir.path().join("profile.pb.gz");
    std::fs::write(&path, &body).expect("the temporary directory is writable");
    let output =
        Command::new("go").args(["tool", "pprof", "-top", "-nodecount=20"]).arg(&path).output();
    let output = output.expect("these tests need Go in PATH");
    let shown = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(shown.contains("Type: cpu") && shown.contains("flat%"), "{shown}");
    let samples = shown.lines().filter(|line| line.contains('%')).count();
    assert!(samples > 2, "nothing was sampled: {shown}");
}
