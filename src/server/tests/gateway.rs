//! The JSON gateway of a running member, as curl, Patroni, APISIX and etcd3gw use it.

mod support;

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use support::json::Json;
use support::{Member, Process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

struct Server {
    json: Json,
    member: Member,
    process: Process,
    _dir: tempfile::TempDir,
}

async fn server(arguments: &[&str]) -> Server {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut member = support::cluster(dir.path(), 1).remove(0);
    member.arguments = arguments.iter().map(ToString::to_string).collect();
    let mut process = member.start();
    process.ready().await;
    Server { json: Json::new(&member.client_url()), member, process, _dir: dir }
}

/// The value of a metric with these labels, in the order of their names.
async fn metric(server: &Server, line: &str) -> u64 {
    let metrics = server.json.send("GET", "/metrics", &[], "").await.text;
    let value = metrics.lines().find_map(|found| found.strip_prefix(line)?.trim().parse().ok());
    value.unwrap_or(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_are_put_read_compared_and_deleted() {
    let server = server(&[]).await;
    let json = &server.json;
    let put = json.post("/v3/kv/put", r#"{"key":"Zm9v","value":"YmFy"}"#).await;
    assert_eq!((put.status, put.header("content-type")), (200, Some("application/json")));
    assert_eq!(put.header("grpc-metadata-content-type"), Some("application/grpc"));
    assert_eq!(put.header("access-control-allow-origin"), Some("*"));
    let header = put.json()["header"].clone();
    assert_eq!(header["revision"], "2");
    assert!(header["cluster_id"].is_string() && header["raft_term"].is_string(), "{header}");
    for path in ["/v3/kv/range", "/v3beta/kv/range", "/v3/kv/range?pretty=1"] {
        let read = json.ok(path, json!({"key": "Zm9v"})).await;
        let kv = json!({"key": "Zm9v", "create_revision": "2", "mod_revision": "2",
                        "version": "1", "value": "YmFy"});
        assert_eq!((&read["kvs"], &read["count"]), (&json!([kv]), &json!("1")));
        assert_eq!(read["header"], header);
        assert_eq!(read.as_object().map(serde_json::Map::len), Some(3), "{read}");
    }
    let compare = json!({"compare": [{"key": "Zm9v", "result": "EQUAL", "target": "CREATE",
        "create_revision": "2"}],
        "success": [{"requestPut": {"key": "Zm9v", "value": "", "prevKv": true}}],
        "failure": [{"request_range": {"key": "Zm9v"}}]});
    let first = json.ok("/v3/kv/txn", compare).await;
    assert_eq!(first["succeeded"], true);
    assert_eq!(first["responses"][0]["response_put"]["prev_kv"]["value"], "YmFy");
    let deleted = json.ok("/v3/kv/deleterange", json!({"key": "Zm9v", "prev_kv": true})).await;
    assert_eq!(
        (&deleted["deleted"], &deleted["prev_kvs"][0]["version"]),
        (&json!("1"), &json!("2"))
    );
    let gone = json.ok("/v3/kv/range", json!({"key": "Zm9v"})).await;
    assert_eq!(gone.as_object().map(serde_json::Map::len), Some(1), "only the header: {gone}");
    let handled = "grpc_server_handled_total{grpc_code=\"OK\",grpc_method=\"Put\",\
                   grpc_service=\"etcdserverpb.KV\",grpc_type=\"unary\"}";
    assert_eq!(metric(&server, handled).await, 1, "a call of the gateway is a call");
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_have_their_status_and_text() {
    let server = server(&[]).await;
    let json = &server.json;
    let cases = [
        (
            "POST",
            "/v3/kv/range",
            "",
            400,
            r#"{"code":3,"message":"etcdserver: key is not provided"}"#,
        ),
        ("POST", "/v3/kv/range", "{", 400, r#"{"code":3,"message":"unexpected EOF"}"#),
        (
            "POST",
            "/v3/kv/range",
            r#"{"key":1}"#,
            400,
            r#"{"code":3,"message":"proto: (line 1:8): invalid value for bytes field key: 1"}"#,
        ),
        (
            "POST",
            "/v3/lease/revoke",
            r#"{"ID":"77"}"#,
            404,
            r#"{"code":5,"message":"etcdserver: requested lease not found"}"#,
        ),
        (
            "POST",
            "/v3/kv/range",
            r#"{"key":"YQ==","revision":"99"}"#,
            400,
            r#"{"code":11,"message":"etcdserver: mvcc: required revision is a future revision"}"#,
        ),
        ("POST", "/v3/nosuch", "{}", 404, r#"{"code":5,"message":"Not Found"}"#),
        ("DELETE", "/v3/kv/range/", "", 404, r#"{"code":5,"message":"Not Found"}"#),
        ("GET", "/v3/kv/range", "", 501, r#"{"code":12,"message":"Method Not Allowed"}"#),
        ("PUT", "/v3/kv/put", "{}", 501, r#"{"code":12,"message":"Method Not Allowed"}"#),
    ];
    for (method, path, body, status, text) in cases {
        let answer = json.send(method, path, &[], body).await;
        let expected: Value = serde_json::from_str(text).expect("JSON");
        assert_eq!((answer.status, answer.json()), (status, expected), "{method} {path} {body}");
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("grpc-metadata-content-type"), None);
    }
    for (timeout, status, text) in [
        ("1n", 504, "context deadline exceeded"),
        ("-1S", 504, "context deadline exceeded"),
        ("1x", 400, "invalid grpc-timeout: 1x"),
    ] {
        let headers = [("grpc-timeout", timeout)];
        let answer = json.send("POST", "/v3/kv/put", &headers, r#"{"key":"YQ=="}"#).await;
        assert_eq!((answer.status, &answer.json()["message"]), (status, &json!(text)));
    }
    let nothing = json.ok("/v3/kv/range", json!({"key": "YQ=="})).await;
    assert_eq!(nothing.get("kvs"), None, "a put whose time had passed was done");
    let missing = json.post("/v3alpha/kv/range", "{}").await;
    assert_eq!((missing.status, missing.text.as_str()), (404, "404 page not found\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn large_and_deep_requests_are_refused_and_cost_little() {
    let server = server(&[]).await;
    let json = &server.json;
    let value = |bytes: usize| json!({"key": "YQ==", "value": "A".repeat(bytes / 3 * 4)});
    json.ok("/v3/kv/put", value(1_500_000)).await;
    let read = json.ok("/v3/kv/range", json!({"key": "YQ=="})).await;
    assert_eq!(read["kvs"][0]["value"].as_str().map(str::len), Some(2_000_000));
    let large = json.post("/v3/kv/put", value(1_600_000).to_string()).await;
    assert_eq!(
        (large.status, &large.json()["message"]),
        (400, &json!("etcdserver: request is too large"))
    );
    let larger = json.post("/v3/kv/put", value(3_000_000).to_string()).await;
    assert_eq!((larger.status, &larger.json()["code"]), (429, &json!(8)), "{larger:?}");
    let text = larger.json()["message"].to_string();
    assert!(text.contains("larger than max (3000008 vs. 2097152)"), "{text}");
    let before = server.process.resident_bytes();
    for _ in 0..3 {
        let body = format!("{{\"key\":\"{}\"}}", "A".repeat(100 << 20));
        // The server answers without reading all of it, and may close while it is being sent.
        let refused = tokio::spawn({
            let json = json.clone();
            async move { json.post("/v3/kv/put", body).await.status }
        });
        if let Ok(status) = refused.await {
            assert_eq!(status, 429);
        }
    }
    let grown = server.process.resident_bytes().saturating_sub(before);
    assert!(grown < 60 << 20, "{grown} bytes more after requests of 100 MiB");
    for (open, close, status) in [("[", "]", 200), ("{\"a\":", "}", 200)] {
        let deep = |count: usize| format!("{}{}{}", open.repeat(count), "1", close.repeat(count));
        let body = format!("{{\"key\":\"YQ==\",\"x\":{}}}", deep(9_000));
        assert_eq!(json.post("/v3/kv/range", body).await.status, status);
        let deeper = json.post("/v3/kv/range", deep(200_000)).await;
        assert!(deeper.text.contains("exceeded max depth"), "{deeper:?}");
    }
    let txn = r#"{"success":[{"request_txn":"#.repeat(300);
    let nested = json.post("/v3/kv/txn", format!("{txn}{{}}{}", "}]}".repeat(300))).await;
    assert_eq!(nested.json()["message"], "proto: exceeded max recursion depth");
}

#[tokio::test(flavor = "multi_thread")]
async fn leases_are_granted_renewed_and_revoked() {
    let server = server(&[]).await;
    let json = &server.json;
    let granted = json.ok("/v3/lease/grant", json!({"ID": "1234", "TTL": "100"})).await;
    assert_eq!((&granted["ID"], &granted["TTL"]), (&json!("1234"), &json!("100")));
    let (sender, mut lines) = json.duplex("/v3/lease/keepalive", r#"{"ID":"1234"}"#).await;
    assert_eq!(lines.status, 200);
    let renewed = lines.next().await.expect("an answer");
    assert_eq!(
        (&renewed["result"]["ID"], &renewed["result"]["TTL"]),
        (&json!("1234"), &json!("100"))
    );
    sender.send(r#"{"ID":9}"#.into()).await.expect("it reads on");
    let unknown = lines.next().await.expect("an answer");
    assert_eq!((&unknown["result"]["ID"], unknown["result"].get("TTL")), (&json!("9"), None));
    drop(sender);
    assert_eq!(lines.next().await, None, "the stream ends when its requests do");
    let broken = json.post("/v3/lease/keepalive", r#"{"ID":"1234"} {bad"#).await;
    assert_eq!((broken.status, broken.text.lines().count()), (200, 1), "{broken:?}");
    let nothing = json.post("/v3/lease/keepalive", "{bad").await;
    assert_eq!((nothing.status, nothing.text.as_str()), (200, ""));
    for path in ["/v3/lease/timetolive", "/v3/kv/lease/timetolive"] {
        let left = json.ok(path, json!({"ID": 1234, "keys": true})).await;
        assert_eq!(left["grantedTTL"], "100");
    }
    let leases = json.ok("/v3/lease/leases", json!({})).await;
    assert_eq!(leases["leases"], json!([{"ID": "1234"}]));
    json.ok("/v3/kv/lease/revoke", json!({"ID": 1234})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_gives_a_line_at_a_time_and_ends_with_its_client() {
    let server = server(&[]).await;
    let json = &server.json;
    json.ok("/v3/kv/put", json!({"key": "YQ==", "value": "MQ=="})).await;
    let create = json!({"create_request": {"key": "YQ==", "start_revision": "2", "prev_kv": true}});
    let mut lines = json.lines("/v3/watch", create.to_string()).await;
    assert_eq!(lines.status, 200);
    assert_eq!(lines.headers["content-type"], "application/json");
    assert_eq!(lines.next().await.expect("created")["result"]["created"], true);
    let old = lines.next().await.expect("the past");
    assert_eq!(old["result"]["events"][0]["kv"]["value"], "MQ==");
    for value in ["Mg==", "Mw=="] {
        json.ok("/v3/kv/put", json!({"key": "YQ==", "value": value})).await;
        let event = lines.next().await.expect("an event");
        assert_eq!(event["result"]["events"][0]["kv"]["value"], value);
        assert!(event["result"]["events"][0]["prev_kv"].is_object(), "{event}");
    }
    json.ok("/v3/kv/deleterange", json!({"key": "YQ=="})).await;
    let event = lines.next().await.expect("an event");
    assert_eq!(event["result"]["events"][0]["type"], "DELETE");
    let watchers = "etcd_debugging_mvcc_watcher_total";
    assert_eq!(metric(&server, watchers).await, 1);
    drop(lines);
    let mut silent = Vec::new();
    for _ in 0..20 {
        let json = json.clone();
        let create = r#"{"create_request":{"key":"bm90aGluZw=="}}"#;
        silent.push(json.lines("/v3/watch", create).await);
    }
    drop(silent);
    let began = std::time::Instant::now();
    while metric(&server, watchers).await != 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "watchers outlive their clients");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A request that goes on after these pieces of its body, for ever.
async fn unfinished(server: &Server, path: &str, pieces: &[&str]) -> TcpStream {
    let address = ("127.0.0.1", server.member.client_port);
    let mut socket = TcpStream::connect(address).await.expect("it accepts");
    let mut text = format!("POST {path} HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n");
    for piece in pieces {
        text += &format!("{:x}\r\n{piece}\r\n", piece.len());
    }
    socket.write_all(text.as_bytes()).await.expect("it reads");
    socket
}

/// Waits until a number of the server is this one.
async fn until(what: &str, expected: u64, number: impl AsyncFn() -> u64) {
    let began = std::time::Instant::now();
    loop {
        let found = number().await;
        if found == expected {
            return;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "{what}: {found}, not {expected}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_leaves_within_its_body_leaves_nothing_behind() {
    let server = server(&[]).await;
    let json = &server.json;
    json.ok("/v3/lock/lock", json!({"name": "bG9jaw=="})).await;
    let waiting = async || {
        let keys = json!({"key": "bG9jay8=", "range_end": "bG9jazA=", "count_only": true});
        let count = json.ok("/v3/kv/range", keys).await["count"].clone();
        count.as_str().and_then(|count| count.parse().ok()).unwrap_or(0)
    };
    assert_eq!(waiting().await, 1, "the holder");
    for pieces in [&[r#"{"name":"bG9jaw=="}"#][..], &[r#"{"name":"bG9jaw=="}"#, " more"]] {
        let waiter = unfinished(&server, "/v3/lock/lock", pieces).await;
        until("holder and waiter", 2, waiting).await;
        drop(waiter);
        until("the holder alone", 1, waiting).await;
    }
    let watchers = async || metric(&server, "etcd_debugging_mvcc_watcher_total").await;
    let create = r#"{"create_request":{"key":"bm90aGluZw=="}}"#;
    for pieces in [&[create][..], &[create, "{bad"], &[create, r#"{"create_request":1}"#]] {
        let watch = unfinished(&server, "/v3/watch", pieces).await;
        until("a watcher", 1, watchers).await;
        drop(watch);
        until("watchers that outlive their clients", 0, watchers).await;
    }
    let observed = "grpc_server_started_total{grpc_method=\"Observe\",\
                    grpc_service=\"v3electionpb.Election\",grpc_type=\"server_stream\"}";
    let canceled = "grpc_server_handled_total{grpc_code=\"Canceled\",grpc_method=\"Observe\",\
                    grpc_service=\"v3electionpb.Election\",grpc_type=\"server_stream\"}";
    let election = r#"{"name":"ZWxlY3Rpb24="}"#;
    let observer = unfinished(&server, "/v3/election/observe", &[election]).await;
    until("an observer", 1, async || metric(&server, observed).await).await;
    drop(observer);
    until("observers that left", 1, async || metric(&server, canceled).await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_does_not_wait_for_the_rest_of_the_body() {
    let server = server(&[]).await;
    let mut socket = unfinished(&server, "/v3/kv/range", &[r#"{"key":"YQ=="}"#]).await;
    for _ in 0..2 {
        let answer = read_answer(&mut socket).await;
        assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        // The rest comes late, and the connection is used again.
        let next = "0\r\n\r\nPOST /v3/kv/range HTTP/1.1\r\nhost: h\r\n\
                    transfer-encoding: chunked\r\n\r\ne\r\n{\"key\":\"YQ==\"}\r\n";
        socket.write_all(next.as_bytes()).await.expect("it reads");
    }
}

/// An answer up to the end of its JSON.
async fn read_answer(socket: &mut TcpStream) -> String {
    let mut answer = String::new();
    while !answer.contains("}}") {
        let mut piece = [0; 1024];
        let read = tokio::time::timeout(Duration::from_secs(20), socket.read(&mut piece)).await;
        let read = read.expect("it answers").expect("it is open");
        assert!(read > 0, "it is closed after {answer:?}");
        answer += str::from_utf8(&piece[..read]).expect("text");
    }
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_fails_says_so_in_its_last_line() {
    let mut server = server(&[]).await;
    let json = &server.json;
    let headers = [("grpc-timeout", "300m")];
    let body = r#"{"create_request":{"key":"YQ=="}}"#;
    let answer = json.send("POST", "/v3/watch", &headers, body).await;
    let last = answer.text.lines().last().expect("a line");
    assert_eq!(answer.status, 200);
    assert_eq!(last, r#"{"error":{"code":4,"message":"context deadline exceeded"}}"#);
    let answer = json.send("POST", "/v3/watch", &headers, "").await;
    assert_eq!((answer.status, answer.text.trim_end()), (504, last), "no line was sent before it");
    let mut lines = json.lines("/v3/watch", body).await;
    lines.next().await.expect("created");
    server.process.signal("TERM");
    let stopped = lines.next().await.expect("a last line");
    assert_eq!(stopped, json!({"error": {"code": 14, "message": "etcdserver: server stopped"}}));
    server.process.wait(support::PATIENCE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_lines_of_blobs() {
    let server = server(&[]).await;
    server.json.ok("/v3/kv/put", json!({"key": "YQ==", "value": "A".repeat(400_000)})).await;
    let mut lines = server.json.lines("/v3/maintenance/snapshot", "{}").await;
    let (mut blobs, mut rest) = (0, None);
    while let Some(line) = lines.next().await {
        let result = &line["result"];
        let blob = result["blob"].as_str().expect("a blob");
        blobs += blob.len();
        rest = result["remaining_bytes"].as_str().map(str::to_owned);
        assert!(result.get("error").is_none(), "{line}");
    }
    assert!(blobs > 400_000, "{blobs} characters of blobs");
    assert_eq!(rest, None, "nothing remains after the last");
}

type WebSocket = tokio_tungstenite::WebSocketStream<tokio::net::TcpStream>;

async fn websocket(member: &Member, path: &str, protocol: Option<&str>) -> (WebSocket, bool) {
    let address = format!("127.0.0.1:{}", member.client_port);
    let socket = tokio::net::TcpStream::connect(&address).await.expect("it accepts");
    let mut request = format!("ws://{address}{path}").into_client_request().expect("a request");
    if let Some(protocol) = protocol {
        let name = http::header::SEC_WEBSOCKET_PROTOCOL;
        request.headers_mut().insert(name, protocol.parse().expect("a header"));
    }
    let upgraded = tokio_tungstenite::client_async(request, socket).await;
    let (socket, response) = upgraded.expect("it upgrades");
    (socket, response.headers().contains_key(http::header::SEC_WEBSOCKET_PROTOCOL))
}

async fn message(socket: &mut WebSocket) -> Option<Value> {
    match socket.next().await?.ok()? {
        Message::Text(text) => Some(serde_json::from_str(&text).expect("JSON")),
        _ => None,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_websocket_carries_a_stream_both_ways() {
    let server = server(&[]).await;
    let (mut socket, bearer) = websocket(&server.member, "/v3/watch", Some("Bearer, token")).await;
    assert!(bearer, "the protocol that the client offered is not chosen");
    for (id, key) in ["YQ==", "Yg=="].iter().enumerate() {
        let create = json!({"create_request": {"key": key}}).to_string();
        socket.send(Message::text(create)).await.expect("it reads");
        let created = message(&mut socket).await.expect("created");
        assert_eq!(created["result"]["created"], true);
        let expected = (id > 0).then(|| json!(id.to_string()));
        assert_eq!(created["result"].get("watch_id"), expected.as_ref());
    }
    server.json.ok("/v3/kv/put", json!({"key": "Yg==", "value": "MQ=="})).await;
    let event = message(&mut socket).await.expect("an event");
    assert_eq!(event["result"]["events"][0]["kv"]["value"], "MQ==");
    let watchers = "etcd_debugging_mvcc_watcher_total";
    assert_eq!(metric(&server, watchers).await, 2);
    drop(socket);
    let began = std::time::Instant::now();
    while metric(&server, watchers).await != 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "watchers outlive their socket");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (mut socket, _) = websocket(&server.member, "/v3/kv/range", None).await;
    socket.send(Message::text("{}")).await.expect("it reads");
    let refused = json!({"code": 3, "message": "etcdserver: key is not provided"});
    assert_eq!(message(&mut socket).await, Some(refused));
    assert_eq!(message(&mut socket).await, None, "it is closed after the answer");
    let headers = [("connection", "upgrade"), ("upgrade", "websocket")];
    let bad = server.json.send("GET", "/v3/watch", &headers, "").await;
    assert_eq!((bad.status, bad.header("sec-websocket-version")), (400, Some("13")));
}

#[tokio::test(flavor = "multi_thread")]
async fn flags_close_the_gateway_and_name_hosts_and_origins() {
    let server = server(&[
        "--enable-grpc-gateway=false",
        "--host-whitelist=localhost,127.0.0.1",
        "--cors=http://good.example:8080",
    ])
    .await;
    let json = &server.json;
    let closed = json.post("/v3/kv/range", "{}").await;
    assert_eq!((closed.status, closed.text.as_str()), (404, "404 page not found\n"));
    let evil = json.send("GET", "/version", &[("host", "evil.example:80")], "").await;
    assert_eq!(evil.status, 421);
    assert!(evil.text.contains("e.g. etcd --host-whitelist \"evil.example\"\n"), "{}", evil.text);
    let origin = async |origin: &str| {
        let answer = json.send("OPTIONS", "/version", &[("origin", origin)], "").await;
        assert_eq!((answer.status, answer.text.as_str()), (200, ""));
        answer.header("access-control-allow-origin").map(str::to_owned)
    };
    assert_eq!(
        origin("http://good.example:8080").await.as_deref(),
        Some("http://good.example:8080")
    );
    assert_eq!(origin("http://evil.example").await, None);
}

/// Patroni's etcd3 module: version first, a lease that is kept, a key that only the leader's
/// transaction may take, a watch, and `error`, `code` and `message` of what fails.
#[tokio::test(flavor = "multi_thread")]
async fn patroni_elects_and_keeps_a_leader() {
    let server = server(&[]).await;
    let json = &server.json;
    let version = json.send("GET", "/version", &[], "").await.json();
    assert!(version["etcdserver"].as_str().is_some_and(|text| text.starts_with("3.")));
    let members = json.ok("/v3/cluster/member/list", json!({})).await;
    assert!(members["members"][0]["clientURLs"][0].is_string(), "{members}");
    let lease = json.ok("/v3/lease/grant", json!({"TTL": 30})).await["ID"].clone();
    let key = "L3NlcnZpY2UvYmF0bWFuL2xlYWRlcg==";
    let take = json!({
        "compare": [{"key": key, "target": "CREATE", "create_revision": "0"}],
        "success": [{"request_put": {"key": key, "value": "YQ==", "lease": lease}}],
    });
    assert_eq!(json.ok("/v3/kv/txn", take.clone()).await["succeeded"], true);
    assert_eq!(json.ok("/v3/kv/txn", take).await.get("succeeded"), None);
    let prefix =
        json!({"key": "L3NlcnZpY2UvYmF0bWFuLw==", "range_end": "L3NlcnZpY2UvYmF0bWFuMA=="});
    let read = json.ok("/v3/kv/range", prefix.clone()).await;
    assert_eq!(read["kvs"][0]["lease"], lease);
    let next = read["header"]["revision"].as_str().and_then(|text| text.parse::<i64>().ok());
    let mut create = prefix;
    create["start_revision"] = json!((next.expect("a number") + 1).to_string());
    let mut watch = json.lines("/v3/watch", json!({"create_request": create}).to_string()).await;
    assert_eq!(watch.next().await.expect("created")["result"]["created"], true);
    let kept = json.post("/v3/lease/keepalive", json!({"ID": lease}).to_string()).await.json();
    assert_eq!(kept["result"]["TTL"], "30");
    json.ok("/v3/lease/revoke", json!({"ID": lease})).await;
    let event = watch.next().await.expect("an event");
    assert_eq!(event["result"]["events"][0]["type"], "DELETE");
    let put = json!({"key": key, "value": "YQ==", "lease": lease}).to_string();
    let failed = json.post("/v3/kv/put", put).await.json();
    assert_eq!(failed, json!({"code": 5, "message": "etcdserver: requested lease not found"}));
}

/// APISIX's lua-resty-etcd: prefixes with `range_end`, numbers as numbers, a watch in chunks with
/// a progress request of its client in the same body.
#[tokio::test(flavor = "multi_thread")]
async fn apisix_reads_a_prefix_and_watches_it() {
    let server = server(&[]).await;
    let json = &server.json;
    let (prefix, end) = ("L2FwaXNpeC8=", "L2FwaXNpeDA=");
    for (key, value) in [("L2FwaXNpeC9h", "eyJhIjoxfQ=="), ("L2FwaXNpeC9i", "eyJiIjoxfQ==")] {
        json.ok("/v3/kv/put", json!({"key": key, "value": value, "lease": 0, "prev_kv": true}))
            .await;
    }
    let request = json!({"key": prefix, "range_end": end, "limit": 0, "revision": 0,
        "sort_order": 0, "sort_target": 0, "serializable": false, "keys_only": false,
        "count_only": false, "min_mod_revision": 0, "max_mod_revision": 0});
    let read = json.ok("/v3/kv/range", request).await;
    assert_eq!((&read["count"], read["kvs"].as_array().map(Vec::len)), (&json!("2"), Some(2)));
    let create = json!({"create_request": {"key": prefix, "range_end": end, "start_revision": 4,
        "progress_notify": true, "filters": [0], "prev_kv": true, "fragment": true}});
    let headers = [("content-type", "application/json; charset=utf-8")];
    let plain = json.send("POST", "/v3/maintenance/status", &headers, "{}").await;
    assert_eq!(plain.status, 200);
    let mut watch = json.lines("/v3/watch", create.to_string()).await;
    watch.next().await.expect("created");
    json.ok("/v3/kv/put", json!({"key": "L2FwaXNpeC9h", "value": "eA=="})).await;
    json.ok("/v3/kv/deleterange", json!({"key": prefix, "range_end": end})).await;
    let events = watch.next().await.expect("events")["result"]["events"].clone();
    let kinds: Vec<&Value> = events.as_array().into_iter().flatten().map(|e| &e["type"]).collect();
    assert_eq!(kinds, [&json!("DELETE"), &json!("DELETE")], "puts are filtered: {events}");
    let authenticate = json!({"name": "root", "password": "x"}).to_string();
    let answer = json.post("/v3/auth/authenticate", authenticate).await;
    assert!(answer.status >= 400 && answer.json()["code"].is_number(), "{answer:?}");
}
