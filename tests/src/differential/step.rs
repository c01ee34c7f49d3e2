//! What a client does.

use std::fmt;

use bytes::Bytes;
use model::schema::Schema;
use prost::Message;
use proto::etcdserverpb as pb;
use serde::{Deserialize, Serialize};

use super::outcome::{hex_bytes, readable};

/// One thing that one client does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Which client: each has a connection of its own.
    #[serde(rename = "n")]
    pub client: usize,
    /// What it does.
    #[serde(rename = "d")]
    pub action: Action,
}

/// What a client can do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Action {
    /// Calls a method and waits until the call ends.
    #[serde(rename = "c")]
    Call(Call),
    /// Sends a request on one of its watch streams, which is opened if it is not open, and waits
    /// until the server has taken it.
    #[serde(rename = "w")]
    Watch {
        /// Which of its streams.
        #[serde(rename = "s")]
        stream: usize,
        /// An encoded `WatchRequest`.
        #[serde(rename = "q", with = "hex_bytes")]
        request: Bytes,
    },
    /// Waits until all watchers of all clients have been told everything; the outcome is what each
    /// was told since the last time.
    #[serde(rename = "settle")]
    Settle,
    /// Closes one of its watch streams.
    #[serde(rename = "close")]
    Close(usize),
}

/// A call of a method.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The path that names the method.
    #[serde(rename = "p")]
    pub path: String,
    /// What the client sends, one message or several.
    #[serde(rename = "q", with = "hex_list")]
    pub messages: Vec<Bytes>,
    /// Metadata beside the usual.
    #[serde(rename = "md", default, skip_serializing_if = "Vec::is_empty")]
    pub metadata: Vec<(String, String)>,
    /// The name that is bound to the id which the answer tells.
    #[serde(rename = "b", default, skip_serializing_if = "Option::is_none")]
    pub binds: Option<u64>,
    /// Answers after which the client has seen enough of a stream that does not end.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub takes: Option<usize>,
    /// The token of the user who calls, by name.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
}

impl Call {
    /// A call with one message.
    pub fn new(path: &str, message: &impl prost::Message) -> Call {
        let messages = vec![message.encode_to_vec().into()];
        Call { path: path.to_owned(), messages, ..Call::default() }
    }
}

impl From<Call> for Action {
    fn from(call: Call) -> Action {
        Action::Call(call)
    }
}

impl Action {
    /// A request on a watch stream.
    #[must_use]
    pub fn watch(stream: usize, request: &pb::WatchRequest) -> Action {
        Action::Watch { stream, request: prost::Message::encode_to_vec(request).into() }
    }
}

impl Step {
    /// Whether a user ranges over keys, or deletes them, from a bound on to one that is not behind
    /// it, which names no key.
    #[must_use]
    pub fn is_range_without_keys(&self) -> bool {
        let Action::Call(Call { path, messages, user: Some(_), .. }) = &self.action else {
            return false;
        };
        let [message] = &messages[..] else { return false };
        let bounds = match path.as_str() {
            "/etcdserverpb.KV/Range" => {
                pb::RangeRequest::decode(message.clone()).map(|r| (r.key, r.range_end))
            }
            "/etcdserverpb.KV/DeleteRange" => {
                pb::DeleteRangeRequest::decode(message.clone()).map(|r| (r.key, r.range_end))
            }
            _ => return false,
        };
        bounds.is_ok_and(|(key, end)| !end.is_empty() && end != b"\0"[..] && end <= key)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let schema = Schema::of_protocol();
        write!(f, "client {}: ", self.client)?;
        match &self.action {
            Action::Settle => write!(f, "settle"),
            Action::Close(stream) => write!(f, "close watch stream {stream}"),
            Action::Watch { stream, request } => {
                let request = readable(&schema, "etcdserverpb.WatchRequest", request);
                write!(f, "watch stream {stream} {request}")
            }
            Action::Call(call) => {
                let message = schema.method(&call.path).map(|method| method.request.clone());
                write!(f, "{}", call.path)?;
                for (name, value) in &call.metadata {
                    write!(f, " [{name}: {value:?}]")?;
                }
                if let Some(user) = &call.user {
                    write!(f, " as {user}")?;
                }
                for bytes in &call.messages {
                    let request = readable(&schema, message.as_deref().unwrap_or(""), bytes);
                    write!(f, " {request}")?;
                }
                Ok(())
            }
        }
    }
}

/// Several encoded messages as hexadecimal text.
mod hex_list {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use crate::differential::outcome::{hex, unhex};

    pub fn serialize<S: Serializer>(list: &[Bytes], serializer: S) -> Result<S::Ok, S::Error> {
        list.iter().map(|bytes| hex(bytes)).collect::<Vec<_>>().serialize(serializer)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(source: D) -> Result<Vec<Bytes>, D::Error> {
        let texts = Vec::<String>::deserialize(source)?;
        let bytes = texts.iter().map(|text| unhex(text));
        bytes.collect::<Option<Vec<_>>>().ok_or_else(|| D::Error::custom("not hexadecimal"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_without_keys_is_one_whose_end_is_not_behind_its_beginning() {
        let step = |key: &'static [u8], end: &'static [u8], user: Option<&str>| {
            let (key, range_end) = (Bytes::from_static(key), Bytes::from_static(end));
            let range = pb::RangeRequest { key, range_end, limit: 3, ..Default::default() };
            let mut call = Call::new("/etcdserverpb.KV/Range", &range);
            call.user = user.map(str::to_owned);
            Step { client: 0, action: call.into() }.is_range_without_keys()
        };
        assert!(step(b"b", b"a", Some("alice")) && step(b"b", b"b", Some("alice")));
        assert!(!step(b"b", b"a", None), "without a user nothing depends on grants");
        assert!(!step(b"b", b"c", Some("alice")));
        assert!(!step(b"b", b"", Some("alice")), "one key");
        assert!(!step(b"b", b"\0", Some("alice")), "all keys from there on");
    }
}
