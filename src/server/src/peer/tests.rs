//! Members on real sockets of this machine.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use base::{ClusterId, Index, Instant, MemberId, Term};
use bytes::Bytes;
use node::env::{CallError, Net, PeerAddress, PeerRequest, PeerResponse, SnapshotStream};
use proto::etcdserverpb as pb;
use raft::{Body, ConfState, Entry, EntryKind, Message, SnapshotMeta};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::{PeerPort, PeerSettings, TcpNet};
use crate::listen::{ListenAddress, ListenSettings, Listener, StopSwitch, serve};
use crate::metrics::{Metrics, ServerLabels};
use crate::tls::{Dialer, Side, Store, TlsSettings};

const CLUSTER: ClusterId = ClusterId(0xcafe);
const PATIENCE: Duration = Duration::from_secs(10);

struct Member {
    id: MemberId,
    net: TcpNet,
    port: u16,
    switch: StopSwitch,
    serving: JoinHandle<()>,
}

async fn member(id: u64, cluster: ClusterId, port: u16) -> Member {
    let labels =
        ServerLabels { server_version: "3.7.1", cairn_version: "0", commit: "0", extensive: false };
    let settings = ListenSettings {
        drain: Duration::from_millis(50),
        connections_max: 64,
        ..ListenSettings::default()
    };
    let address = ListenAddress::parse(&format!("http://127.0.0.1:{port}")).expect("an address");
    let listener = Listener::bind(&address, &settings).await.expect("a free port");
    let port = listener.port().expect("a port");
    let store = Store::open(TlsSettings::without_files(Side::Peer), Path::new("/nowhere"));
    let store = store.expect("it needs no files");
    let peer_settings = PeerSettings {
        dialer: Dialer::new(store),
        advertised_urls: vec![format!("http://127.0.0.1:{port}")],
        request_timeout: Duration::from_secs(5),
    };
    let metrics = Arc::new(Metrics::new(&labels));
    let origin = tokio::time::Instant::now();
    let net = TcpNet::new(Handle::current(), origin, peer_settings, metrics);
    net.identify(MemberId(id), cluster);
    let switch = StopSwitch::new();
    let serving =
        tokio::spawn(serve(vec![listener], PeerPort::new(&net), settings, switch.observer()));
    Member { id: MemberId(id), net, port, switch, serving }
}

impl Member {
    fn address(&self) -> PeerAddress {
        PeerAddress { id: self.id, urls: vec![format!("http://127.0.0.1:{}", self.port)] }
    }

    fn knows(&self, others: &[&Member]) {
        self.net.set_peers(others.iter().map(|other| other.address()).collect());
    }

