//! Ranges, puts, deletes and transactions.

use prost::Message;
use proto::etcdserverpb::response_op::Response;
use proto::etcdserverpb::{
    DeleteRangeResponse, PutResponse, RangeResponse, ResponseOp, TxnResponse,
};
use proto::mvccpb::KeyValue;

use super::json::{self, Object};
use super::{Display, Show, fields, hex};

/// A pair in the simple form: a line for the key, unless unwanted, and one for the value.
pub fn simple_pair(kv: &KeyValue, display: Display) -> Vec<u8> {
    let shown = |bytes: &[u8]| if display.hex { hex(bytes) } else { bytes.to_vec() };
    let mut text = Vec::new();
    if !display.value_only {
        text.extend(shown(&kv.key));
        text.push(b'\n');
    }
    text.extend(shown(&kv.value));
    text.push(b'\n');
    text
}

fn simple_pairs<'a>(kvs: impl IntoIterator<Item = &'a KeyValue>, display: Display) -> Vec<u8> {
    kvs.into_iter().flat_map(|kv| simple_pair(kv, display)).collect()
}

impl Show for RangeResponse {
    fn simple(&self, display: Display) -> Option<Vec<u8>> {
        Some(simple_pairs(&self.kvs, display))
    }

    fn fields(&self, display: Display) -> Option<String> {
        let pairs = self.kvs.iter().map(|kv| fields::pair("", kv, display)).collect::<String>();
        let header = fields::header(self.header.as_ref(), display);
        let ends = [fields::line("More", self.more), fields::line("Count", self.count)].concat();
        Some(header + &pairs + &ends)
    }

    fn json(&self, _display: Display) -> Option<String> {
        let object = Object::default()
            .header(self.header.as_ref())
            .list("kvs", self.kvs.iter().map(json::pair))
            .flag("more", self.more)
            .number("count", self.count);
        Some(object.end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.encode_to_vec())
    }
}

impl Show for PutResponse {
    fn simple(&self, display: Display) -> Option<Vec<u8>> {
        Some([b"OK\n".to_vec(), simple_pairs(&self.prev_kv, display)].concat())
    }

    fn fields(&self, display: Display) -> Option<String> {
        let before = self.prev_kv.iter().map(|kv| fields::pair("Prev", kv, display));
        Some(fields::header(self.header.as_ref(), display) + &before.collect::<String>())
    }

    fn json(&self, _display: Display) -> Option<String> {
        let object = Object::default()
            .header(self.header.as_ref())
            .optional("prev_kv", self.prev_kv.as_ref().map(json::pair));
        Some(object.end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.encode_to_vec())
    }
}

impl Show for DeleteRangeResponse {
    fn simple(&self, display: Display) -> Option<Vec<u8>> {
        let count = format!("{}\n", self.deleted).into_bytes();
        Some([count, simple_pairs(&self.prev_kvs, display)].concat())
    }

    fn fields(&self, display: Display) -> Option<String> {
        let before = self.prev_kvs.iter().map(|kv| fields::pair("Prev", kv, display));
        let header = fields::header(self.header.as_ref(), display);
        Some(header + &fields::line("Deleted", self.deleted) + &before.collect::<String>())
    }

    fn json(&self, _display: Display) -> Option<String> {
        let object = Object::default()
            .header(self.header.as_ref())
            .number("deleted", self.deleted)
            .list("prev_kvs", self.prev_kvs.iter().map(json::pair));
        Some(object.end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.encode_to_vec())
    }
}

/// The answer to one operation. Nested transactions cannot be asked for here, so none is shown.
fn op(answer: &ResponseOp) -> Option<&dyn Show> {
    match answer.response.as_ref()? {
        Response::ResponseRange(range) => Some(range),
        Response::ResponsePut(put) => Some(put),
        Response::ResponseDeleteRange(delete) => Some(delete),
        Response::ResponseTxn(txn) => Some(txn),
    }
}

impl Show for TxnResponse {
    fn simple(&self, display: Display) -> Option<Vec<u8>> {
        let verdict: &[u8] = if self.succeeded { b"SUCCESS\n" } else { b"FAILURE\n" };
        let mut text = verdict.to_vec();
        for answer in self.responses.iter().filter_map(op) {
            text.push(b'\n');
            text.extend(answer.simple(display)?);
        }
        Some(text)
    }

    fn fields(&self, display: Display) -> Option<String> {
        let mut text = fields::header(self.header.as_ref(), display);
        text += &fields::line("Succeeded", self.succeeded);
        for answer in self.responses.iter().filter_map(op) {
            text += &answer.fields(display)?;
        }
        Some(text)
    }

    fn json(&self, display: Display) -> Option<String> {
        let named = self.responses.iter().map(|answer| {
            let name = match answer.response {
                Some(Response::ResponseRange(_)) => "response_range",
                Some(Response::ResponsePut(_)) => "response_put",
                Some(Response::ResponseDeleteRange(_)) => "response_delete_range",
                Some(Response::ResponseTxn(_)) => "response_txn",
                None => "",
            };
            let inner = op(answer).and_then(|answer| answer.json(display));
            let inner = Object::default().optional(name, inner).end();
            Object::default().raw("Response", &inner).end()
        });
        let object = Object::default()
            .header(self.header.as_ref())
            .flag("succeeded", self.succeeded)
            .list("responses", named);
        Some(object.end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.encode_to_vec())
    }
}
