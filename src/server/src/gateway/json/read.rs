//! A request from JSON, by the rules of `protojson` with unknown fields discarded: original and
//! lower camel names, 64-bit numbers also as strings, both alphabets of base64, enums by name or
//! number, null for an absent field; a field twice is an error.

use std::collections::BTreeSet;

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use node::Code;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind as FieldKind, MessageDescriptor, Value};

use super::cursor::{Cursor, Kind, Token};
use super::limits::NESTING_MAX;
use super::number::whole_number;
use crate::grpc::Status;

/// The message that a JSON value stands for. The value's syntax has been checked.
///
/// # Errors
/// `protojson`'s text.
pub(in crate::gateway) fn message_from_json(
    json: &[u8],
    descriptor: &MessageDescriptor,
) -> Result<DynamicMessage, Status> {
    let read = message(&mut Cursor::new(json), descriptor, 0);
    read.map_err(|text| Status::new(Code::InvalidArgument, text))
}

fn message(
    cursor: &mut Cursor<'_>,
    descriptor: &MessageDescriptor,
    depth: usize,
) -> Result<DynamicMessage, String> {
    if depth > NESTING_MAX {
        return Err("proto: exceeded max recursion depth".into());
    }
    let token = cursor.read();
    if token.kind != Kind::Open {
        return Err(cursor.unexpected(&token));
    }
    let mut message = DynamicMessage::new(descriptor.clone());
    let mut seen = BTreeSet::new();
    let mut chosen = BTreeSet::new();
    loop {
        let token = cursor.read();
        if token.kind == Kind::Close {
            return Ok(message);
        }
        let name = cursor.text(&token)?;
        let by_json_name = descriptor.get_field_by_json_name(&name);
        let Some(field) = by_json_name.or_else(|| descriptor.get_field_by_name(&name)) else {
            cursor.skip();
            continue;
        };
        if !seen.insert(field.number()) {
            return Err(cursor.error(&token, &format!("duplicate field {}", token.raw())));
        }
        if cursor.peek().kind == Kind::Null {
            cursor.skip();
            continue;
        }
        if let Some(oneof) = field.containing_oneof().filter(|_| !field.is_list())
            && !chosen.insert(oneof.full_name().to_owned())
        {
            let (raw, oneof) = (token.raw(), oneof.full_name());
            let text = format!("error parsing {raw}, oneof {oneof} is already set");
            return Err(cursor.error(&token, &text));
        }
        if let Some(value) = field_value(cursor, &field, depth)? {
            message.set_field(&field, value);
        }
    }
}

/// The value of a field; `None` for an enum value of an unknown name.
fn field_value(
    cursor: &mut Cursor<'_>,
    field: &FieldDescriptor,
    depth: usize,
) -> Result<Option<Value>, String> {
    if !field.is_list() {
        return one(cursor, field, depth);
    }
    let token = cursor.read();
    if token.kind != Kind::OpenList {
        return Err(cursor.unexpected(&token));
    }
    let mut list = Vec::new();
    while cursor.peek().kind != Kind::CloseList {
        list.extend(one(cursor, field, depth)?);
    }
    cursor.read();
    Ok(Some(Value::List(list)))
}

fn one(
    cursor: &mut Cursor<'_>,
    field: &FieldDescriptor,
    depth: usize,
) -> Result<Option<Value>, String> {
    if let FieldKind::Message(descriptor) = field.kind() {
        let message = message(cursor, &descriptor, depth + 1)?;
        return Ok(Some(Value::Message(message)));
    }
    let token = cursor.read();
    match scalar(cursor, &token, &field.kind())? {
        Scalar::Of(value) => Ok(Some(value)),
        Scalar::Unknown => Ok(None),
        Scalar::Invalid => {
            let (kind, name) = (kind_name(&field.kind()), field.json_name());
            let text = format!("invalid value for {kind} field {name}: {}", token.raw());
            Err(cursor.error(&token, &text))
        }
    }
}

