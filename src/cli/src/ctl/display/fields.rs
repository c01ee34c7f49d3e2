//! The parts of the `fields` form that several answers share.

use proto::etcdserverpb::ResponseHeader;
use proto::mvccpb::KeyValue;

use super::Display;
use crate::ctl::text::quote::quote;

/// A header. The revision is shown only where the answer has one.
pub fn header(header: Option<&ResponseHeader>, display: Display) -> String {
    let header = header.cloned().unwrap_or_default();
    let mut text = id("ClusterID", header.cluster_id, display);
    text += &id("MemberID", header.member_id, display);
    if header.revision > 0 {
        text += &line("Revision", header.revision);
    }
    text + &line("RaftTerm", header.raft_term)
}

/// A name and a value.
pub fn line(name: &str, value: impl std::fmt::Display) -> String {
    format!("\"{name}\" : {value}\n")
}

/// A name and a quoted value.
pub fn quoted(name: &str, value: &[u8]) -> String {
    line(name, quote(value))
}

/// A name and an id of a member or cluster.
pub fn id(name: &str, value: u64, display: Display) -> String {
    if display.hex { line(name, format_args!("{value:x}")) } else { line(name, value) }
}

/// A name and a lease, which is padded in hexadecimal.
pub fn lease(name: &str, value: i64, display: Display) -> String {
    if display.hex { line(name, go_hex(value)) } else { line(name, value) }
}

/// A signed number in hexadecimal as Go's `%016x` writes it: a sign and digits, padded together.
pub fn go_hex(value: i64) -> String {
    if value < 0 { format!("-{:015x}", value.unsigned_abs()) } else { format!("{value:016x}") }
}

/// A pair, each name with a prefix.
pub fn pair(prefix: &str, kv: &KeyValue, display: Display) -> String {
    let name = |name: &str| format!("{prefix}{name}");
    [
        quoted(&name("Key"), &kv.key),
        line(&name("CreateRevision"), kv.create_revision),
        line(&name("ModRevision"), kv.mod_revision),
        line(&name("Version"), kv.version),
        quoted(&name("Value"), &kv.value),
        lease(&name("Lease"), kv.lease, display),
    ]
    .concat()
}
