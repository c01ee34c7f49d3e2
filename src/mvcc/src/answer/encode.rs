//! Answers as messages of the API, in canonical encoding.
//!
//! Headers as etcd fills them: an answer on the top level has all four fields; inside a transaction
//! the answers to range, put and deletion have the revision alone, and that to a nested transaction
//! has an empty header.

use alloc::vec::Vec;

use bytes::Bytes;

use super::sink::{Checksum, Sink, bytes_len, put_bytes, put_length, put_varint, varint_len};
use super::{Answer, DeleteRangeAnswer, OpAnswer, PutAnswer, RangeAnswer, TxnAnswer};

/// The `ResponseHeader` of an answer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Header {
    /// The cluster.
    pub cluster_id: u64,
    /// The member that answers.
    pub member_id: u64,
    /// Its Raft term.
    pub raft_term: u64,
    /// The store's revision.
    pub revision: i64,
}

/// The field that holds the header in every response.
const HEADER: u32 = 1;

impl Header {
    fn nested(revision: i64) -> Header {
        Header { revision, ..Header::default() }
    }

    fn fields(&self) -> [(u32, u64); 4] {
        let revision = self.revision as u64;
        [(1, self.cluster_id), (2, self.member_id), (3, revision), (4, self.raft_term)]
    }

    fn body_len(&self) -> usize {
        self.fields().into_iter().map(|(field, value)| varint_len(field, value)).sum()
    }

    fn write(&self, sink: &mut impl Sink) {
        put_length(sink, HEADER, self.body_len());
        for (field, value) in self.fields() {
            put_varint(sink, field, value);
        }
    }
}

/// A response message: a header and what follows it.
trait Body {
    fn body_len(&self) -> usize;
    fn write_body(&self, sink: &mut impl Sink);

    fn message_len(&self, header: &Header) -> usize {
        bytes_len(HEADER, header.body_len()) + self.body_len()
    }

    fn write(&self, header: &Header, sink: &mut impl Sink) {
        header.write(sink);
        self.write_body(sink);
    }
}

impl Body for RangeAnswer {
    fn body_len(&self) -> usize {
        let kvs: usize = self.kvs.iter().map(|kv| bytes_len(2, kv.len())).sum();
        kvs + varint_len(3, u64::from(self.more)) + varint_len(4, self.count as u64)
    }

    fn write_body(&self, sink: &mut impl Sink) {
        for kv in &self.kvs {
            put_bytes(sink, 2, kv);
        }
        put_varint(sink, 3, u64::from(self.more));
        put_varint(sink, 4, self.count as u64);
    }
}

impl Body for PutAnswer {
    fn body_len(&self) -> usize {
        self.prev_kv.as_ref().map_or(0, |kv| bytes_len(2, kv.len()))
    }

    fn write_body(&self, sink: &mut impl Sink) {
        if let Some(kv) = &self.prev_kv {
            put_bytes(sink, 2, kv);
        }
    }
}

impl Body for DeleteRangeAnswer {
    fn body_len(&self) -> usize {
        let kvs: usize = self.prev_kvs.iter().map(|kv| bytes_len(3, kv.len())).sum();
        varint_len(2, self.deleted as u64) + kvs
    }

    fn write_body(&self, sink: &mut impl Sink) {
        put_varint(sink, 2, self.deleted as u64);
        for kv in &self.prev_kvs {
            put_bytes(sink, 3, kv);
        }
    }
}

impl Body for TxnAnswer {
    fn body_len(&self) -> usize {
        let responses: usize =
            self.responses.iter().map(|response| bytes_len(3, response.len())).sum();
        varint_len(2, u64::from(self.succeeded)) + responses
    }

    fn write_body(&self, sink: &mut impl Sink) {
        put_varint(sink, 2, u64::from(self.succeeded));
        for response in &self.responses {
            put_length(sink, 3, response.len());
            response.write(sink);
        }
    }
}

struct Empty;

impl Body for Empty {
    fn body_len(&self) -> usize {
        0
    }

    fn write_body(&self, _sink: &mut impl Sink) {}
}

impl OpAnswer {
    fn len(&self) -> usize {
        match self {
            OpAnswer::Range(a) => bytes_len(1, a.message_len(&Header::nested(a.revision))),
            OpAnswer::Put(a) => bytes_len(2, a.message_len(&Header::nested(a.revision))),
            OpAnswer::DeleteRange(a) => bytes_len(3, a.message_len(&Header::nested(a.revision))),
            OpAnswer::Txn(a) => bytes_len(4, a.message_len(&Header::default())),
            OpAnswer::Empty => 0,
        }
    }

    fn write(&self, sink: &mut impl Sink) {
        match self {
            OpAnswer::Range(a) => put_op(sink, 1, a, &Header::nested(a.revision)),
            OpAnswer::Put(a) => put_op(sink, 2, a, &Header::nested(a.revision)),
            OpAnswer::DeleteRange(a) => put_op(sink, 3, a, &Header::nested(a.revision)),
            OpAnswer::Txn(a) => put_op(sink, 4, a, &Header::default()),
            OpAnswer::Empty => {}
        }
    }
}

fn put_op(sink: &mut impl Sink, field: u32, body: &impl Body, header: &Header) {
    put_length(sink, field, body.message_len(header));
    body.write(header, sink);
}

fn encoded(body: &impl Body, header: &Header) -> Bytes {
    let len = body.message_len(header);
    let mut buffer = Vec::with_capacity(len);
    body.write(header, &mut buffer);
    assert_eq!(buffer.len(), len, "an answer is not as long as it was planned");
    Bytes::from(buffer)
}

fn checksum(kind: u8, body: &impl Body) -> u32 {
    let mut sum = Checksum::default();
    sum.put(&[kind]);
    body.write_body(&mut sum);
    sum.0
}

impl Answer {
    /// The response message under a header.
    #[must_use]
    pub fn encode(&self, header: &Header) -> Bytes {
        match self {
            Answer::Range(answer) => encoded(answer, header),
            Answer::Put(answer) => encoded(answer, header),
            Answer::DeleteRange(answer) => encoded(answer, header),
            Answer::Txn(answer) => encoded(answer, header),
            Answer::Compact => encoded(&Empty, header),
        }
    }

    /// CRC-32C of the answer without its header: equal on every member that applied the same log.
    #[must_use]
    pub fn checksum(&self) -> u32 {
        match self {
            Answer::Range(answer) => checksum(1, answer),
            Answer::Put(answer) => checksum(2, answer),
            Answer::DeleteRange(answer) => checksum(3, answer),
            Answer::Txn(answer) => checksum(4, answer),
            Answer::Compact => checksum(5, &Empty),
        }
    }
}

impl RangeAnswer {
    /// A part of a streamed range, as a `RangeStreamResponse`; only the last part has a header.
    #[must_use]
    pub fn encode_streamed(&self, header: Option<&Header>) -> Bytes {
        let header_len = header.map_or(0, |header| bytes_len(HEADER, header.body_len()));
        let len = header_len + self.body_len();
        let mut buffer = Vec::with_capacity(bytes_len(1, len));
        put_length(&mut buffer, 1, len);
        if let Some(header) = header {
            header.write(&mut buffer);
        }
        self.write_body(&mut buffer);
        assert_eq!(buffer.len(), bytes_len(1, len), "a part is not as long as it was planned");
        Bytes::from(buffer)
    }

    /// Bytes of the answer without its header.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.body_len()
    }
}
