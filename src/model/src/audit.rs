//! The audit of a generator (C5): which values each field of each message was given.
//!
//! Messages are judged as encoded, against the schema, so no list of fields is kept by hand. A
//! field counts as varied when it was seen absent (or false, zero, empty) and with as many
//! different values as its kind deserves.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::schema::{Field, Kind, Schema, Value, unpack, walk};

/// The messages of the requests that the generator draws for the log, for a caller to demand that
/// each of their fields is varied.
pub const REQUESTS: [&str; 11] = [
    "etcdserverpb.RangeRequest",
    "etcdserverpb.PutRequest",
    "etcdserverpb.DeleteRangeRequest",
    "etcdserverpb.TxnRequest",
    "etcdserverpb.Compare",
    "etcdserverpb.RequestOp",
    "etcdserverpb.CompactionRequest",
    "etcdserverpb.LeaseGrantRequest",
    "etcdserverpb.LeaseRevokeRequest",
    "etcdserverpb.LeaseCheckpoint",
    "etcdserverpb.AlarmRequest",
];

/// Different values remembered for a field; more say nothing more.
const DISTINCT_MAX: usize = 16;

/// What one field was given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// Messages in which it was absent, which for most fields is zero, false or empty.
    pub absent: u64,
    /// Times that it was present.
    pub present: u64,
    /// Some of the different values that it had, by hash for bytes and messages.
    pub values: BTreeSet<u64>,
    /// Times that it was at an end of its type's range.
    pub extreme: u64,
}

/// The counts of a run.
#[derive(Clone, Debug)]
pub struct Audit {
    schema: Schema,
    seen: BTreeMap<(String, u32), Seen>,
}

impl Default for Audit {
    fn default() -> Audit {
        Audit { schema: Schema::of_protocol(), seen: BTreeMap::new() }
    }
}

impl Audit {
    /// Counts an encoded message of this full name, and all messages inside it.
    pub fn record(&mut self, message: &str, bytes: &[u8]) {
        let found = walk(bytes);
        for field in self.schema.fields(message).to_vec() {
            let of_field = |(number, _): &&(u32, Value<'_>)| *number == field.number;
            let whole = found.iter().filter(of_field).map(|(_, value)| value.clone());
            let values: Vec<_> = whole.flat_map(|value| spread(&field, value)).collect();
            self.count(message, &field, &values);
            for value in values {
                if let (Kind::Message(inner), Value::Bytes(bytes)) = (&field.kind, value) {
                    self.record(inner, bytes);
                }
            }
        }
    }

    fn count(&mut self, message: &str, field: &Field, values: &[Value<'_>]) {
        let seen = self.seen.entry((message.into(), field.number)).or_default();
        match values.len() {
            0 => seen.absent += 1,
            _ => seen.present += 1,
        }
        for value in values {
            let (distinct, extreme) = match value {
                Value::Number(number) => (*number, *number >= i64::MAX as u64),
                Value::Bytes(bytes) => (u64::from(base::checksum::crc32c(bytes)), bytes.is_empty()),
            };
            seen.extreme += u64::from(extreme);
            if seen.values.len() < DISTINCT_MAX {
                seen.values.insert(distinct);
            }
        }
    }

    /// The fields that were set at least once, as `Message.field` with the full name.
    #[must_use]
    pub fn present(&self) -> BTreeSet<String> {
        let was_set = self.seen.iter().filter(|(_, seen)| seen.present > 0);
        let named = was_set.filter_map(|((message, number), _)| {
            let field = self.schema.find(message)?.iter().find(|field| field.number == *number)?;
            Some(format!("{message}.{}", field.name))
        });
        named.collect()
    }

    /// The fields of these messages that were not varied, with what was seen of them.
    #[must_use]
    pub fn gaps(&self, messages: &[&str]) -> Vec<String> {
        let mut gaps = Vec::new();
        for message in messages {
            for field in self.schema.fields(message) {
                let seen = self.of(message, field);
                if !varied(field, &seen) {
                    gaps.push(describe(message, field, &seen));
                }
            }
        }
        gaps
    }

    /// One line for each field of these messages.
    #[must_use]
    pub fn report(&self, messages: &[&str]) -> String {
        let mut lines = String::new();
        for message in messages {
            for field in self.schema.fields(message) {
                lines += &describe(message, field, &self.of(message, field));
                lines.push('\n');
            }
        }
        lines
    }

    fn of(&self, message: &str, field: &Field) -> Seen {
        self.seen.get(&(message.into(), field.number)).cloned().unwrap_or_default()
    }
}

/// The values that one occurrence of a field holds: several when numbers are packed.
fn spread<'a>(field: &Field, value: Value<'a>) -> Vec<Value<'a>> {
    match (&field.kind, &value) {
        (Kind::Bytes | Kind::Message(_), _) | (_, Value::Number(_)) => [value].into(),
        (_, Value::Bytes(packed)) => unpack(packed),
    }
}

/// Enums need all their members (zero is absence, except in a oneof), numbers and bytes several
/// values, messages and truth values presence and absence.
fn varied(field: &Field, seen: &Seen) -> bool {
    let values = seen.values.len();
    let enough = match &field.kind {
        Kind::Bool => values == 1,
        Kind::Message(_) => seen.present > 0,
        Kind::Enum(members) => {
            members.iter().filter(|n| **n != 0).all(|n| seen.values.contains(&(*n as u64)))
        }
        Kind::Signed | Kind::Unsigned | Kind::Bytes => values >= 3,
    };
    enough && seen.absent > 0
}

fn describe(message: &str, field: &Field, seen: &Seen) -> String {
    format!(
        "{message}.{}: absent {}, present {}, values {}{}, extreme {}",
        field.name,
        seen.absent,
        seen.present,
        seen.values.len(),
        if seen.values.len() == DISTINCT_MAX { "+" } else { "" },
        seen.extreme,
    )
}
