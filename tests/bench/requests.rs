//! Requests, encoded before anything is measured.

use std::sync::Arc;

use bytes::Bytes;
use proto::etcdserverpb as pb;

use crate::case::Kind;
use crate::connection::framed;

/// Keys that single puts and reads touch.
const KEYS: usize = 10_000;
/// Bytes of their values.
const VALUE_BYTES: usize = 256;
/// Keys that a range gives.
const RANGE_KEYS: i64 = 100;

/// Calls of one method, taken in turn.
#[derive(Clone)]
pub struct Requests {
    /// The method.
    pub path: &'static str,
    /// Framed requests.
    pub framed: Arc<Vec<Bytes>>,
    /// Bytes that every answer has at least; fewer mean that it is not what was asked for.
    pub answer_bytes_min: usize,
}

const PUT: &str = "/etcdserverpb.KV/Put";
const RANGE: &str = "/etcdserverpb.KV/Range";
const TXN: &str = "/etcdserverpb.KV/Txn";

fn key(number: usize) -> Bytes {
    Bytes::from(format!("bench/{number:08}"))
}

/// Numbers below `KEYS` in an order that is not sorted and meets each once.
fn scattered() -> impl Iterator<Item = usize> {
    (0..KEYS).map(|step| step * 7919 % KEYS)
}

fn value(number: usize, bytes: usize) -> Bytes {
    let letters = (0..bytes).map(|at| b'a' + ((number + at * 31) % 26) as u8);
    letters.collect::<Vec<u8>>().into()
}

fn put(number: usize) -> pb::PutRequest {
    pb::PutRequest { key: key(number), value: value(number, VALUE_BYTES), ..Default::default() }
}

fn requests<M: prost::Message>(
    path: &'static str,
    answer_bytes_min: usize,
    all: impl Iterator<Item = M>,
) -> Requests {
    let framed = all.map(|message| framed(&message)).collect();
    Requests { path, framed: Arc::new(framed), answer_bytes_min }
}

/// The requests of a case that calls one unary method.
///
/// # Panics
/// For the kinds that do not.
#[must_use]
pub fn of(kind: Kind) -> Requests {
    match kind {
        Kind::Put => puts(),
        Kind::Get { serializable } => {
            let get =
                |number| pb::RangeRequest { key: key(number), serializable, ..Default::default() };
            requests(RANGE, VALUE_BYTES, scattered().map(get))
        }
        Kind::Range => {
            let range = |number: usize| pb::RangeRequest {
                key: key(number % (KEYS - RANGE_KEYS as usize)),
                range_end: Bytes::from_static(&[0]),
                limit: RANGE_KEYS,
                ..Default::default()
            };
            requests(RANGE, RANGE_KEYS as usize * VALUE_BYTES, scattered().map(range))
        }
        Kind::Txn => requests(TXN, 10, scattered().map(txn)),
        Kind::Watch | Kind::KeepAlive | Kind::Memory => panic!("{kind:?} is not one method"),
    }
}

/// A put of every key.
#[must_use]
pub fn puts() -> Requests {
    requests(PUT, 5, scattered().map(put))
}

/// `count` puts of different keys with values of 150 B.
#[must_use]
pub fn many_keys(count: usize) -> Requests {
    let put = |number: usize| pb::PutRequest {
        key: Bytes::from(format!("many/{:010}", number * 7_368_787 % count)),
        value: value(number, 150),
        ..Default::default()
    };
    requests(PUT, 5, (0..count).map(put))
}

/// A read that succeeds once a member serves.
#[must_use]
pub fn probe() -> Requests {
    let get = pb::RangeRequest { key: Bytes::from_static(b"probe"), ..Default::default() };
    requests(RANGE, 0, std::iter::once(get))
}

/// If the key was ever written: write it, and read it.
fn txn(number: usize) -> pb::TxnRequest {
    use pb::compare::{CompareResult, CompareTarget, TargetUnion};
    let compare = pb::Compare {
        key: key(number),
        result: CompareResult::Greater as i32,
        target: CompareTarget::Mod as i32,
        target_union: Some(TargetUnion::ModRevision(0)),
        ..Default::default()
    };
    let get = pb::RangeRequest { key: key(number), ..Default::default() };
    let op = |request| pb::RequestOp { request: Some(request) };
    let write = op(pb::request_op::Request::RequestPut(put(number)));
    let read = op(pb::request_op::Request::RequestRange(get));
    pb::TxnRequest {
        compare: vec![compare],
        success: vec![write.clone(), read.clone()],
        failure: vec![write, read],
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{KEYS, many_keys, scattered};

    #[test]
    fn every_key_is_met_once() {
        assert_eq!(scattered().collect::<BTreeSet<_>>().len(), KEYS);
        let many = many_keys(2_500);
        let different: BTreeSet<_> = many.framed.iter().map(|framed| &framed[..24]).collect();
        assert_eq!(different.len(), 2_500);
    }
}
