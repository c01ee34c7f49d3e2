//! TLS on the ports for clients: who is served, who is refused and how both sides learn of it,
//! files that change, slow handshakes, generated certificates.

mod support;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use rustls::version::{TLS12, TLS13};
use rustls::{CipherSuite, ClientConfig, ProtocolVersion};
use support::secure::{self, AUTHORITY, Authority, CLIENT, Wanted};
use support::{Member, PATIENCE, Process};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// A member with TLS for clients, and its flags beside those.
async fn started(dir: &Path, mutual: bool, flags: &[String]) -> (Member, Process) {
    let mut member = support::cluster(dir, 1).remove(0);
    let files =
        secure::files(dir, "server", &Wanted { common_name: "server", ..Wanted::default() });
    secure::secure_clients(&mut member, &files, mutual);
    member.arguments.extend(flags.iter().cloned());
    let mut process = member.start();
    let mut client = process.ready().await;
    support::put(&mut client, "key", "value").await.expect("it writes");
    (member, process)
}

/// Waits for a line of the log with all of these.
async fn logged(member: &Member, parts: &[&str]) -> String {
    let began = Instant::now();
    loop {
        let log = member.log();
        let found = log.lines().find(|line| parts.iter().all(|part| line.contains(part)));
        if let Some(line) = found {
            return line.to_owned();
        }
        assert!(began.elapsed() < Duration::from_secs(15), "{parts:?} is not in:\n{log}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_and_all_protocols_are_served_on_one_port() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let metrics = support::free_port();
    let flags = [format!("--listen-metrics-urls=https://127.0.0.1:{metrics}")];
    let (member, _process) = started(dir.path(), false, &flags).await;
    let cases = [(&TLS12, ProtocolVersion::TLSv1_2), (&TLS13, ProtocolVersion::TLSv1_3)];
    for (version, negotiated) in cases {
        let config = secure::client(&[&AUTHORITY], None, &[version]);
        for protocol in ["h2", "http/1.1"] {
            let stream = secure::connect(member.client_port, &config, &[protocol]).await;
            let stream = stream.expect("a handshake");
            let (_, connection) = stream.get_ref();
            assert_eq!(connection.protocol_version(), Some(negotiated));
            assert_eq!(connection.alpn_protocol(), Some(protocol.as_bytes()));
        }
        let channel = secure::channel(&member.client_url(), config.clone()).await;
        let mut client = support::KvClient::new(channel.expect("a channel"));
        let found = support::get(&mut client, "key").await.expect("it reads");
        assert_eq!(found.as_deref(), Some("value"));
        let large = "x".repeat(1 << 20);
        support::put(&mut client, "large", &large).await.expect("it writes");
        let found = support::get(&mut client, "large").await.expect("it reads");
        assert_eq!(found, Some(large));
        for port in [member.client_port, metrics] {
            let health = secure::get(port, &config, "/health").await.expect("an answer");
            assert!(health.ends_with("{\"health\":\"true\",\"reason\":\"\"}"), "{health}");
        }
    }
    // Who does not ask for a protocol is told apart by what it sends.
    let stream = secure::connect(member.client_port, &CLIENT, &[]).await.expect("a handshake");
    assert_eq!(stream.get_ref().1.alpn_protocol(), None);
}

/// The lines of the log about refused connections.
fn rejections(member: &Member) -> Vec<String> {
    let log = member.log();
    let lines = log.lines().filter(|line| line.contains("rejected connection on client endpoint"));
    lines.map(str::to_owned).collect()
}

/// A client that must be refused, and the reason in the log.
struct Refused<'a> {
    what: &'a str,
    client: Arc<ClientConfig>,
    told: &'a str,
    logged: &'a str,
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_refused_is_told_why_and_so_is_the_log() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let revoked = AUTHORITY.issue(&Wanted::default());
    let crl = dir.path().join("crl.der");
    std::fs::write(&crl, AUTHORITY.revoke(&[3, revoked.serial])).expect("written");
    let flags = [
        format!("--client-crl-file={}", crl.display()),
        "--client-cert-allowed-hostname=127.0.0.1,a.test".into(),
    ];
    let (member, _process) = started(dir.path(), true, &flags).await;
    let stranger = Authority::new("stranger");
    let of = |wanted: &Wanted<'_>| Some(AUTHORITY.issue(wanted));
    let foreign = stranger.issue(&Wanted::default());
    let past = of(&Wanted { from: -3, until: -1, ..Wanted::default() });
    let future = of(&Wanted { from: 1, until: 3, ..Wanted::default() });
    let misnamed = of(&Wanted { names: &["b.test"], ..Wanted::default() });
    let serial = format!("transport: certificate serial {:04x} revoked", revoked.serial);
    let mut cases = Vec::new();
    for versions in [&[&TLS12][..], &[&TLS13]] {
        let mut case = |what, identity, told, logged| {
            let client = secure::client(&[&AUTHORITY], identity, versions);
            cases.push(Refused { what, client, told, logged });
        };
        case("none", None, "ertificate", "client didn't provide a certificate");
        case("foreign", Some(&foreign), "UnknownCA", "UnknownIssuer");
        case("past", past.as_ref(), "CertificateExpired", "expired");
        case("future", future.as_ref(), "CertificateExpired", "not valid yet");
        case("revoked", Some(&revoked), "CertificateRevoked", &serial);
        let why = "client certificate authentication failed";
        case("misnamed", misnamed.as_ref(), "AccessDenied", why);
        // The other way round: the client does not know the server.
        let client = secure::client(&[&stranger], None, versions);
        let logged = "received fatal alert: UnknownCA";
        cases.push(Refused { what: "unknown server", client, told: "UnknownIssuer", logged });
    }
    for Refused { what, client, told, logged: why } in cases {
        let before = rejections(&member).len();
        let error = secure::get(member.client_port, &client, "/health").await.expect_err(what);
        assert!(error.contains(told), "{what}: told {error}");
        let began = Instant::now();
        while rejections(&member).len() == before {
            assert!(began.elapsed() < PATIENCE, "{what}: nothing is in the log");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let lines = rejections(&member);
        assert_eq!(lines.len(), before + 1, "{what}: one line each");
        let line = &lines[before];
        assert!(line.contains("\"remote-addr\":\"127.0.0.1:") && line.contains(why), "{line}");
    }
    // Those who fit are served all the while.
    let fitting = of(&Wanted { names: &["a.test"], ..Wanted::default() });
    let client = secure::client(&[&AUTHORITY], fitting.as_ref(), rustls::ALL_VERSIONS);
    secure::get(member.client_port, &client, "/health").await.expect("it is served");
}

async fn answer_to(port: u16, bytes: &[u8]) -> String {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).await.expect("it accepts");
    socket.write_all(bytes).await.expect("it reads");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).await.expect("it answers and closes");
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_on_the_wrong_kind_of_port_are_told() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let plain = support::free_port();
    let flags = [format!("--listen-client-http-urls=http://127.0.0.1:{plain}")];
    let (member, _process) = started(dir.path(), false, &flags).await;
    let refusal = "HTTP/1.0 400 Bad Request\r\n\r\n\
                   Client sent an HTTP request to an HTTPS server.\n";
    let http = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    assert_eq!(answer_to(member.client_port, http).await, refusal);
    assert_eq!(answer_to(member.client_port, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await, refusal);
    assert_eq!(answer_to(member.client_port, b"\0\0\0\0").await, "");
    let why = "tls: first record does not look like a TLS handshake";
    logged(&member, &["rejected connection on client endpoint", "127.0.0.1:", why]).await;
    let url = format!("http://127.0.0.1:{}", member.client_port);
    let channel = tonic::transport::Endpoint::from_shared(url).expect("a URL").connect().await;
    let mut client = support::KvClient::new(channel.expect("it is opened"));
    // At once, not when its time is up.
    let began = Instant::now();
    support::get(&mut client, "key").await.expect_err("it is refused");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    // TLS where none is spoken.
    let error = secure::connect(plain, &CLIENT, &["h2"]).await.expect_err("it is refused");
    assert!(error.contains("corrupt message"), "{error}");
    logged(&member, &["rejected connection", "127.0.0.1:", "TLS handshake to a port without"])
        .await;
    let answer = answer_to(plain, http).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_address_takes_both_where_both_are_named() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut member = support::cluster(dir.path(), 1).remove(0);
    let files = secure::files(dir.path(), "server", &Wanted::default());
    secure::secure_clients(&mut member, &files, true);
    let plain = format!("http://127.0.0.1:{}", member.client_port);
    let both = format!("{},{plain}", member.client_url());
    member.arguments.push(format!("--listen-client-urls={both},{both}"));
    let mut process = member.start();
    let mut client = process.ready().await;
    support::put(&mut client, "key", "secure").await.expect("it writes");
    // A silent connection holds up neither kind.
    let _silent = TcpStream::connect(("127.0.0.1", member.client_port)).await.expect("accepted");
    let channel = support::channel(&plain).await.expect("it serves");
    let found = support::get(&mut support::KvClient::new(channel), "key").await;
    assert_eq!(found.expect("it reads").as_deref(), Some("secure"));
    let http = b"GET /health HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
    let answer = answer_to(member.client_port, http).await;
    assert!(answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
    // The plain half does not soften the other.
    let stranger = secure::client(&[&AUTHORITY], None, &[&TLS12, &TLS13]);
    let refused = secure::get(member.client_port, &stranger, "/health").await;
    refused.expect_err("it has no certificate");
    logged(&member, &["rejected connection on client endpoint", "certificate"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_and_silent_handshakes_hold_nothing_up_and_end() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (member, _process) = started(dir.path(), false, &[]).await;
    let mut silent = Vec::new();
    for at in 0..200 {
        let mut socket =
            TcpStream::connect(("127.0.0.1", member.client_port)).await.expect("it accepts");
        // Some say nothing, some begin a record that never ends.
        if at % 2 == 0 {
            socket.write_all(b"\x16\x03\x01\x02\x00\x01").await.expect("it reads");
        }
        silent.push(socket);
    }
    let began = Instant::now();
    for _ in 0..20 {
        secure::get(member.client_port, &CLIENT, "/health").await.expect("it is served");
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(4), "20 requests took {took:?}");
    let mut end = Vec::new();
    for socket in &mut silent {
        let closing = tokio::time::timeout(Duration::from_secs(15), socket.read_to_end(&mut end));
        // Reset or closed, but not held.
        let _closed = closing.await.expect("it is closed");
    }
    let age = began.elapsed();
    assert!(age > Duration::from_secs(8) && age < Duration::from_secs(15), "{age:?}");
    logged(&member, &["rejected connection on client endpoint", "took longer than 10s"]).await;
}

/// Clients that connect anew for every request, and how often that failed.
struct Newcomers {
    ending: Arc<AtomicBool>,
    served: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

impl Newcomers {
    fn start(port: u16, config: &Arc<ClientConfig>) -> Newcomers {
        let (ending, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let task = |_| {
            let (config, ending, served) = (config.clone(), ending.clone(), served.clone());
            tokio::spawn(async move {
                let mut failures = Vec::new();
                while !ending.load(Ordering::Relaxed) {
                    match secure::get(port, &config, "/version").await {
                        Ok(_) => _ = served.fetch_add(1, Ordering::Relaxed),
                        Err(error) => failures.push(error),
                    }
                }
                failures
            })
        };
        let tasks = (0..3).map(task).collect();
        Newcomers { ending, served, tasks }
    }

    /// Waits until each has been served again.
    async fn go_on(&self) {
        let (began, until) = (Instant::now(), self.served.load(Ordering::Relaxed) + 6);
        while self.served.load(Ordering::Relaxed) < until {
            assert!(began.elapsed() < PATIENCE, "nobody is served");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }

    async fn end(self) -> Vec<String> {
        self.ending.store(true, Ordering::Relaxed);
        let mut failures = Vec::new();
        for task in self.tasks {
            failures.extend(task.await.expect("no client panics"));
        }
        failures
    }
}

/// The serial of the certificate that the server shows.
async fn shown(port: u16) -> Vec<u8> {
    let stream = secure::connect(port, &CLIENT, &[]).await.expect("a handshake");
    let leaf = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first());
    leaf.expect("a certificate").to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn changed_files_are_taken_with_no_connection_refused() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let crl = dir.path().join("crl.der");
    std::fs::write(&crl, AUTHORITY.revoke(&[])).expect("written");
    let flags = [format!("--client-crl-file={}", crl.display())];
    let (member, mut process) = started(dir.path(), true, &flags).await;
    let port = member.client_port;
    let newcomers = Newcomers::start(port, &CLIENT);
    let (cert, key) = (dir.path().join("server.pem"), dir.path().join("server-key.pem"));
    for _ in 0..10 {
        let before = shown(port).await;
        let new = AUTHORITY.issue(&Wanted { common_name: "server", ..Wanted::default() });
        // The certificate first, and half of it: it does not fit its key for a while.
        std::fs::write(&cert, &new.cert[..new.cert.len() / 2]).expect("written");
        newcomers.go_on().await;
        std::fs::write(&cert, &new.cert).expect("written");
        newcomers.go_on().await;
        assert_eq!(shown(port).await, before, "the old pair is in use");
        std::fs::write(&key, &new.key).expect("written");
        assert_ne!(shown(port).await, before, "the new pair is in use with the next connection");
        newcomers.go_on().await;
    }
    logged(&member, &["cannot be used", "private key does not match public key"]).await;
    // Gone for a while, as between two steps of a tool.
    std::fs::rename(&cert, dir.path().join("away")).expect("renamed");
    newcomers.go_on().await;
    std::fs::rename(dir.path().join("away"), &cert).expect("renamed");
    // Another authority beside the first.
    let second = Authority::new("second");
    let stranger = second.issue(&Wanted::default());
    let stranger = secure::client(&[&AUTHORITY], Some(&stranger), rustls::ALL_VERSIONS);
    assert!(secure::get(port, &stranger, "/version").await.is_err());
    let both = AUTHORITY.pem() + &second.pem();
    std::fs::write(dir.path().join("ca.pem"), both).expect("written");
    secure::get(port, &stranger, "/version").await.expect("its authority is trusted now");
    // A client is revoked.
    let revoked = AUTHORITY.issue(&Wanted::default());
    let client = secure::client(&[&AUTHORITY], Some(&revoked), rustls::ALL_VERSIONS);
    secure::get(port, &client, "/version").await.expect("it is not revoked yet");
    std::fs::write(&crl, AUTHORITY.revoke(&[revoked.serial])).expect("written");
    let error = secure::get(port, &client, "/version").await.expect_err("it is revoked");
    assert!(error.contains("CertificateRevoked"), "{error}");
    std::fs::write(&crl, b"nothing").expect("written");
    assert!(secure::get(port, &client, "/version").await.is_err(), "the old list stays in use");
    newcomers.go_on().await;
    assert_eq!(newcomers.end().await, [""; 0], "connections were refused");
    assert!(process.is_running());
}

#[tokio::test(flavor = "multi_thread")]
async fn cipher_suites_and_versions_are_those_that_are_named() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let flags = [
        "--cipher-suites=TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305,TLS_RSA_WITH_RC4_128_SHA".into(),
        "--tls-max-version=TLS1.2".into(),
    ];
    let (member, _process) = started(dir.path(), false, &flags).await;
    let stream = secure::connect(member.client_port, &CLIENT, &[]).await.expect("a handshake");
    let suite = stream.get_ref().1.negotiated_cipher_suite().map(|suite| suite.suite());
    assert_eq!(suite, Some(CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256));
    let mut provider = rustls::crypto::ring::default_provider();
    let aes = CipherSuite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256;
    provider.cipher_suites.retain(|suite| suite.suite() == aes);
    let other = secure::client_with(Arc::new(provider), &[&AUTHORITY], None, &[&TLS12]);
    let error = secure::connect(member.client_port, &other, &[]).await.expect_err("no suite");
    assert!(error.contains("HandshakeFailure"), "{error}");
    let newer = secure::client(&[&AUTHORITY], None, &[&TLS13]);
    let error = secure::connect(member.client_port, &newer, &[]).await.expect_err("no version");
    assert!(error.contains("ProtocolVersion"), "{error}");
    logged(&member, &["cipher suites without forward secrecy", "TLS_RSA_WITH_RC4_128_SHA"]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_certificates_are_kept_and_used_again() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut member = support::cluster(dir.path(), 1).remove(0);
    let url = format!("https://127.0.0.1:{}", member.client_port);
    member.arguments = vec![
        format!("--listen-client-urls={url}"),
        format!("--advertise-client-urls={url}"),
        "--auto-tls".into(),
    ];
    let fixtures = member.dir.join("fixtures/client");
    let mut before = None;
    for _ in 0..2 {
        let mut process = member.start();
        logged(&member, &["ready to serve client requests"]).await;
        let answer = secure::get(member.client_port, &secure::blind(), "/health").await;
        assert!(answer.expect("it is served").contains("true"));
        let cert = std::fs::read(fixtures.join("cert.pem")).expect("it is there");
        let key = std::fs::read(fixtures.join("key.pem")).expect("it is there");
        let now = Some((cert, key));
        assert!(before.is_none() || before == now, "it was made again");
        before = now;
        process.kill();
        std::fs::remove_file(&member.log_path).expect("it was written");
    }
    use std::os::unix::fs::PermissionsExt;
    let mode = std::fs::metadata(fixtures.join("key.pem")).expect("it is there").permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    // Certificates that are given count more.
    let files = secure::files(dir.path(), "server", &Wanted::default());
    secure::secure_clients(&mut member, &files, false);
    let _process = member.start();
    logged(&member, &["ignoring client auto TLS since certs given"]).await;
    logged(&member, &["ready to serve client requests"]).await;
    secure::get(member.client_port, &CLIENT, "/health").await.expect("it is served");
}

const SECURE_URL: &str = "https://127.0.0.1:1";

fn both(flag: &str) -> String {
    format!("--listen-client-urls={SECURE_URL} {flag}")
}

/// Flags that do not fit together, and what is said of them.
fn misfit_flags(cert: &Path, key: &Path) -> Vec<(String, String)> {
    let (cert, key) = (cert.display(), key.display());
    let pair = format!("--cert-file={cert} --key-file={key}");
    vec![
        (
            both(""),
            "TLS key/cert (--cert-file, --key-file) must be provided for client url \
             https://127.0.0.1:1 with HTTPS scheme"
                .to_owned(),
        ),
        (
            format!("--listen-metrics-urls={SECURE_URL}"),
            "client TLS key/cert (--cert-file, --key-file) must be provided for metrics secure url"
                .to_owned(),
        ),
        (
            format!("--listen-peer-urls={SECURE_URL}"),
            "cannot listen on TLS for 127.0.0.1:1: KeyFile and CertFile are not presented".into(),
        ),
        (
            both(&format!("--cert-file={cert}")),
            format!("KeyFile and CertFile must both be present[key: , cert: {cert}]"),
        ),
        (
            both(&format!("{pair} --client-cert-file={cert}")),
            format!(
                "ClientKeyFile and ClientCertFile must both be present or both absent: key: , \
                 cert: {cert}]"
            ),
        ),
        (
            format!(
                "--peer-cert-file={cert} --peer-key-file={key} --peer-cert-allowed-cn=a,b \
                 --peer-cert-allowed-hostname=c"
            ),
            "AllowedCNs and AllowedHostnames are mutually exclusive (cns=[\\\"a\\\" \\\"b\\\"], \
             hostnames=[\\\"c\\\"])"
                .into(),
        ),
        ("--auto-tls --self-signed-cert-validity=0".into(), "it should be greater than 0".into()),
        (
            format!("--listen-client-http-urls={SECURE_URL} {}", both(&pair)),
            "cannot bind both --listen-client-urls and --listen-client-http-urls on the same url \
             https://127.0.0.1:1"
                .into(),
        ),
        ("--cipher-suites=x".into(), "unexpected TLS cipher suite \"x\"".into()),
    ]
}

/// Files that do not fit, and what is said of them.
fn misfit_files(dir: &Path, cert: &Path, key: &Path) -> Vec<(String, String)> {
    let path = |name: &str| dir.join(name).display().to_string();
    secure::files(dir, "two", &Wanted::default());
    std::fs::write(path("empty"), b"").expect("written");
    let pair = format!("--cert-file={} --key-file={}", cert.display(), key.display());
    let key = key.display();
    vec![
        (
            both(&format!("--cert-file={} --key-file={key}", path("none"))),
            format!("open {}: no such file or directory", path("none")),
        ),
        (
            both(&format!("--cert-file={} --key-file={key}", path("empty"))),
            "tls: failed to find any PEM data in certificate input".into(),
        ),
        (
            both(&format!("--cert-file={} --key-file={key}", path("two.pem"))),
            "tls: private key does not match public key".into(),
        ),
        (
            both(&format!("{pair} --trusted-ca-file={}", path("none"))),
            format!("open {}: no such file or directory", path("none")),
        ),
        (both(&format!("{pair} --client-crl-file={}", path("empty"))), "malformed crl".into()),
    ]
}

#[test]
fn what_cannot_be_served_ends_the_start_with_etcd_s_text() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let files = secure::files(dir.path(), "one", &Wanted::default());
    let mut cases = misfit_flags(&files.cert, &files.key);
    cases.extend(misfit_files(dir.path(), &files.cert, &files.key));
    for (flags, expected) in cases {
        let mut member = support::cluster(dir.path(), 1).remove(0);
        member.arguments = flags.split_whitespace().map(str::to_owned).collect();
        member.log_path = dir.path().join("refused.log");
        let status = member.start().wait(PATIENCE);
        let log = member.log();
        assert_eq!(status.code(), Some(1), "{flags}: {log}");
        assert!(log.contains(&expected), "{flags}: {expected} is not in {log}");
        std::fs::remove_file(&member.log_path).expect("it was written");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_have_no_use_are_warned_of() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut member = support::cluster(dir.path(), 1).remove(0);
    member.arguments = vec!["--cert-file=a".into(), "--key-file=b".into()];
    member.arguments.push("--client-cert-auth".into());
    let mut process = member.start();
    process.ready().await;
    let text = "scheme is http or unix while key and cert files are present; ignoring key and cert";
    logged(&member, &[text, &member.client_url()]).await;
    logged(&member, &["while --client-cert-auth is enabled; ignoring client cert auth"]).await;
}
