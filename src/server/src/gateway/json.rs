//! JSON to protobuf and back, as etcd's gateway does it: Go's `encoding/json` cuts a body into
//! values, `protojson` maps each. Their error texts reach the client, so they are made here too.

mod cursor;
mod limits;
mod number;
mod read;
mod scan;
mod values;
mod write;

pub(super) use limits::Limits;
pub(super) use read::message_from_json;
pub(super) use values::Values;
pub(super) use write::{json_from_message, line_of_error, status_json};
