//! The same HTTP requests go to a real etcd and to Cairn: status, headers that mean something, and
//! every line of JSON have to be equal. What may differ: `normalise` and `name_deadline`.

use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use serde_json::Value;
use tests::cluster::{Cluster, Member};

/// How long an answer that goes on is listened to for lines that must not come.
const SILENCE: Duration = Duration::from_millis(300);
/// How long one that has to come may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Headers that clients look at.
const HEADERS: [&str; 8] = [
    "content-type",
    "grpc-metadata-content-type",
    "www-authenticate",
    "access-control-allow-origin",
    "access-control-allow-methods",
    "access-control-allow-headers",
    "x-content-type-options",
    "allow",
];

/// What etcd says of a deadline when its server was faster than its gateway.
const DEADLINE_LOST: &str = "stream terminated by RST_STREAM with error code: CANCEL";

/// Fields whose values are a server's own.
const OWN: [&str; 12] = [
    "cluster_id",
    "member_id",
    "raft_term",
    "memberID",
    "leader",
    "raftIndex",
    "raftTerm",
    "raftAppliedIndex",
    "dbSize",
    "dbSizeInUse",
    "peerURLs",
    "clientURLs",
];

/// One request.
struct Case {
    method: &'static str,
    path: &'static str,
    headers: &'static [(&'static str, &'static str)],
    body: String,
    /// Lines after which the answer is not read on; 0 for one that ends by itself.
    lines: usize,
}

fn case(method: &'static str, path: &'static str, body: impl Into<String>) -> Case {
    Case { method, path, headers: &[], body: body.into(), lines: 0 }
}

fn post(path: &'static str, body: &str) -> Case {
    case("POST", path, body)
}

fn open(path: &'static str, body: &str, lines: usize) -> Case {
    Case { lines, ..post(path, body) }
}

fn with(headers: &'static [(&'static str, &'static str)], case: Case) -> Case {
    Case { headers, ..case }
}

/// What is compared of an answer.
#[derive(Debug, PartialEq)]
struct Answer {
    status: String,
    headers: Vec<String>,
    lines: Vec<Value>,
}

fn ask(member: &Member, case: &Case) -> Answer {
    let address = member.client_url().replace("http://", "");
    let mut socket = TcpStream::connect(&address).expect("it accepts");
    let mut head = format!("{} {} HTTP/1.1\r\n", case.method, case.path);
    let named = case.headers.iter().any(|(name, _)| *name == "Host");
    let host = (!named).then_some(("Host", "localhost"));
    for (name, value) in host.iter().chain(case.headers).chain(&[("Connection", "close")]) {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if case.method == "POST" || case.method == "PUT" {
        head.push_str(&format!("Content-Length: {}\r\n", case.body.len()));
    }
    socket.write_all(format!("{head}\r\n{}", case.body).as_bytes()).expect("it reads");
    let (head, body) = read(&mut socket, case.lines);
    let mut head = head.lines();
    let status = head.next().and_then(|line| line.split(' ').nth(1)).unwrap_or("none").to_owned();
    let lower = head.map(|line| match line.split_once(": ") {
        Some((name, value)) => format!("{}: {value}", name.to_lowercase()),
        None => line.to_owned(),
    });
    let known = |line: &String| HEADERS.iter().any(|name| line.starts_with(&format!("{name}: ")));
    let mut headers: Vec<String> = lower.filter(known).collect();
    headers.sort();
    let lines = body.lines().filter(|line| !line.is_empty());
    let json = |line: &str| {
        let mut value = serde_json::from_str(line).unwrap_or_else(|_| Value::String(line.into()));
        normalise(&mut value);
        value
    };
    Answer { status, headers, lines: lines.map(json).collect() }
}

/// Head and body, up to so many lines, and what comes in the silence after them.
fn read(socket: &mut TcpStream, lines: usize) -> (String, String) {
    let deadline = Instant::now() + PATIENCE;
    let mut bytes = Vec::new();
    loop {
        let (head, body) = parts(&bytes);
        let enough = lines > 0 && body.lines().count() >= lines;
        let wait =
            if enough { SILENCE } else { deadline.saturating_duration_since(Instant::now()) };
        socket.set_read_timeout(Some(wait.max(SILENCE))).expect("a socket has timeouts");
        let mut piece = [0; 4096];
        match socket.read(&mut piece) {
            Ok(0) => return (head, body),
            Ok(count) => bytes.extend_from_slice(&piece[..count]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                assert!(enough, "no more came than: {head}\n{body}");
                return (head, body);
            }
            // Whoever refuses a body closes without reading the rest of it.
            Err(error) if error.kind() == ErrorKind::ConnectionReset && !head.is_empty() => {
                return (head, body);
            }
            Err(error) => panic!("{error} after: {head}\n{body}"),
        }
    }
}

/// Head and body of what was read so far.
fn parts(bytes: &[u8]) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
        return (text(bytes), String::new());
    };
    let head = text(&bytes[..end]);
    let body = &bytes[end + 4..];
    match head.to_lowercase().contains("transfer-encoding: chunked") {
        true => (head, text(&content_of_chunks(body))),
        false => (head, text(body)),
    }
}