enum Scalar {
    Of(Value),
    Unknown,
    Invalid,
}

impl From<Option<Value>> for Scalar {
    fn from(value: Option<Value>) -> Scalar {
        value.map_or(Scalar::Invalid, Scalar::Of)
    }
}

fn scalar(cursor: &Cursor<'_>, token: &Token<'_>, kind: &FieldKind) -> Result<Scalar, String> {
    let text = match token.kind {
        Kind::Text => Some(cursor.text(token)?),
        _ => None,
    };
    let whole = || match (token.kind, &text) {
        (_, Some(text)) => whole_number(text),
        (Kind::Number, None) => whole_number(&token.raw()),
        _ => None,
    };
    Ok(match kind {
        FieldKind::Bool => match token.kind {
            Kind::True => Scalar::Of(Value::Bool(true)),
            Kind::False => Scalar::Of(Value::Bool(false)),
            _ => Scalar::Invalid,
        },
        FieldKind::String => text.map(Value::String).into(),
        FieldKind::Bytes => {
            text.and_then(|text| bytes_from(&text)).map(|bytes| Value::Bytes(bytes.into())).into()
        }
        FieldKind::Int32 | FieldKind::Sint32 | FieldKind::Sfixed32 => {
            whole().and_then(|number| number.try_into().ok()).map(Value::I32).into()
        }
        FieldKind::Int64 | FieldKind::Sint64 | FieldKind::Sfixed64 => {
            whole().and_then(|number| number.try_into().ok()).map(Value::I64).into()
        }
        FieldKind::Uint32 | FieldKind::Fixed32 => {
            whole().and_then(|number| number.try_into().ok()).map(Value::U32).into()
        }
        FieldKind::Uint64 | FieldKind::Fixed64 => {
            whole().and_then(|number| number.try_into().ok()).map(Value::U64).into()
        }
        FieldKind::Enum(values) => match &text {
            Some(name) => match values.get_value_by_name(name) {
                Some(value) => Scalar::Of(Value::EnumNumber(value.number())),
                None => Scalar::Unknown,
            },
            None => whole().and_then(|number| number.try_into().ok()).map(Value::EnumNumber).into(),
        },
        FieldKind::Float | FieldKind::Double | FieldKind::Message(_) => Scalar::Invalid,
    })
}

/// Bytes from base64, in the alphabet that the text uses; padding has to be there when it could.
fn bytes_from(text: &str) -> Option<Vec<u8>> {
    let alphabet = if text.contains(['-', '_']) { URL_SAFE } else { STANDARD };
    let padding = match text.len() % 4 {
        0 => DecodePaddingMode::RequireCanonical,
        _ => DecodePaddingMode::RequireNone,
    };
    let config = GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(padding);
    let engine = GeneralPurpose::new(&alphabet, config);
    match text.contains(['\r', '\n']) {
        // Go's decoder passes over line ends.
        true => engine.decode(text.replace(['\r', '\n'], "")).ok(),
        false => engine.decode(text).ok(),
    }
}

fn kind_name(kind: &FieldKind) -> &'static str {
    match kind {
        FieldKind::Double => "double",
        FieldKind::Float => "float",
        FieldKind::Int32 => "int32",
        FieldKind::Int64 => "int64",
        FieldKind::Uint32 => "uint32",
        FieldKind::Uint64 => "uint64",
        FieldKind::Sint32 => "sint32",
        FieldKind::Sint64 => "sint64",
        FieldKind::Fixed32 => "fixed32",
        FieldKind::Fixed64 => "fixed64",
        FieldKind::Sfixed32 => "sfixed32",
        FieldKind::Sfixed64 => "sfixed64",
        FieldKind::Bool => "bool",
        FieldKind::String => "string",
        FieldKind::Bytes => "bytes",
        FieldKind::Message(_) => "message",
        FieldKind::Enum(_) => "enum",
    }
}
