//! Sockets as connections: they take a place like any other, and a stop waits for them, but not
//! for ever.

use std::time::Instant;

use http::{Request, Response};
use node::{Answer, ApiError, Caller, Overview};
use prost::Message as _;
use proto::etcdserverpb as pb;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::*;
use crate::grpc::{GrpcSettings, Router};
use crate::listen::{Exchange, ListenAddress, ListenSettings, Listener, StopSwitch, serve};
use crate::metrics::{Metrics, ServerLabels};

type Client = WebSocketStream<TcpStream>;

const PATIENCE: Duration = Duration::from_secs(20);

/// A member whose watches are created; that of the key `flood` says more than anybody reads.
#[derive(Clone)]
struct Toy;

impl Service for Toy {
    async fn watch(
        &self,
        _: &Caller,
        mut requests: mpsc::Receiver<pb::WatchRequest>,
    ) -> Result<mpsc::Receiver<Answer>, ApiError> {
        let (sender, receiver) = mpsc::channel(4);
        tokio::spawn(async move {
            while let Some(request) = requests.recv().await {
                let text = format!("{request:?}");
                let created = pb::WatchResponse { created: true, ..Default::default() };
                let mut sent = sender.send(Ok(created.encode_to_vec().into())).await;
                let cancel_reason = "x".repeat(64 << 10);
                let more = pb::WatchResponse { cancel_reason, ..Default::default() };
                while sent.is_ok() && text.contains("flood") {
                    sent = sender.send(Ok(more.encode_to_vec().into())).await;
                }
            }
        });
        Ok(receiver)
    }

    fn overview(&self) -> Overview {
        Overview { cluster_version: "3.7.0".into(), ..Overview::default() }
    }
}

#[derive(Clone)]
struct Port(Gateway<Toy>);

impl Exchange for Port {
    type Body = Body;

    async fn answer(&self, request: Request<Incoming>, origin: &Arc<Origin>) -> Response<Body> {
        self.0.answer(request, origin).await
    }
}

struct Running {
    address: String,
    switch: StopSwitch,
    serving: JoinHandle<()>,
}

async fn start(connections_max: u32) -> Running {
    let labels =
        ServerLabels { server_version: "3.7.1", cairn_version: "0", commit: "0", extensive: false };
    let (metrics, switch) = (Arc::new(Metrics::new(&labels)), StopSwitch::new());
    let router = Router::new(Toy, metrics, GrpcSettings::default(), switch.observer());
    let drain = Duration::from_millis(100);
    let settings = ListenSettings { connections_max, drain, ..ListenSettings::default() };
    let address = ListenAddress::parse("http://127.0.0.1:0").expect("an address");
    let listener = Listener::bind(&address, &settings).await.expect("a free port");
    let address = format!("127.0.0.1:{}", listener.port().expect("a port"));
    let port = Port(Gateway::new(router, switch.observer()));
    let serving = tokio::spawn(serve(vec![listener], port, settings, switch.observer()));
    Running { address, switch, serving }
}

impl Running {
    /// A socket with a watch of this key.
    async fn watch(&self, key: &str) -> Client {
        let socket = TcpStream::connect(&self.address).await.expect("it accepts");
        let request = format!("ws://{}/v3/watch", self.address).into_client_request();
        let upgraded = tokio_tungstenite::client_async(request.expect("a request"), socket).await;
        let (mut socket, _) = upgraded.expect("it upgrades");
        let key = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key);
        let create = format!("{{\"create_request\":{{\"key\":\"{key}\"}}}}");
        socket.send(Message::text(create)).await.expect("it reads");
        let created = text(&mut socket).await.expect("a line");
        assert!(created.contains("\"created\":true"), "{created}");
        socket
    }
}

async fn text(socket: &mut Client) -> Option<String> {
    let message = timeout(PATIENCE, socket.next()).await.expect("it says something or ends");
    match message?.ok()? {
        Message::Text(text) => Some(text.as_str().to_owned()),
        _ => None,
    }
}

#[tokio::test]
async fn a_socket_takes_the_place_of_a_connection() {
    let running = start(1).await;
    let socket = running.watch("key").await;
    let mut second = TcpStream::connect(&running.address).await.expect("the kernel accepts");
    let request = b"GET /v3/kv/range HTTP/1.1\r\nhost: h\r\n\r\n";
    second.write_all(request).await.expect("the kernel takes it");
    let mut answer = [0; 12];
    let early = timeout(Duration::from_millis(300), second.read_exact(&mut answer)).await;
    assert!(early.is_err(), "a second connection is served beside the socket: {answer:?}");
    drop(socket);
    let read = timeout(PATIENCE, second.read_exact(&mut answer)).await;
    read.expect("it is served once the socket is gone").expect("an answer");
    assert_eq!(&answer, b"HTTP/1.1 501");
}

#[tokio::test]
async fn a_stop_gives_sockets_their_last_line() {
    let running = start(4).await;
    let mut socket = running.watch("key").await;
    running.switch.stop();
    let last = text(&mut socket).await.expect("a last line");
    assert_eq!(last, r#"{"error":{"code":14,"message":"etcdserver: server stopped"}}"#);
    assert_eq!(text(&mut socket).await, None, "something follows the last line");
    timeout(PATIENCE, running.serving).await.expect("it ends").expect("it does not panic");
}

#[tokio::test]
async fn a_stop_waits_for_a_socket_that_is_not_read_but_not_for_ever() {
    let mut running = start(4).await;
    let _unread = running.watch("flood").await;
    // Until nothing more fits between the two.
    sleep(Duration::from_millis(500)).await;
    running.switch.stop();
    let began = Instant::now();
    let early = timeout(LAST_ANSWER / 4, &mut running.serving).await;
    assert!(early.is_err(), "it has ended although a socket is open");
    timeout(PATIENCE, running.serving).await.expect("it ends").expect("it does not panic");
    let (took, most) = (began.elapsed(), LAST_ANSWER + CLOSE);
    assert!(took < most * 3, "{took:?} instead of {most:?}");
}
