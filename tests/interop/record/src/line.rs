//! One line of a recording.

use std::fmt;

use prost::Message;
use tonic::{Response, Status};

/// A request and what came back, encoded.
pub struct Line {
    method: &'static str,
    request: Vec<u8>,
    outcome: Result<Vec<u8>, Status>,
}

impl Line {
    /// The line of a call.
    pub fn new<A: Message>(
        method: &'static str,
        request: &impl Message,
        outcome: Result<Response<A>, Status>,
    ) -> Line {
        let outcome = outcome.map(|answer| answer.into_inner().encode_to_vec());
        Line { method, request: request.encode_to_vec(), outcome }
    }

    /// Whether etcd answered without an error.
    pub fn is_answer(&self) -> bool {
        self.outcome.is_ok()
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"{{"m":"{}","q":"{}","#, self.method, hex(&self.request))?;
        match &self.outcome {
            Ok(answer) => write!(f, r#""s":"{}"}}"#, hex(answer)),
            Err(status) => {
                let (code, text) = (status.code() as i32, status.message());
                assert!(!text.contains(['"', '\\']), "needs quoting: {text}");
                write!(f, r#""c":{code},"e":"{text}"}}"#)
            }
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
