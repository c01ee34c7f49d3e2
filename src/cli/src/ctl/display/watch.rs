//! What a watch delivers.

use prost::Message;
use proto::etcdserverpb::WatchResponse;
use proto::mvccpb::Event;

use super::json::{self, Object};
use super::{Display, Show, fields, kv};

/// One delivery, cancellation or progress notification.
#[derive(Debug)]
pub struct Watched<'a>(pub &'a WatchResponse);

/// The name of an event's type.
pub fn kind(event: &Event) -> &'static str {
    event.r#type().as_str_name()
}

impl Show for Watched<'_> {
    fn simple(&self, display: Display) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        for event in &self.0.events {
            text.extend(kind(event).as_bytes());
            text.push(b'\n');
            for kv in event.prev_kv.iter().chain(&event.kv) {
                text.extend(kv::simple_pair(kv, display));
            }
        }
        Some(text)
    }

    fn fields(&self, display: Display) -> Option<String> {
        let mut text = fields::header(self.0.header.as_ref(), display);
        for event in &self.0.events {
            text += &fields::line("Type", kind(event));
            if let Some(kv) = &event.prev_kv {
                text += &fields::pair("Prev", kv, display);
            }
            if let Some(kv) = &event.kv {
                text += &fields::pair("", kv, display);
            }
        }
        Some(text)
    }

    fn json(&self, _display: Display) -> Option<String> {
        let header = Object::default().flattened(self.0.header.as_ref()).end();
        let events = match self.0.events.is_empty() {
            true => "null".to_owned(),
            false => json::array(self.0.events.iter().map(json::event)),
        };
        let object = Object::default()
            .raw("Header", &header)
            .raw("Events", &events)
            .always("CompactRevision", self.0.compact_revision)
            .raw("Canceled", if self.0.canceled { "true" } else { "false" })
            .raw("Created", if self.0.created { "true" } else { "false" })
            .raw("CancelReason", &json::text(self.0.cancel_reason.as_bytes()));
        Some(object.end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        let shown = WatchResponse {
            header: self.0.header,
            events: self.0.events.clone(),
            compact_revision: self.0.compact_revision,
            canceled: self.0.canceled,
            created: self.0.created,
            ..WatchResponse::default()
        };
        Some(shown.encode_to_vec())
    }
}