    async fn connected(&self, to: MemberId) {
        let connected = async {
            while self.net.connected_since(to).is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        timeout(PATIENCE, connected).await.expect("connected in time");
    }

    async fn receive(&self) -> Message {
        timeout(PATIENCE, self.net.receive()).await.expect("a message in time")
    }

    async fn stop(self) -> u16 {
        self.net.close();
        self.switch.stop();
        timeout(PATIENCE, self.serving).await.expect("drained in time").expect("no panic");
        self.port
    }
}

async fn pair() -> (Member, Member) {
    let (a, b) = (member(0xa, CLUSTER, 0).await, member(0xb, CLUSTER, 0).await);
    a.knows(&[&b]);
    b.knows(&[&a]);
    a.connected(b.id).await;
    b.connected(a.id).await;
    (a, b)
}

fn message(from: MemberId, to: MemberId, term: u64, body: Body) -> Message {
    Message { from, to, term: Term(term), body }
}

fn append(from: MemberId, to: MemberId, prev: u64, data: Bytes) -> Message {
    let entry = Entry { term: Term(2), index: Index(prev + 1), kind: EntryKind::Normal, data };
    let body = Body::Append {
        prev_index: Index(prev),
        prev_term: Term(if prev == 0 { 0 } else { 2 }),
        entries: vec![entry],
        commit: Index(prev),
    };
    message(from, to, 2, body)
}

fn propose(from: MemberId, to: MemberId) -> Message {
    let entries = vec![(EntryKind::Normal, Bytes::from_static(b"proposal"))];
    message(from, to, 0, Body::Propose { entries })
}

fn snapshot(from: MemberId, to: MemberId) -> Message {
    let conf_state = ConfState { voters: vec![from, to], ..ConfState::default() };
    let meta = SnapshotMeta { index: Index(9), term: Term(2), conf_state };
    message(from, to, 3, Body::Snapshot { meta, data: Bytes::new() })
}

#[tokio::test]
async fn streams_carry_messages_in_order_both_ways() {
    let (a, b) = pair().await;
    for (from, to) in [(&a, &b), (&b, &a)] {
        for prev in 0..300 {
            let size = if prev % 50 == 0 { 200_000 } else { 100 };
            from.net.send(append(from.id, to.id, prev, vec![7; size].into()));
        }
        for prev in 0..300 {
            let size = if prev % 50 == 0 { 200_000 } else { 100 };
            assert_eq!(to.receive().await, append(from.id, to.id, prev, vec![7; size].into()));
        }
        from.net.send(propose(from.id, to.id));
        assert_eq!(to.receive().await, propose(from.id, to.id));
    }
    assert!(a.net.take_unreachable().is_empty());
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn without_streams_only_what_may_be_lost_is_posted() {
    let (a, b) = (member(0xa, CLUSTER, 0).await, member(0xb, CLUSTER, 0).await);
    // B does not know A, so A's streams are refused and B opens none from A.
    a.knows(&[&b]);
    let vote = message(a.id, b.id, 3, Body::VoteReply { granted: true });
    a.net.send(vote.clone());
    assert_eq!(b.receive().await, vote);
    a.net.send(propose(a.id, b.id));
    assert_eq!(a.net.take_unreachable(), [b.id]);
    assert_eq!(a.net.connected_since(b.id), None);
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn a_member_that_comes_back_is_reached_again() {
    let (a, b) = pair().await;
    let (id, port) = (b.id, b.stop().await);
    let lost = async {
        while a.net.connected_since(id).is_some() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, lost).await.expect("noticed in time");
    let b = member(id.get(), CLUSTER, port).await;
    b.knows(&[&a]);
    a.connected(id).await;
    b.connected(a.id).await;
    a.net.send(propose(a.id, id));
    assert_eq!(b.receive().await, propose(a.id, id));
    a.stop().await;
    b.stop().await;
}

/// Asks the peer port as a foreign member would; gives status and body.
async fn get(port: u16, path: &str, cluster: &str, to: &str) -> (u16, String) {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let mut socket = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.expect("up");
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nX-Server-Version: 3.7.0\r\n\
         X-Min-Cluster-Version: 3.0.0\r\nX-Etcd-Cluster-ID: {cluster}\r\nX-Raft-To: {to}\r\n\r\n"
    );
    socket.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.expect("text");
    let status = answer[9..12].parse().expect("a status");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a head");
    (status, body.to_owned())
}

#[tokio::test]
async fn strangers_are_refused_in_etcds_words() {
    let (a, b) = pair().await;
    let refused = |status: u16, text: &str| (status, format!("{text}\n"));
    let stream = "/raft/stream/message/b";
    assert_eq!(get(a.port, stream, "1", "a").await, refused(412, "cluster ID mismatch"));
    assert_eq!(get(a.port, stream, "cafe", "c").await, refused(412, "to field mismatch"));
    let unknown = get(a.port, "/raft/stream/message/c", "cafe", "a").await;
    assert_eq!(unknown, refused(404, "error sender not found"));
    a.net.set_removed(vec![b.id]);
    a.net.set_peers(Vec::new());
    assert_eq!(get(a.port, stream, "cafe", "a").await, refused(410, "removed member"));
    assert_eq!(timeout(PATIENCE, b.net.told_removed()).await, Ok(a.id));
    assert_eq!(get(a.port, "/raft", "cafe", "a").await, refused(405, "Method Not Allowed"));
    assert_eq!(get(a.port, "/v2/keys", "cafe", "a").await, refused(404, "404 page not found"));
    let (status, body) = get(a.port, "/raft/probing", "cafe", "a").await;
    assert!(status == 200 && body.starts_with("{\"OK\":true,\"Now\":\"20"), "{body}");
    a.net.close();
    let stopped = get(a.port, stream, "cafe", "a").await;
    assert_eq!(stopped, refused(503, "the member is not ready"));
    a.stop().await;
    b.stop().await;
}

/// A member that lags may be led by one that its log does not name yet, and must answer it.
#[tokio::test]
async fn who_speaks_before_the_log_names_them_is_met_and_answered() {
    let (a, b) = (member(0xa, CLUSTER, 0).await, member(0xb, CLUSTER, 0).await);
    a.knows(&[&b]);
    let asked = message(a.id, b.id, 3, Body::Heartbeat { commit: Index(0), context: Bytes::new() });
    a.net.send(asked.clone());
    assert_eq!(b.receive().await, asked);
    b.connected(a.id).await;
    let reply = message(b.id, a.id, 3, Body::HeartbeatReply { context: Bytes::new() });
    b.net.send(reply.clone());
    assert_eq!(a.receive().await, reply);
    b.net.set_peers(Vec::new());
    assert!(b.net.connected_since(a.id).is_some(), "a log that lags sends nobody away");
    b.net.set_removed(vec![a.id]);
    b.net.set_peers(Vec::new());
    assert_eq!(b.net.connected_since(a.id), None);
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn another_cluster_is_never_connected() {
    let (a, b) = (member(0xa, CLUSTER, 0).await, member(0xb, ClusterId(1), 0).await);
    a.knows(&[&b]);
    b.knows(&[&a]);
    let vote = message(a.id, b.id, 3, Body::VoteReply { granted: true });
    a.net.send(vote);
    let refused = async {
        while a.net.take_unreachable().is_empty() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, refused).await.expect("the post was refused");
    assert_eq!(a.net.connected_since(b.id), None);
    let nothing = timeout(Duration::from_millis(50), b.net.receive()).await;
    assert!(nothing.is_err(), "a message crossed clusters");
    a.stop().await;
    b.stop().await;
}

#[tokio::test]
async fn calls_are_answered_refused_or_time_out() {
    let (a, b) = pair().await;
    let net = b.net.clone();
    let answering = tokio::spawn(async move {
        loop {
            let call = net.next_call().await;
            assert_eq!(call.from, MemberId(0xa));
            let answer = match call.request {
                PeerRequest::LeaseKeepAlive(request) if request.id == 5 => {
                    let (id, ttl) = (request.id, 9);
                    let response = pb::LeaseKeepAliveResponse { id, ttl, header: None };
                    Ok(PeerResponse::LeaseKeepAlive(response))
                }
                PeerRequest::MemberPromote { .. } => Err("etcdserver: unhealthy cluster".into()),
                _ => continue,
            };
            let _ = call.answer.send(answer);
        }
    });
    let soon = || Instant::ORIGIN.after(Duration::from_secs(3600));
    let renew = |id| PeerRequest::LeaseKeepAlive(pb::LeaseKeepAliveRequest { id });
    let answer = a.net.call(b.id, renew(5), soon()).await.expect("answered");
    assert!(matches!(answer, PeerResponse::LeaseKeepAlive(response) if response.ttl == 9));
    let refused =
        a.net.call(b.id, PeerRequest::MemberPromote { id: a.id, token: None }, soon()).await;
    assert_eq!(refused, Err(CallError::Refused("etcdserver: unhealthy cluster".into())));
    let dropped = a.net.call(b.id, renew(6), soon()).await;
    assert_eq!(dropped, Err(CallError::Refused("etcdserver: server stopped".into())));
    answering.abort();
    let late = a.net.call(b.id, renew(5), Instant::ORIGIN).await;
    assert_eq!(late, Err(CallError::TimedOut));
    let unknown = a.net.call(MemberId(7), renew(5), soon()).await;
    assert!(matches!(unknown, Err(CallError::Unreachable(_))));
    a.stop().await;
    b.stop().await;
}

async fn chunks(parts: Vec<Bytes>) -> mpsc::Receiver<Bytes> {
    let (sender, receiver) = mpsc::channel(parts.len().max(1));
    for part in parts {
        sender.send(part).await.expect("room");
    }
    receiver
}

#[tokio::test]
async fn a_snapshot_arrives_whole_or_not_at_all() {
    let (a, b) = pair().await;
    let net = b.net.clone();
    let receiving = tokio::spawn(async move {
        let mut results = Vec::new();
        for refuse in [false, true, false] {
            let mut arriving = net.next_snapshot().await;
            assert_eq!(arriving.message().from, MemberId(0xa));
            let mut bytes = Vec::new();
            let ended = loop {
                match arriving.chunk().await {
                    Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error),
                }
            };
            let result = if refuse { Err("disk is full".to_owned()) } else { ended.clone() };
            arriving.finish(result).await;
            results.push((bytes.len(), ended.is_ok()));
        }
        results
    });
    let part = Bytes::from(vec![1; 300_000]);
    let two = || chunks(vec![part.clone(), part.clone()]);
    let sent = a.net.send_snapshot(snapshot(a.id, b.id), two().await, 600_000).await;
    assert_eq!(sent, Ok(()));
    let refused = a.net.send_snapshot(snapshot(a.id, b.id), two().await, 600_000).await;
    let text = "failed to save KV snapshot (disk is full)".to_owned();
    assert_eq!(refused, Err(CallError::Refused(text)));
    // The source breaks off: the receiver must see an error, not an end.
    let short = a.net.send_snapshot(snapshot(a.id, b.id), two().await, 600_001).await;
    assert!(short.is_err());
    let results = timeout(PATIENCE, receiving).await.expect("in time").expect("no panic");
    assert_eq!(results[..2], [(600_000, true), (600_000, true)]);
    assert!(!results[2].1, "a broken transfer looked whole");
    a.stop().await;
    b.stop().await;
}
