//! JSON as Go writes it: members in declared order, zero values left out, bytes in base64, texts
//! safe within HTML, integers of any size as numbers.

use proto::etcdserverpb::{Member, ResponseHeader};
use proto::mvccpb::{Event, KeyValue};

use crate::ctl::text::base64;

/// An object in the making.
#[derive(Debug, Default)]
pub struct Object {
    text: String,
}

impl Object {
    /// A member that is left out when zero.
    pub fn number(self, name: &str, value: impl Into<i128>) -> Object {
        match value.into() {
            0 => self,
            value => self.raw(name, &value.to_string()),
        }
    }

    /// A member that is always there.
    pub fn always(self, name: &str, value: impl Into<i128>) -> Object {
        self.raw(name, &value.into().to_string())
    }

    /// A member that is left out when false.
    pub fn flag(self, name: &str, value: bool) -> Object {
        if value { self.raw(name, "true") } else { self }
    }

    /// A member that is left out when empty.
    pub fn text(self, name: &str, value: &str) -> Object {
        if value.is_empty() { self } else { self.raw(name, &text(value.as_bytes())) }
    }

    /// Bytes, left out when empty.
    pub fn bytes(self, name: &str, value: &[u8]) -> Object {
        if value.is_empty() {
            self
        } else {
            self.raw(name, &format!("\"{}\"", base64::encode(value)))
        }
    }

    /// An array, left out when empty.
    pub fn list(self, name: &str, values: impl IntoIterator<Item = String>) -> Object {
        let array = array(values);
        if array == "[]" { self } else { self.raw(name, &array) }
    }

    /// A member that is left out when absent.
    pub fn optional(self, name: &str, value: Option<String>) -> Object {
        match value {
            Some(value) => self.raw(name, &value),
            None => self,
        }
    }

    /// A member that is JSON already.
    pub fn raw(mut self, name: &str, json: &str) -> Object {
        if !self.text.is_empty() {
            self.text.push(',');
        }
        self.text += &format!("\"{name}\":{json}");
        self
    }

    /// The members of a header, in place of the header itself.
    pub fn flattened(self, header: Option<&ResponseHeader>) -> Object {
        let header = header.cloned().unwrap_or_default();
        self.number("cluster_id", header.cluster_id)
            .number("member_id", header.member_id)
            .number("revision", header.revision)
            .number("raft_term", header.raft_term)
    }

    /// A header, left out when the answer has none.
    pub fn header(self, header: Option<&ResponseHeader>) -> Object {
        self.optional(
            "header",
            header.map(|header| Object::default().flattened(Some(header)).end()),
        )
    }

    /// The finished object.
    pub fn end(self) -> String {
        format!("{{{}}}", self.text)
    }
}

/// An array of what is JSON already.
pub fn array(values: impl IntoIterator<Item = String>) -> String {
    let values: Vec<String> = values.into_iter().collect();
    format!("[{}]", values.join(","))
}

/// A text; what is not UTF-8 becomes the replacement character.
pub fn text(bytes: &[u8]) -> String {
    let mut json = String::from("\"");
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '"' => json += "\\\"",
            '\\' => json += "\\\\",
            '\u{8}' => json += "\\b",
            '\u{c}' => json += "\\f",
            '\n' => json += "\\n",
            '\r' => json += "\\r",
            '\t' => json += "\\t",
            '<' | '>' | '&' | '\0'..'\u{20}' | '\u{2028}' | '\u{2029}' => {
                json += &format!("\\u{:04x}", u32::from(c));
            }
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

/// A pair.
pub fn pair(kv: &KeyValue) -> String {
    Object::default()
        .bytes("key", &kv.key)
        .number("create_revision", kv.create_revision)
        .number("mod_revision", kv.mod_revision)
        .number("version", kv.version)
        .bytes("value", &kv.value)
        .number("lease", kv.lease)
        .end()
}

/// An event.
pub fn event(event: &Event) -> String {
    Object::default()
        .number("type", event.r#type)
        .optional("kv", event.kv.as_ref().map(pair))
        .optional("prev_kv", event.prev_kv.as_ref().map(pair))
        .end()
}

/// A member; with `hex` its id is a text, and always there.
pub fn member(member: &Member, hex: bool) -> String {
    let urls =
        |urls: &[String]| -> Vec<String> { urls.iter().map(|url| text(url.as_bytes())).collect() };
    let object = match hex {
        true => Object::default().raw("ID", &format!("\"{:x}\"", member.id)),
        false => Object::default().number("ID", member.id),
    };
    object
        .text("name", &member.name)
        .list("peerURLs", urls(&member.peer_urls))
        .list("clientURLs", urls(&member.client_urls))
        .flag("isLearner", member.is_learner)
        .end()
}

/// A header with its ids as texts.
pub fn hex_header(header: Option<&ResponseHeader>) -> String {
    let Some(header) = header else { return "null".to_owned() };
    Object::default()
        .raw("cluster_id", &format!("\"{:x}\"", header.cluster_id))
        .raw("member_id", &format!("\"{:x}\"", header.member_id))
        .number("revision", header.revision)
        .number("raft_term", header.raft_term)
        .end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_are_left_out_and_texts_are_safe() {
        let object = Object::default().number("a", 0).number("b", u64::MAX).flag("c", false);
        let object = object.text("d", "<\"\u{1}é>").bytes("e", b"").list("f", []).always("g", 0);
        let json = r#"{"b":18446744073709551615,"d":"\u003c\"\u0001é\u003e","g":0}"#;
        assert_eq!(object.end(), json);
    }
}
