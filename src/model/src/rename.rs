//! Ids that a server chooses (of leases, of members) under names that two servers share.
//!
//! A stream of requests names such an id before it is known. Each server's answer binds the name;
//! from then on the name stands in requests for what that server chose, and in its answers what it
//! chose is shown as the name. Fields are found through the schema.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use prost::encoding::{WireType, encode_key, encode_varint};

use crate::schema::{Kind, Schema, Value, try_walk, unpack};

/// Names are numbers from here on, which nothing else uses.
pub const NAMES: u64 = 0x5eed_0000_0000_0000;

/// What the names of one server stand for.
#[derive(Clone, Debug, Default)]
pub struct Names {
    chosen: BTreeMap<u64, u64>,
}

impl Names {
    /// Lets a name stand for an id.
    ///
    /// # Panics
    /// When it is no name.
    pub fn bind(&mut self, name: u64, id: u64) {
        assert!(name >= NAMES, "{name:x} is no name");
        self.chosen.insert(name, id);
    }

    /// A request as this server must get it.
    #[must_use]
    pub fn in_request(&self, schema: &Schema, message: &str, bytes: &[u8]) -> Vec<u8> {
        let id = |number| self.chosen.get(&number).copied().unwrap_or(number);
        if self.chosen.is_empty() { bytes.into() } else { mapped(schema, message, bytes, &id) }
    }

    /// An answer of this server, with names for its ids.
    #[must_use]
    pub fn in_answer(&self, schema: &Schema, message: &str, bytes: &[u8]) -> Vec<u8> {
        let name = |number| {
            let found = self.chosen.iter().find(|(_, chosen)| **chosen == number);
            found.map_or(number, |(name, _)| *name)
        };
        if self.chosen.is_empty() { bytes.into() } else { mapped(schema, message, bytes, &name) }
    }
}

/// The message with every number mapped, packed and nested ones included; what is no message of
/// this name stays as it is.
fn mapped(schema: &Schema, message: &str, bytes: &[u8], map: &dyn Fn(u64) -> u64) -> Vec<u8> {
    let (Some(found), Some(fields)) = (try_walk(bytes), schema.find(message)) else {
        return bytes.into();
    };
    let mut out = Vec::with_capacity(bytes.len());
    for (number, value) in found {
        let field = fields.iter().find(|field| field.number == number);
        let kind = field.map(|field| &field.kind);
        match (value, kind) {
            (Value::Number(value), _) => {
                encode_key(number, WireType::Varint, &mut out);
                encode_varint(map(value), &mut out);
            }
            (Value::Bytes(inner), Some(Kind::Message(name))) => {
                append(number, &mapped(schema, name, inner, map), &mut out);
            }
            (Value::Bytes(packed), Some(Kind::Signed | Kind::Unsigned)) => {
                let mut numbers = Vec::new();
                for value in unpack(packed) {
                    if let Value::Number(value) = value {
                        encode_varint(map(value), &mut numbers);
                    }
                }
                append(number, &numbers, &mut out);
            }
            (Value::Bytes(bytes), _) => append(number, bytes, &mut out),
        }
    }
    out
}

fn append(number: u32, bytes: &[u8], out: &mut Vec<u8>) {
    encode_key(number, WireType::LengthDelimited, out);
    encode_varint(bytes.len() as u64, out);
    out.extend(bytes);
}

#[cfg(test)]
mod tests {
    use super::{NAMES, Names};
    use crate::schema::Schema;
    use alloc::vec;
    use prost::Message;
    use proto::etcdserverpb as pb;

    #[test]
    fn a_name_stands_for_what_the_server_chose_and_for_nothing_else() {
        let schema = Schema::of_protocol();
        let mut names = Names::default();
        names.bind(NAMES + 1, 42);
        let asked = pb::LeaseTimeToLiveRequest { id: (NAMES + 1) as i64, keys: true };
        let message = "etcdserverpb.LeaseTimeToLiveRequest";
        let sent = names.in_request(&schema, message, &asked.encode_to_vec());
        let expected = pb::LeaseTimeToLiveRequest { id: 42, keys: true };
        assert_eq!(sent, expected.encode_to_vec());

        let lease = |id| pb::LeaseStatus { id };
        let answer = pb::LeaseLeasesResponse { header: None, leases: vec![lease(7), lease(42)] };
        let message = "etcdserverpb.LeaseLeasesResponse";
        let shown = names.in_answer(&schema, message, &answer.encode_to_vec());
        let named = vec![lease(7), lease((NAMES + 1) as i64)];
        let expected = pb::LeaseLeasesResponse { header: None, leases: named };
        assert_eq!(shown, expected.encode_to_vec());
    }
}
