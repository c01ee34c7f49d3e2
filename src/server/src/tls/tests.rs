//! Handshakes over real sockets without a member around them.

use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, DnType,
    IsCa, KeyIdMethod, KeyPair, KeyUsagePurpose, RevokedCertParams, SerialNumber, date_time_ymd,
};
use tokio::net::{TcpListener, TcpStream};

use super::settings::{Side, TlsSettings};
use super::store::Store;
use super::{Accepted, Acceptor, Dialer};
use crate::listen::Socket;

fn settings(side: Side) -> TlsSettings {
    TlsSettings::without_files(side)
}

type Issuer = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Issuer {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().expect("a key");
    CertifiedIssuer::self_signed(params, key).expect("a certificate")
}

/// Settings with a certificate of the authority, for these names and this common name.
fn issued(dir: &Path, side: Side, issuer: &Issuer, cn: &str, names: &[&str]) -> TlsSettings {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut params = CertificateParams::new(names).expect("names");
    if cn.is_empty() {
        params.distinguished_name = rcgen::DistinguishedName::new();
    } else {
        params.distinguished_name.push(DnType::CommonName, cn);
    }
    let key = KeyPair::generate().expect("a key");
    let number = std::fs::read_dir(dir).expect("a directory").count();
    params.serial_number = Some(SerialNumber::from(number as u64 + 1));
    let cert = params.signed_by(&key, issuer).expect("a certificate");
    let path = |what: &str| dir.join(format!("{number}-{what}"));
    let (cert_file, key_file, ca_file) = (path("cert"), path("key"), path("ca"));
    std::fs::write(&cert_file, cert.pem()).expect("written");
    std::fs::write(&key_file, key.serialize_pem()).expect("written");
    std::fs::write(&ca_file, issuer.pem()).expect("written");
    TlsSettings {
        cert_file: Some(cert_file),
        key_file: Some(key_file),
        trusted_ca_file: Some(ca_file),
        ..settings(side)
    }
}

fn open(settings: TlsSettings) -> Arc<Store> {
    Store::open(settings, Path::new("/nowhere")).expect("the files are there")
}

/// A connection from one store to another: what each side has of it.
async fn meet(
    server: &Arc<Store>,
    client: Arc<Store>,
    host: &str,
) -> (Option<Accepted>, Result<Socket, String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("it is bound");
    let is_peer = server.settings.side == Side::Peer;
    let acceptor = Acceptor::new(Arc::clone(server), 4, is_peer);
    let accepting = async {
        let (socket, from) = listener.accept().await.expect("it connects");
        acceptor.accept(Socket::Tcp(socket), Some(from)).await
    };
    let dialing = async {
        let socket = TcpStream::connect(address).await.expect("it listens");
        Dialer::new(client).secure(socket, host).await
    };
    tokio::join!(accepting, dialing)
}

/// The common name that the server sees, or `None` when it refuses.
async fn seen(server: &Arc<Store>, client: &Arc<Store>) -> Option<Option<String>> {
    let (accepted, _) = meet(server, Arc::clone(client), "127.0.0.1").await;
    accepted.map(|accepted| accepted.common_name.map(|name| name.to_string()))
}

#[tokio::test]
async fn a_verified_common_name_is_a_user_only_where_that_is_asked_for() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let issuer = authority();
    let of = |side, cn| issued(dir.path(), side, &issuer, cn, &["127.0.0.1"]);
    let client = open(of(Side::Client, "alice"));
    let nameless = open(of(Side::Client, ""));
    let mut server = of(Side::Client, "server");
    // A trusted authority alone demands certificates, but they are nobody's.
    assert_eq!(seen(&open(server.clone()), &client).await, Some(None));
    server.client_cert_auth = true;
    let server = open(server);
    assert_eq!(seen(&server, &client).await, Some(Some("alice".into())));
    assert_eq!(seen(&server, &nameless).await, Some(None));
    assert_eq!(seen(&server, &open(settings(Side::Client))).await, None);
}

#[tokio::test]
async fn peers_belong_to_their_addresses_unless_that_is_turned_off() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let issuer = authority();
    let of = |side, names: &[&str]| issued(dir.path(), side, &issuer, "peer", names);
    let elsewhere = open(of(Side::Peer, &["127.0.0.9"]));
    let mut server = of(Side::Peer, &["127.0.0.1", "localhost"]);
    assert_eq!(seen(&open(server.clone()), &elsewhere).await, None);
    assert!(seen(&open(server.clone()), &open(of(Side::Peer, &[]))).await.is_some());
    server.skips_address_check = true;
    assert!(seen(&open(server.clone()), &elsewhere).await.is_some());
    server.side = Side::Client;
    server.skips_address_check = false;
    let server = open(server);
    assert!(seen(&server, &elsewhere).await.is_some(), "clients come from anywhere");
    // Who is dialed must be who was meant.
    for (host, fits) in [("127.0.0.1", true), ("localhost", true), ("127.0.0.9", false)] {
        let (_, dialed) = meet(&server, Arc::clone(&elsewhere), host).await;
        assert_eq!(dialed.is_ok(), fits, "{host}: {dialed:?}");
    }
}

