//! What is said about a downgrade.

use prost::Message;
use proto::etcdserverpb::DowngradeResponse;

use super::json::Object;
use super::{Display, Show};

/// A downgrade was validated, enabled or cancelled.
#[derive(Debug)]
pub struct Downgraded {
    /// Which of these.
    pub what: &'static str,
    /// What the member said.
    pub answer: DowngradeResponse,
}

impl Show for Downgraded {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let Downgraded { what, answer } = self;
        let version = &answer.version;
        Some(format!("Downgrade {what} success, cluster version {version}\n").into_bytes())
    }

    fn json(&self, _display: Display) -> Option<String> {
        let object = Object::default().header(self.answer.header.as_ref());
        Some(object.text("version", &self.answer.version).end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.answer.encode_to_vec())
    }
}
