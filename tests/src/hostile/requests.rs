//! Requests, drawn from a seed.

use base::Prng;
use bytes::{BufMut, Bytes, BytesMut};
use model::mutate;
use model::schema::Schema;

use crate::differential::{Action, Features, Flavour, Stream};

/// What a client sends.
#[derive(Clone, Debug)]
pub struct Request {
    /// The path, which need not name a method.
    pub path: String,
    /// Headers, of which values are any bytes that HTTP/2 lets through.
    pub headers: Vec<(&'static str, Vec<u8>)>,
    /// The body as it goes over the wire, frames and all.
    pub body: Bytes,
    /// Whether the body is ended; otherwise the client is silent after it.
    pub ends: bool,
}

/// Names of headers that a server looks at.
const NAMES: [&str; 16] = [
    "token",
    "authorization",
    "grpc-timeout",
    "hasleader",
    "client-api-version",
    "grpc-encoding",
    "grpc-accept-encoding",
    "content-type",
    "te",
    "user-agent",
    "grpcgateway-accept",
    "grpc-trace-bin",
    "grpc-tags-bin",
    "content-length",
    "accept-encoding",
    "host",
];

/// Values at which a reader of headers may break.
const VALUES: [&[u8]; 24] = [
    b"",
    b" ",
    b"0",
    b"-1",
    b"true",
    b"false",
    b"Bearer ",
    b"Bearer a.1",
    b"a.1",
    b"a.b.c",
    b"eyJhbGciOiJub25lIn0.eyJ1c2VybmFtZSI6InJvb3QifQ.",
    b"99999999H",
    b"100000000S",
    b"0n",
    b"1x",
    b"\xff\xfe",
    b"3.\xc3\x28",
    b"gzip",
    b"identity",
    b"application/grpc",
    b"application/grpc+json",
    b"application/json",
    b"trailers",
    b"18446744073709551616",
];

/// Draws requests.
pub struct Requests {
    prng: Prng,
    stream: Stream,
    paths: Vec<String>,
    /// A revision that the server has.
    revision: i64,
    /// The message before, for one that goes on as it does.
    last: [Vec<u8>; 1],
}

impl Requests {
    /// Those of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Requests {
        let schema = Schema::of_protocol();
        let paths = schema.methods().iter().map(|method| method.path.clone());
        let features = Features { auth: false, concurrency: true };
        Requests {
            prng: Prng::new(seed ^ 0x0b5c_11e5),
            stream: Stream::new(seed, 1, Flavour::Usual, features),
            paths: paths.collect(),
            revision: 1,
            last: [Vec::new()],
        }
    }

    /// Lets the next ones be about a store at this revision.
    pub fn observe(&mut self, revision: i64) {
        self.revision = revision;
    }

    /// The next one.
    pub fn draw(&mut self) -> Request {
        let (mut path, messages) = self.sound();
        // Who is a member may be asked and changed in sound ways only: a second voter that nobody
        // started ends the cluster, here as in etcd.
        let is_membership = path.starts_with("/etcdserverpb.Cluster/Member");
        let mut body = BytesMut::new();
        for message in messages {
            let mut message = message.to_vec();
            if !is_membership {
                let sound = message.clone();
                for _ in 0..self.prng.below(4) {
                    mutate::change(&mut self.prng, &mut message, &self.last);
                }
                self.last = [sound];
            }
            self.frame(&mut body, &message);
        }
        if !is_membership && self.prng.chance(0.1) {
            path = self.other_path();
        }
        if self.prng.chance(0.05) {
            let kept = self.prng.below(body.len() as u64 + 1) as usize;
            body.truncate(kept);
        }
        let headers = self.headers();
        Request { path, headers, body: body.freeze(), ends: !self.prng.chance(0.05) }
    }

    /// A path and messages as an honest client sends them.
    fn sound(&mut self) -> (String, Vec<Bytes>) {
        loop {
            match self.stream.next(self.revision, -1).action {
                Action::Call(call) => return (call.path, call.messages),
                Action::Watch { request, .. } => {
                    return ("/etcdserverpb.Watch/Watch".into(), vec![request]);
                }
                Action::Settle | Action::Close(_) => {}
            }
        }
    }

    /// A method for which the message was not meant, or none.
    fn other_path(&mut self) -> String {
        if self.prng.chance(0.8) {
            let paths = self.paths.iter().filter(|path| !path.contains("Cluster/Member"));
            let paths: Vec<&String> = paths.collect();
            return (*self.prng.pick(&paths)).clone();
        }
        let odd =
            ["/", "//", "/a", "/etcdserverpb.KV/", "/etcdserverpb.KV/Range/x", "/v3/kv/range"];
        (*self.prng.pick(&odd)).to_owned()
    }

    /// A frame, now and then with a mark or a length that is not true.
    fn frame(&mut self, body: &mut BytesMut, message: &[u8]) {
        let odd = |prng: &mut Prng| prng.chance(0.03);
        let mark = if odd(&mut self.prng) { self.prng.next_u64() as u8 } else { 0 };
        let length = message.len() as u32;
        let length = match odd(&mut self.prng) {
            true => *self.prng.pick(&[0, 1, length + 1, length.wrapping_sub(1), u32::MAX]),
            false => length,
        };
        body.put_u8(mark);
        body.put_u32(length);
        body.extend_from_slice(message);
    }

    fn headers(&mut self) -> Vec<(&'static str, Vec<u8>)> {
        let mut headers = vec![("content-type", b"application/grpc".to_vec())];
        if self.prng.chance(0.9) {
            headers.push(("te", b"trailers".to_vec()));
        }
        if self.prng.chance(0.1) {
            headers.remove(0);
        }
        for _ in 0..self.prng.below(4) {
            let name = *self.prng.pick(&NAMES);
            let value = match self.prng.below(6) {
                0 => self.printable(200),
                1 => self.printable(4_000),
                _ => self.prng.pick(&VALUES).to_vec(),
            };
            headers.push((name, value));
        }
        headers
    }

    /// Up to so many bytes that may stand in a header.
    fn printable(&mut self, most: u64) -> Vec<u8> {
        let length = self.prng.below(most);
        let byte = |_| match self.prng.between(0x20, 0xff) as u8 {
            0x7f => b'~',
            byte => byte,
        };
        (0..length).map(byte).collect()
    }
}
