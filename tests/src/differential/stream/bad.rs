//! What no well-kept client sends, and unusual metadata.

use bytes::Bytes;
use model::schema::Schema;
use prost::Message;
use proto::etcdserverpb as pb;

use super::Stream;
use crate::differential::step::{Action, Call};

/// Paths that name nothing.
const UNKNOWN_PATHS: [&str; 5] =
    ["/etcdserverpb.KV/Get", "/etcdserverpb.Kv/Range", "/none/none", "/etcdserverpb.KV/", "/KV"];

/// Methods whose empty request changes nothing for good, for requests that cannot be read.
const READABLE: [&str; 14] = [
    "/etcdserverpb.KV/Range",
    "/etcdserverpb.KV/Put",
    "/etcdserverpb.KV/DeleteRange",
    "/etcdserverpb.KV/Txn",
    "/etcdserverpb.KV/Compact",
    "/etcdserverpb.KV/RangeStream",
    "/etcdserverpb.Lease/LeaseRevoke",
    "/etcdserverpb.Lease/LeaseTimeToLive",
    "/etcdserverpb.Cluster/MemberAdd",
    "/etcdserverpb.Cluster/MemberRemove",
    "/etcdserverpb.Cluster/MemberUpdate",
    "/etcdserverpb.Maintenance/Downgrade",
    "/etcdserverpb.Maintenance/MoveLeader",
    "/grpc.health.v1.Health/Check",
];

/// Bytes that are no message: a tag that promises more, a length beyond the end, a wire type that
/// there is not, a varint that does not end, field zero, a group that does not end.
const NO_MESSAGES: [&[u8]; 7] = [
    b"\x0a",
    b"\x0a\x05a",
    b"\x0f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\x00",
    b"\x0b",
    b"\x08\xff",
];

impl Stream {
    pub(super) fn bad(&mut self) {
        match self.prng.below(8) {
            0 => {
                let path = self.pick(&UNKNOWN_PATHS).to_owned();
                self.push(Call { path, messages: vec![Bytes::new()], ..Call::default() });
            }
            1 => {
                let path = self.pick(&READABLE).to_owned();
                let bytes = Bytes::from_static(self.pick(&NO_MESSAGES));
                self.push(Call { path, messages: vec![bytes], ..Call::default() });
            }
            2 => {
                let path = self.pick(&READABLE).to_owned();
                self.push(Call { path, messages: vec![Bytes::new()], ..Call::default() });
            }
            3 => self.bad_text(),
            4 => self.unknown_fields(),
            5 => self.several_or_none(),
            _ => self.with_metadata(),
        }
    }

    /// Text that is not UTF-8.
    fn bad_text(&mut self) {
        const CALLS: [(&str, &[u8]); 3] = [
            ("/etcdserverpb.Cluster/MemberAdd", b"\x0a\x02\xff\xfe"),
            ("/etcdserverpb.Maintenance/Downgrade", b"\x12\x02\xff\xfe"),
            ("/grpc.health.v1.Health/Check", b"\x0a\x02\xff\xfe"),
        ];
        let (path, bytes) = self.pick(&CALLS);
        let messages = vec![Bytes::from_static(bytes)];
        self.push(Call { path: path.to_owned(), messages, ..Call::default() });
    }

    /// A request that a newer client sends: with fields that are not known here.
    fn unknown_fields(&mut self) {
        let range = pb::RangeRequest { key: self.generator.key_of_space(), ..Default::default() };
        let mut bytes = range.encode_to_vec();
        // Number 200: a varint, a text; number 201: eight and four fixed bytes.
        bytes.extend(b"\xc0\x0c\x07\xc2\x0c\x01x\xc9\x0c12345678\xcd\x0c1234");
        let path = "/etcdserverpb.KV/Range".to_owned();
        self.push(Call { path, messages: vec![bytes.into()], ..Call::default() });
    }

    /// Two requests where one belongs, or none.
    fn several_or_none(&mut self) {
        let range = pb::RangeRequest { key: self.generator.key_of_space(), ..Default::default() };
        let mut call = Call::new("/etcdserverpb.KV/Range", &range);
        match self.one_in(2) {
            true => call.messages.clear(),
            false => call.messages.push(call.messages[0].clone()),
        }
        self.push(call);
    }

    /// Metadata that etcd looks at, on any call without a stream.
    fn with_metadata(&mut self) {
        let pairs = [
            ("hasleader", "true"),
            ("hasleader", "false"),
            ("client-api-version", "3.7.1"),
            ("client-api-version", "none"),
            ("token", "nobody.1"),
            ("authorization", "Bearer nobody.1"),
            ("grpc-timeout", "5S"),
        ];
        let (name, value) = self.pick(&pairs);
        let mut call = loop {
            self.request();
            match self.queue.pop_back().map(|step| step.action) {
                Some(Action::Call(call)) if !call.path.ends_with("Compact") => break call,
                _ => self.queue.clear(),
            }
        };
        let schema = Schema::of_protocol();
        assert!(schema.method(&call.path).is_some_and(|method| !method.client_streams));
        call.metadata.push((name.to_owned(), value.to_owned()));
        self.push(call);
    }
}
