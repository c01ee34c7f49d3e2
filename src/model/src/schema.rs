//! The schema of the messages, read from the compiled descriptors, and a walk over encoded ones.
//!
//! It lets checks name every field of a message without listing them by hand: a field that is
//! added to the protocol is then covered, or missed, by itself.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, FieldDescriptorProto, FileDescriptorSet};

/// How a field is encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An integer that may be negative.
    Signed,
    /// An integer, an enum or a boolean that is not negative.
    Unsigned,
    /// A truth value.
    Bool,
    /// A member of an enum, with the numbers that it has.
    Enum(Vec<i32>),
    /// Bytes or text.
    Bytes,
    /// A message of this full name.
    Message(String),
}

/// One field of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name in the protocol.
    pub name: String,
    /// Its number.
    pub number: u32,
    /// How it is encoded.
    pub kind: Kind,
    /// Whether it can occur more than once.
    pub repeated: bool,
    /// Whether it belongs to a oneof, so that zero is a value too.
    pub in_oneof: bool,
}

/// The value of a field as found on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// A varint.
    Number(u64),
    /// Bytes, text, or an encoded message.
    Bytes(&'a [u8]),
}

/// All messages by full name.
#[derive(Clone, Debug)]
pub struct Schema {
    messages: BTreeMap<String, Vec<Field>>,
}

impl Schema {
    /// The schema of the protocol.
    ///
    /// # Panics
    /// When the descriptors that the build embedded do not decode.
    #[must_use]
    pub fn of_protocol() -> Schema {
        let set = FileDescriptorSet::decode(proto::FILE_DESCRIPTOR_SET)
            .expect("the build embeds valid descriptors");
        let mut enums = BTreeMap::new();
        let mut found = Vec::new();
        for file in &set.file {
            let package = file.package().to_string();
            for kind in &file.enum_type {
                enums.insert(join(&package, kind.name()), numbers(kind));
            }
            file.message_type.iter().for_each(|m| collect(&package, m, &mut found, &mut enums));
        }
        let fields = |message: &DescriptorProto| {
            message.field.iter().map(|field| describe(field, &enums)).collect()
        };
        Schema { messages: found.iter().map(|(name, m)| (name.clone(), fields(m))).collect() }
    }

    /// The fields of a message, by full name such as `etcdserverpb.PutRequest`.
    ///
    /// # Panics
    /// When there is no such message.
    #[must_use]
    pub fn fields(&self, message: &str) -> &[Field] {
        self.messages.get(message).unwrap_or_else(|| panic!("no message is named {message}"))
    }
}

/// The fields of an encoded message in the order of the wire.
///
/// # Panics
/// When the bytes are no message without fixed-width fields; the API has none.
#[must_use]
pub fn walk(mut bytes: &[u8]) -> Vec<(u32, Value<'_>)> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = varint(&mut bytes);
        let value = match tag & 7 {
            0 => Value::Number(varint(&mut bytes)),
            2 => {
                let length = varint(&mut bytes) as usize;
                let (value, rest) = bytes.split_at(length);
                bytes = rest;
                Value::Bytes(value)
            }
            wire => panic!("wire type {wire} of field {}", tag >> 3),
        };
        found.push(((tag >> 3) as u32, value));
    }
    found
}

/// The numbers of a repeated field, which are packed into one value.
///
/// # Panics
/// When the bytes are no such numbers.
#[must_use]
pub fn unpack(mut bytes: &[u8]) -> Vec<Value<'static>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        found.push(Value::Number(varint(&mut bytes)));
    }
    found
}

fn varint(bytes: &mut &[u8]) -> u64 {
    prost::encoding::decode_varint(bytes).expect("an encoded message ends at a field")
}

fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.to_string() } else { [scope, name].join(".") }
}

fn numbers(kind: &prost_types::EnumDescriptorProto) -> Vec<i32> {
    kind.value.iter().map(prost_types::EnumValueDescriptorProto::number).collect()
}

fn collect<'a>(
    scope: &str,
    message: &'a DescriptorProto,
    found: &mut Vec<(String, &'a DescriptorProto)>,
    enums: &mut BTreeMap<String, Vec<i32>>,
) {
    let name = join(scope, message.name());
    for kind in &message.enum_type {
        enums.insert(join(&name, kind.name()), numbers(kind));
    }
    message.nested_type.iter().for_each(|nested| collect(&name, nested, found, enums));
    found.push((name, message));
}

fn describe(field: &FieldDescriptorProto, enums: &BTreeMap<String, Vec<i32>>) -> Field {
    let of = || field.type_name().trim_start_matches('.').to_string();
    let kind = match field.r#type() {
        Type::Message | Type::Group => Kind::Message(of()),
        Type::Enum => Kind::Enum(enums.get(&of()).cloned().unwrap_or_default()),
        Type::Bool => Kind::Bool,
        Type::String | Type::Bytes => Kind::Bytes,
        Type::Int64 | Type::Int32 => Kind::Signed,
        _ => Kind::Unsigned,
    };
    Field {
        name: field.name().to_string(),
        number: field.number() as u32,
        kind,
        repeated: field.label() == Label::Repeated,
        in_oneof: field.oneof_index.is_some(),
    }
}