fn content_of_chunks(mut rest: &[u8]) -> Vec<u8> {
    let mut content = Vec::new();
    while let Some(end) = rest.windows(2).position(|window| window == b"\r\n") {
        let length = std::str::from_utf8(&rest[..end]).ok();
        let length = length.and_then(|digits| usize::from_str_radix(digits, 16).ok());
        let length = length.expect("a chunk has a length");
        let Some(chunk) = rest.get(end + 2..end + 2 + length) else { break };
        content.extend_from_slice(chunk);
        rest = rest.get(end + 4 + length..).unwrap_or_default();
    }
    content
}

/// Takes out what is a server's own, and the space that Go's protobuf varies by its build so that
/// nobody relies on its error texts.
fn normalise(value: &mut Value) {
    match value {
        Value::String(text) => *text = text.replace('\u{a0}', " "),
        Value::Array(values) => values.iter_mut().for_each(normalise),
        Value::Object(fields) => {
            let is_member = fields.contains_key("peerURLs");
            for (name, value) in fields {
                let name = name.as_str();
                match OWN.contains(&name) || is_member && ["ID", "name"].contains(&name) {
                    true => *value = Value::String(format!("its {name}")),
                    false => normalise(value),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

#[test]
fn nothing_else_is_normalised() {
    let value = |revision: &str, cluster: &str| {
        let json = format!(
            r#"{{"header":{{"cluster_id":"{cluster}","revision":"{revision}"}},"kvs":[{{}}]}}"#
        );
        let mut value = serde_json::from_str(&json).expect("JSON");
        normalise(&mut value);
        value
    };
    assert_eq!(value("1", "1"), value("1", "2"));
    assert_ne!(value("1", "1"), value("2", "1"));
}

fn kv() -> Vec<Case> {
    vec![
        post("/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#),
        post("/v3/kv/put", r#"{"key":"Zm9v","value":"-_8","prev_kv":true}"#),
        post("/v3/kv/put", r#"{"key":"Zm9w","value":"PDw+Jg=="}"#),
        post("/v3/kv/put", r#"{"value":"YmFy"}"#),
        post("/v3/kv/put", r#"{"key":"Zm9v","lease":"99"}"#),
        post("/v3/kv/put", r#"{"key":"Zm9v","ignoreValue":true,"value":"YQ=="}"#),
        post("/v3/kv/range", r#"{"key":"Zm9v"}"#),
        post("/v3/kv/range", r#"{"key":"AA==","range_end":"AA=="}"#),
        post(
            "/v3/kv/range",
            r#"{"key":"AA==","rangeEnd":"AA==","limit":"1","sort_order":"DESCEND"}"#,
        ),
        post("/v3/kv/range", r#"{"key":"AA==","range_end":"AA==","sort_target":4,"sortOrder":1}"#),
        post("/v3/kv/range", r#"{"key":"AA==","range_end":"AA==","count_only":true}"#),
        post("/v3/kv/range", r#"{"key":"AA==","range_end":"AA==","keys_only":true}"#),
        post("/v3/kv/range", r#"{"key":"Zm9v","revision":"2"}"#),
        post("/v3/kv/range", r#"{"key":"Zm9v","revision":99}"#),
        post("/v3/kv/range", r#"{"key":"Zm9v","revision":-1,"serializable":true}"#),
        post("/v3/kv/range", r#"{"key":"bm90aGluZw=="}"#),
        post(
            "/v3/kv/txn",
            r#"{"compare":[{"target":"VERSION","key":"Zm9v","version":"2"},
                {"target":"VALUE","key":"Zm9v","value":"+/8=","result":"EQUAL"}],
                "success":[{"requestRange":{"key":"Zm9v"}},
                {"request_put":{"key":"Yg==","value":"Yg=="}},
                {"request_delete_range":{"key":"Zm9w","prev_kv":true}}],"failure":[]}"#,
        ),
        post(
            "/v3/kv/txn",
            r#"{"compare":[{"target":"MOD","key":"Zm9v","mod_revision":0}],
                "failure":[{"request_txn":{"success":[{"request_range":{"key":"Yg=="}}]}}]}"#,
        ),
        post(
            "/v3/kv/txn",
            r#"{"success":[{"request_put":{"key":"YQ=="}},{"request_put":{"key":"YQ=="}}]}"#,
        ),
        post("/v3/kv/txn", r#"{"success":[{}]}"#),
        post("/v3/kv/txn", "{}"),
        post("/v3/kv/deleterange", r#"{"key":"Yg==","prev_kv":true}"#),
        post("/v3/kv/deleterange", r#"{"key":"Yg=="}"#),
        post("/v3/kv/compaction", r#"{"revision":"3","physical":true}"#),
        post("/v3/kv/compaction", r#"{"revision":"3"}"#),
        post("/v3/kv/compaction", r#"{"revision":"300"}"#),
        post("/v3/kv/range", r#"{"key":"Zm9v","revision":"2"}"#),
        post("/v3beta/kv/range", r#"{"key":"Zm9v"}"#),
        post("/v3/kv/range?a=b", r#"{"key":"Zm9v"}"#),
    ]
}

fn leases_and_watches() -> Vec<Case> {
    let grant = r#"{"ID":"1234","TTL":"1000"}"#;
    vec![
        post("/v3/lease/grant", grant),
        post("/v3/lease/grant", grant),
        post("/v3/lease/grant", r#"{"ID":"1235","TTL":"9000000001"}"#),
        post("/v3/kv/put", r#"{"key":"bGVhc2Vk","lease":1234}"#),
        post("/v3/lease/leases", "{}"),
        post("/v3/kv/lease/leases", "{}"),
        post("/v3/lease/keepalive", r#"{"ID":"1234"}"#),
        post("/v3/lease/keepalive", r#"{"ID":"1234"}{"ID":"9"}"#),
        post("/v3/lease/keepalive", r#"{"ID":"1234"} {bad"#),
        post("/v3/lease/keepalive", "{bad"),
        post("/v3/lease/keepalive", ""),
        with(&[("Grpc-Timeout", "1n")], post("/v3/lease/keepalive", r#"{"ID":"1234"}"#)),
        open("/v3/watch", r#"{"create_request":{"key":"Zm9v"}}"#, 1),
        open(
            "/v3/watch",
            r#"{"create_request":{"key":"Zm9v"}}{"createRequest":{"key":"Yg=="}} {"#,
            2,
        ),
        open("/v3/watch", r#"{"create_request":{"key":"Zm9v","start_revision":"1"}}"#, 2),
        open(
            "/v3/watch",
            r#"{"create_request":{"key":"AA==","range_end":"AA==","start_revision":"4"}}"#,
            2,
        ),
        open(
            "/v3/watch",
            r#"{"create_request":{"watch_id":"7","key":"YQ=="}}{"cancel_request":{"watch_id":7}}"#,
            2,
        ),
        open("/v3/watch", r#"{"create_request":{"key":"YQ=="}}{"progress_request":{}}"#, 1),
        // Of a watch that has answered, etcd's last line depends on which of two ends it first.
        with(&[("Grpc-Timeout", "400m")], post("/v3/watch", "")),
        post("/v3/lease/revoke", r#"{"ID":"1234"}"#),
        post("/v3/kv/lease/revoke", r#"{"ID":"1234"}"#),
        post("/v3/lease/timetolive", r#"{"ID":"1234","keys":true}"#),
        post("/v3/kv/lease/timetolive", r#"{"ID":1234}"#),
    ]
}

fn malformed() -> Vec<Case> {
    let bodies = [
        "",
        " ",
        "{",
        "{}",
        "[]",
        "null",
        "true",
        "\"x\"",
        "12",
        "abc",
        "{1:2}",
        "{\"a\"",
        "{\"a\" 1}",
        "{\"a\":1 2}",
        "{\"a\":tru}",
        "{\"a\":1,}",
        "{\"key\":\"a",
        "{\"key\":\"\\q\"}",
        "{\"key\":\"\\u00g\"}",
        "{\"key\":\"\u{1}\"}",
        "{\"key\":01}",
        "{\"limit\":1.e}",
        "{\"limit\":-}",
        "{\"limit\":1e}",
        "{\"key\":1}",
        "{\"key\":\"!!\"}",
        "{\"key\":\"Zg=\"}",
        "{\"key\":\"Zg\"}",
        "{\"key\":\"Zm9v\\n\"}",
        "{\"key\":\"+_8=\"}",
        "{\"key\":true}",
        "{\"key\":[]}",
        "{\"key\":{}}",
        "{\"key\":\"Zm9v\",\"key\":\"\"}",
        "{\"key\":\"Zm9v\",\"limit\":\"x\"}",
        "{\"key\":\"Zm9v\",\"limit\":1.5}",
        "{\"key\":\"Zm9v\",\"limit\":\"1e0\"}",
        "{\"key\":\"Zm9v\",\"limit\":1.0}",
        "{\"key\":\"Zm9v\",\"limit\":null}",
        "{\"key\":\"Zm9v\",\"limit\":\" 1\"}",
        "{\"key\":\"Zm9v\",\"limit\":9223372036854775808}",
        "{\"key\":\"Zm9v\",\"sort_order\":\"NOPE\"}",
        "{\"key\":\"Zm9v\",\"sort_order\":99}",
        "{\"key\":\"Zm9v\",\"sort_order\":4294967296}",
        "{\"key\":\"Zm9v\",\n \"keysOnly\": 1}",
        "{\"é\":1,\"keys_only\":\"true\"}",
        "{\"key\":\"Zm9v\"} trailing",
        "{\"key\":\"Zm9v\"}}",
        "{\"unknown\":[1,{\"a\":null}],\"key\":\"Zm9v\"}",
        "{\"KEY\":\"Zm9v\"}",
    ];
    let mut cases: Vec<Case> = bodies.iter().map(|body| post("/v3/kv/range", body)).collect();
    let deep = format!("{}{}", "[".repeat(10_001), "]".repeat(10_001));
    cases.push(post("/v3/kv/range", &deep));
    for body in [
        "{\"success\":{}}",
        "{\"success\":[null]}",
        "{\"success\":[1]}",
        "{\"success\":null}",
        "{\"success\":[{\"request_range\":{\"key\":\"Zm9v\"},\"request_put\":{\"key\":\"Zm9v\"}}]}",
        "{\"compare\":[{\"target\":\"VERSION\",\"key\":\"YQ==\",\"version\":1,\"value\":\"\"}]}",
    ] {
        cases.push(post("/v3/kv/txn", body));
    }
    cases
}

fn http() -> Vec<Case> {
    let range = r#"{"key":"Zm9v"}"#;
    let mut cases = vec![
        with(&[("Grpc-Timeout", "1x")], post("/v3/kv/range", range)),
        with(&[("Grpc-Timeout", "1n")], post("/v3/kv/range", range)),
        with(&[("Grpc-Timeout", "-1S")], post("/v3/kv/put", range)),
        with(&[("Grpc-Timeout", "0S")], post("/v3/kv/range", range)),
        with(&[("Grpc-Timeout", "123456789012S")], post("/v3/kv/range", range)),
        with(&[("Grpc-Metadata-hasleader", "true")], post("/v3/kv/range", range)),
        with(&[("Host", "evil.example")], post("/v3/kv/range", range)),
        with(&[("Origin", "http://evil.example")], post("/v3/kv/range", range)),
        with(&[("Content-Type", "text/plain")], post("/v3/kv/range", range)),
        with(&[("Content-Type", "application/x-www-form-urlencoded")], post("/v3/kv/range", range)),
        with(&[("Authorization", "Bearer none")], post("/v3/kv/range", range)),
        case("OPTIONS", "/v3/kv/range", ""),
        case("OPTIONS", "/no/such", ""),
        case("GET", "/version", ""),
        case("GET", "/health", ""),
        post("/v3/maintenance/status", "{}"),
        post("/v3/cluster/member/list", "{}"),
        post("/v3/cluster/member/remove", r#"{"ID":"1"}"#),
        post("/v3/maintenance/alarm", "{}"),
        post("/v3/maintenance/alarm", r#"{"action":"ACTIVATE","alarm":"NOSPACE","memberID":"7"}"#),
        post("/v3/maintenance/alarm", r#"{"action":2,"alarm":1,"memberID":7}"#),
        post("/v3/maintenance/transfer-leadership", r#"{"targetID":"7"}"#),
    ];
    for path in ["/v3/", "/v3/nosuch", "/v3/kv/range/", "/v3/kv", "/v3alpha/kv/range", "/v3betakv"]
    {
        cases.extend(["GET", "POST", "DELETE"].map(|method| case(method, path, "")));
    }
    cases.extend(["GET", "PUT", "DELETE", "PATCH"].map(|method| case(method, "/v3/kv/range", "")));
    cases
}

/// At a deadline etcd's server and the client within its gateway race: now and then the first ends
/// the stream before the second has looked at its clock.
fn name_deadline(line: &mut Value) {
    let message = line.pointer_mut("/error/message");
    if let Some(message) = message.filter(|message| **message == DEADLINE_LOST) {
        *message = "context deadline exceeded".into();
    }
}

#[test]
fn etcd_and_cairn_answer_the_same() {
    let folder = tempfile::tempdir().expect("a temporary directory");
    let etcd = Cluster::start(&[Member::new("etcd", folder.path())]);
    let cairn = Cluster::start_cairn(&[Member::new("cairn", folder.path())]);
    let mut differing = Vec::new();
    for case in [kv(), leases_and_watches(), malformed(), http()].into_iter().flatten() {
        let mut expected = ask(&etcd.members()[0], &case);
        if case.headers.iter().any(|(name, _)| *name == "Grpc-Timeout") {
            expected.lines.iter_mut().for_each(name_deadline);
        }
        let found = ask(&cairn.members()[0], &case);
        if expected != found {
            let Case { method, path, headers, body, .. } = &case;
            let asked = format!("{method} {path} {headers:?} {body:.200}");
            differing.push(format!("{asked}\n  etcd:  {expected:?}\n  cairn: {found:?}"));
        }
    }
    let count = differing.len();
    assert!(differing.is_empty(), "{count} answers differ:\n{}", differing.join("\n"));
}
