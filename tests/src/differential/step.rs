//! What a client does.

use std::fmt;

use bytes::Bytes;
use model::schema::Schema;
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
