//! How much one request may cost.

/// JSON bytes to a byte of the message: base64 takes a third more, and a transaction of many small
/// operations is mostly field names.
const JSON_BYTES_FACTOR: usize = 4;

/// Messages within messages. The decoder of the messages goes no deeper either.
pub(super) const NESTING_MAX: usize = 100;

/// Bounds of a call's requests.
#[derive(Clone, Copy, Debug)]
pub(in crate::gateway) struct Limits {
    /// Bytes of one request as JSON.
    pub(in crate::gateway) json_bytes: usize,
}

impl Limits {
    /// Bounds that let every message of up to this many bytes through, unless it is written with
    /// more than customary waste.
    pub(in crate::gateway) fn for_messages_of(bytes: usize) -> Limits {
        Limits { json_bytes: bytes.saturating_mul(JSON_BYTES_FACTOR) }
    }
}
