//! The schema of the messages, read from the compiled descriptors, and a walk over encoded ones.
//!
//! It lets checks name every field of a message without listing them by hand: a field that is
//! added to the protocol is then covered, or missed, by itself.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

use prost::encoding::decode_varint;

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

/// One method of a service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Method {
    /// The path by which it is called.
    pub path: String,
    /// The full name of the message that asks.
    pub request: String,
    /// The full name of the message that answers.
    pub response: String,
    /// Whether the client sends a stream.
    pub client_streams: bool,
}

/// All messages by full name, and all methods.
#[derive(Clone, Debug)]
pub struct Schema {
    messages: BTreeMap<String, Vec<Field>>,
    methods: Vec<Method>,
}

impl Schema {
    /// The schema of the protocol.
    ///
    /// # Panics
    /// When the descriptors that the build embedded do not decode.
    #[must_use]
    pub fn of_protocol() -> Schema {
        let mut enums = BTreeMap::new();
        let mut found = Vec::new();
        let mut methods = Vec::new();
        for file in messages(proto::FILE_DESCRIPTOR_SET, FILE) {
            let package = name(file, FILE_PACKAGE);
            for kind in messages(file, FILE_ENUM) {
                enums.insert(join(&package, &name(kind, NAME)), numbers(kind));
            }
            for message in messages(file, FILE_MESSAGE) {
                collect(&package, message, &mut found, &mut enums);
            }
            for service in messages(file, FILE_SERVICE) {
                let full = join(&package, &name(service, NAME));
                methods
                    .extend(messages(service, SERVICE_METHOD).map(|m| describe_method(&full, m)));
            }
        }
        let fields = |message: &[u8]| {
            messages(message, MESSAGE_FIELD).map(|field| describe(field, &enums)).collect()
        };
        assert!(found.len() > 100, "only {} messages in the descriptors", found.len());
        let messages = found.iter().map(|(name, m)| (name.clone(), fields(m))).collect();
        Schema { messages, methods }
    }

    /// The fields of a message, if there is one of this name.
    #[must_use]
    pub fn find(&self, message: &str) -> Option<&[Field]> {
        self.messages.get(message).map(Vec::as_slice)
    }

    /// All methods, in the order of the descriptors.
    #[must_use]
    pub fn methods(&self) -> &[Method] {
        &self.methods
    }

    /// The method that a path names.
    #[must_use]
    pub fn method(&self, path: &str) -> Option<&Method> {
        self.methods.iter().find(|method| method.path == path)
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
pub fn walk(bytes: &[u8]) -> Vec<(u32, Value<'_>)> {
    try_walk(bytes).unwrap_or_else(|| panic!("{bytes:?} is no message of the API"))
}

/// The same of bytes that may be no message.
#[must_use]
pub fn try_walk(mut bytes: &[u8]) -> Option<Vec<(u32, Value<'_>)>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let tag = decode_varint(&mut bytes).ok()?;
        let value = match tag & 7 {
            0 => Value::Number(decode_varint(&mut bytes).ok()?),
            2 => {
                let length = decode_varint(&mut bytes).ok()? as usize;
                let (value, rest) = bytes.split_at_checked(length)?;
                bytes = rest;
                Value::Bytes(value)
            }
            _ => return None,
        };
        found.push(((tag >> 3) as u32, value));
    }
    Some(found)
}

/// The numbers of a repeated field, which are packed into one value.
///
/// # Panics
/// When the bytes are no such numbers.
#[must_use]
pub fn unpack(mut bytes: &[u8]) -> Vec<Value<'static>> {
    let mut found = Vec::new();
    while !bytes.is_empty() {
        let number = decode_varint(&mut bytes).expect("an encoded message ends at a field");
        found.push(Value::Number(number));
    }
    found
}

