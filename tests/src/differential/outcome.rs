//! What came of a step, and how messages are shown to people.

use std::fmt::Write;

use bytes::Bytes;
use model::schema::{Field, Kind, Schema, Value, try_walk};
use serde::{Deserialize, Serialize};

/// What a server answered to one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Outcome {
    /// The messages, each under where it came from: nothing for a call, the watcher for events.
    #[serde(rename = "a", default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<Told>,
    /// Code and text of the error, if it ended with one.
    #[serde(rename = "e", default, skip_serializing_if = "Option::is_none")]
    pub error: Option<(i32, String)>,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Told {
    /// Which watcher it was for; empty for the answer of a call.
    #[serde(rename = "f", default, skip_serializing_if = "String::is_empty")]
    pub to: String,
    /// The encoded message, normalised.
    #[serde(rename = "m", with = "hex_bytes")]
    pub message: Bytes,
}

impl Outcome {
    /// A refusal.
    #[must_use]
    pub fn refused(code: i32, text: &str) -> Outcome {
        Outcome { answers: Vec::new(), error: Some((code, text.to_owned())) }
    }

    /// Readable text; `message` names the type of the answers.
    #[must_use]
    pub fn readable(&self, message: &str) -> String {
        let schema = Schema::of_protocol();
        let mut text = String::new();
        for told in &self.answers {
            let shown = readable(&schema, message, &told.message);
            let gap = if told.to.is_empty() { "" } else { ": " };
            let _infallible = writeln!(text, "    {}{gap}{shown}", told.to);
        }
        if let Some((code, error)) = &self.error {
            let _infallible = writeln!(text, "    error {code} {error:?}");
        }
        if text.is_empty() { "    nothing\n".into() } else { text }
    }
}

/// A message as text like `{key: "a", limit: 3}`; bytes where it cannot be read.
#[must_use]
pub fn readable(schema: &Schema, message: &str, bytes: &[u8]) -> String {
    let fields = schema.find(message).unwrap_or_default();
    let unknown = fields.is_empty() && !bytes.is_empty();
    let Some(found) = try_walk(bytes).filter(|_| !unknown) else {
        return format!("<{}>", hex(bytes));
    };
    let parts = found.into_iter().map(|(number, value)| {
        let field = fields.iter().find(|field| field.number == number);
        match field {
            Some(field) => format!("{}: {}", field.name, shown(schema, field, &value)),
            None => format!("{number}: {value:?}"),
        }
    });
    format!("{{{}}}", parts.collect::<Vec<_>>().join(", "))
}

fn shown(schema: &Schema, field: &Field, value: &Value<'_>) -> String {
    match (value, &field.kind) {
        (Value::Number(number), Kind::Unsigned) => format!("{number}"),
        (Value::Number(number), _) => format!("{}", *number as i64),
        (Value::Bytes(bytes), Kind::Message(inner)) => readable(schema, inner, bytes),
        (Value::Bytes(bytes), Kind::Bytes) if bytes.len() > 80 => {
            format!("\"{}\"… {} bytes", bytes[..40].escape_ascii(), bytes.len())
        }
        (Value::Bytes(bytes), _) => format!("\"{}\"", bytes.escape_ascii()),
    }
}

/// Bytes as hexadecimal text.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _infallible = write!(text, "{byte:02x}");
        text
    })
}

/// The bytes that a hexadecimal text stands for.
#[must_use]
pub fn unhex(text: &str) -> Option<Bytes> {
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let pairs = text.as_bytes().chunks(2).map(byte);
    pairs.collect::<Option<Vec<u8>>>().map(Bytes::from)
}

/// Bytes as hexadecimal text in a file.
pub mod hex_bytes {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    use super::{hex, unhex};

    /// Writes them.
    pub fn serialize<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&hex(bytes))
    }

    /// Reads them.
    pub fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Bytes, D::Error> {
        let text = String::deserialize(source)?;
        unhex(&text).ok_or_else(|| D::Error::custom("not hexadecimal"))
    }
}
