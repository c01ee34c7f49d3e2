//! Answers of the key space: what was read or changed, independent of the member that says so.
//!
//! Key-value pairs in them are the stored bytes; encoding an answer writes messages around them and
//! encodes none again.

mod encode;
mod sink;
#[cfg(test)]
mod tests;

use alloc::vec::Vec;

use bytes::Bytes;

pub use encode::Header;

/// What a range found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RangeAnswer {
    /// Encoded `KeyValue`s.
    pub kvs: Vec<Bytes>,
    /// Whether the limit cut something off.
    pub more: bool,
    /// Keys in the range, whatever the limit.
    pub count: i64,
    /// The store's revision when it was read.
    pub revision: i64,
}

/// What a put changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutAnswer {
    /// The revision of the put.
    pub revision: i64,
    /// The pair before, encoded, if it was asked for and there was one.
    pub prev_kv: Option<Bytes>,
}

/// What a deletion changed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeleteRangeAnswer {
    /// The revision of the deletion; the current one when nothing was deleted.
    pub revision: i64,
    /// How many keys were deleted.
    pub deleted: i64,
    /// The pairs before, encoded, if they were asked for; in key order.
    pub prev_kvs: Vec<Bytes>,
}

/// What a transaction did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxnAnswer {
    /// The revision of its changes; the current one when it changed nothing.
    pub revision: i64,
    /// Whether all compares held.
    pub succeeded: bool,
    /// An answer for each operation of the chosen branch.
    pub responses: Vec<OpAnswer>,
}

/// The answer to one operation of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OpAnswer {
    /// To a range.
    Range(RangeAnswer),
    /// To a put.
    Put(PutAnswer),
    /// To a deletion.
    DeleteRange(DeleteRangeAnswer),
    /// To a nested transaction.
    Txn(TxnAnswer),
    /// To an operation without a request.
    Empty,
}

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// To a range.
    Range(RangeAnswer),
    /// To a put.
    Put(PutAnswer),
    /// To a deletion.
    DeleteRange(DeleteRangeAnswer),
    /// To a transaction.
    Txn(TxnAnswer),
    /// To a compaction.
    Compact,
}