#[tokio::test]
async fn only_allowed_names_are_taken_in_both_directions() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let issuer = authority();
    let of = |cn, names: &[&str]| issued(dir.path(), Side::Peer, &issuer, cn, names);
    let one = open(of("one", &["127.0.0.1", "one.test"]));
    let two = open(of("two", &["127.0.0.1"]));
    let allowing = |cns: &[&str], hostnames: &[&str]| {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let server = of("one", &["127.0.0.1"]);
        open(TlsSettings {
            allowed_cns: owned(cns),
            allowed_hostnames: owned(hostnames),
            skips_address_check: true,
            ..server
        })
    };
    for server in [allowing(&["zero", "one"], &[]), allowing(&[], &["x.test", "one.test"])] {
        assert!(seen(&server, &one).await.is_some());
        assert_eq!(seen(&server, &two).await, None);
    }
    let (_, dialed) = meet(&two, allowing(&["one"], &[]), "127.0.0.1").await;
    let refused = "client certificate authentication failed";
    assert_eq!(dialed.err().as_deref(), Some(refused), "it dials only who is allowed");
}

#[tokio::test]
async fn a_certificate_that_signed_itself_may_serve_a_whole_cluster() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let auto = |side| TlsSettings { auto: true, ..settings(side) };
    let generated = Store::open(auto(Side::Peer), dir.path()).expect("a certificate");
    // Each takes whomever it finds: there is nobody in common whom they trust.
    let other = tempfile::tempdir().expect("a temporary directory");
    let stranger = Store::open(auto(Side::Peer), other.path()).expect("a certificate");
    let (accepted, dialed) = meet(&generated, stranger, "127.0.0.1").await;
    assert!(accepted.is_some() && dialed.is_ok(), "{dialed:?}");
    // The same file as certificate and authority.
    let path = |name: &str| Some(dir.path().join("fixtures/peer").join(name));
    let client = open(TlsSettings { trusted_ca_file: path("cert.pem"), ..settings(Side::Peer) });
    let (_, dialed) = meet(&generated, Arc::clone(&client), "localhost").await;
    assert!(dialed.is_ok(), "{dialed:?}");
    let (_, dialed) = meet(&generated, client, "127.0.0.2").await;
    assert!(dialed.is_err_and(|error| error.contains("not valid for name")));
}

/// A list on which this serial is.
fn revoking(issuer: &Issuer, serial: u64) -> String {
    let entry = RevokedCertParams {
        serial_number: SerialNumber::from(serial),
        revocation_time: date_time_ymd(2026, 1, 1),
        reason_code: None,
        invalidity_date: None,
    };
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 1, 1),
        next_update: date_time_ymd(2099, 1, 1),
        crl_number: SerialNumber::from(1),
        issuing_distribution_point: None,
        revoked_certs: vec![entry],
        key_identifier_method: KeyIdMethod::Sha256,
    };
    params.signed_by(issuer).expect("a list").pem().expect("text")
}

#[tokio::test]
async fn who_is_revoked_is_not_dialed_and_files_that_change_count_at_once() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let (issuer, other) = (authority(), authority());
    // The first certificate in the directory has the serial 1.
    let server = open(issued(dir.path(), Side::Peer, &issuer, "server", &["127.0.0.1"]));
    let mut client = issued(dir.path(), Side::Peer, &issuer, "client", &["127.0.0.1"]);
    let (ca, crl) = (dir.path().join("own-ca"), dir.path().join("crl"));
    let write = |path: &Path, text: &str| std::fs::write(path, text).expect("written");
    write(&ca, &issuer.pem());
    write(&crl, &revoking(&issuer, 99));
    client.trusted_ca_file = Some(ca.clone());
    client.crl_file = Some(crl.clone());
    let client = open(client);
    let dialed = async || meet(&server, Arc::clone(&client), "127.0.0.1").await.1;
    assert!(dialed().await.is_ok());
    write(&crl, &revoking(&issuer, 1));
    let error = dialed().await.expect_err("its certificate is revoked");
    assert_eq!(error, "transport: certificate serial 01 revoked");
    write(&crl, &revoking(&issuer, 98));
    assert!(dialed().await.is_ok());
    write(&ca, &other.pem());
    assert!(dialed().await.is_err(), "whoever signed it is not trusted any more");
    write(&ca, &format!("{}{}", other.pem(), issuer.pem()));
    assert!(dialed().await.is_ok());
}