// Field numbers of `google/protobuf/descriptor.proto`, as far as they are needed.
const FILE: u32 = 1;
const FILE_PACKAGE: u32 = 2;
const FILE_MESSAGE: u32 = 4;
const FILE_ENUM: u32 = 5;
const FILE_SERVICE: u32 = 6;
const SERVICE_METHOD: u32 = 2;
const METHOD_REQUEST: u32 = 2;
const METHOD_RESPONSE: u32 = 3;
const METHOD_CLIENT_STREAMS: u32 = 5;
/// The name of a message, a field or an enum.
const NAME: u32 = 1;
const MESSAGE_FIELD: u32 = 2;
const MESSAGE_NESTED: u32 = 3;
const MESSAGE_ENUM: u32 = 4;
const FIELD_NUMBER: u32 = 3;
const FIELD_LABEL: u32 = 4;
const FIELD_TYPE: u32 = 5;
const FIELD_TYPE_NAME: u32 = 6;
const FIELD_ONEOF: u32 = 9;
const ENUM_VALUE: u32 = 2;
const ENUM_VALUE_NUMBER: u32 = 2;

/// The label of a field that can occur more than once.
const REPEATED: u64 = 3;

fn join(scope: &str, name: &str) -> String {
    if scope.is_empty() { name.into() } else { [scope, name].join(".") }
}

/// The messages in a field of an encoded descriptor.
fn messages(descriptor: &[u8], field: u32) -> impl Iterator<Item = &[u8]> {
    walk(descriptor).into_iter().filter_map(move |(number, value)| match value {
        Value::Bytes(bytes) if number == field => Some(bytes),
        _ => None,
    })
}

fn name(descriptor: &[u8], field: u32) -> String {
    let bytes = messages(descriptor, field).last().unwrap_or_default();
    String::from_utf8_lossy(bytes).into_owned()
}

fn number(descriptor: &[u8], field: u32) -> Option<u64> {
    walk(descriptor).into_iter().find_map(|(number, value)| match value {
        Value::Number(found) if number == field => Some(found),
        _ => None,
    })
}

fn numbers(kind: &[u8]) -> Vec<i32> {
    let value = |value| number(value, ENUM_VALUE_NUMBER).unwrap_or(0) as i32;
    messages(kind, ENUM_VALUE).map(value).collect()
}

fn collect<'a>(
    scope: &str,
    message: &'a [u8],
    found: &mut Vec<(String, &'a [u8])>,
    enums: &mut BTreeMap<String, Vec<i32>>,
) {
    let full = join(scope, &name(message, NAME));
    for kind in messages(message, MESSAGE_ENUM) {
        enums.insert(join(&full, &name(kind, NAME)), numbers(kind));
    }
    messages(message, MESSAGE_NESTED).for_each(|nested| collect(&full, nested, found, enums));
    found.push((full, message));
}

fn describe_method(service: &str, method: &[u8]) -> Method {
    let message = |field| String::from(name(method, field).trim_start_matches('.'));
    Method {
        path: ["/", service, "/", &name(method, NAME)].concat(),
        request: message(METHOD_REQUEST),
        response: message(METHOD_RESPONSE),
        client_streams: number(method, METHOD_CLIENT_STREAMS) == Some(1),
    }
}

fn describe(field: &[u8], enums: &BTreeMap<String, Vec<i32>>) -> Field {
    let of = String::from(name(field, FIELD_TYPE_NAME).trim_start_matches('.'));
    // The numbers of `FieldDescriptorProto.Type`.
    let kind = match number(field, FIELD_TYPE) {
        Some(10 | 11) => Kind::Message(of),
        Some(14) => Kind::Enum(enums.get(&of).cloned().unwrap_or_default()),
        Some(8) => Kind::Bool,
        Some(9 | 12) => Kind::Bytes,
        Some(3 | 5) => Kind::Signed,
        _ => Kind::Unsigned,
    };
    Field {
        name: name(field, NAME),
        number: number(field, FIELD_NUMBER).unwrap_or(0) as u32,
        kind,
        repeated: number(field, FIELD_LABEL) == Some(REPEATED),
        in_oneof: number(field, FIELD_ONEOF).is_some(),
    }
}
