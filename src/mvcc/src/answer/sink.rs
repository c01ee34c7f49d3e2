//! Where encoded bytes go: into a buffer, or through a checksum only.

use alloc::vec::Vec;

use base::checksum::crc32c_append;
use prost::encoding::{WireType, encode_varint, encoded_len_varint};

/// Takes bytes in order.
pub(super) trait Sink {
    fn put(&mut self, bytes: &[u8]);
}

impl Sink for Vec<u8> {
    fn put(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// The checksum of what was put in.
#[derive(Default)]
pub(super) struct Checksum(pub(super) u32);

impl Sink for Checksum {
    fn put(&mut self, bytes: &[u8]) {
        self.0 = crc32c_append(self.0, bytes);
    }
}

fn varint(sink: &mut impl Sink, value: u64) {
    let mut buffer = [0u8; 10];
    let mut rest = &mut buffer[..];
    encode_varint(value, &mut rest);
    let left = rest.len();
    sink.put(&buffer[..10 - left]);
}

fn tag(field: u32, kind: WireType) -> u64 {
    u64::from(field << 3 | kind as u32)
}

/// Length of a varint field; zero values are left out.
pub(super) fn varint_len(field: u32, value: u64) -> usize {
    match value {
        0 => 0,
        _ => encoded_len_varint(tag(field, WireType::Varint)) + encoded_len_varint(value),
    }
}

/// Writes a varint field unless it is zero.
pub(super) fn put_varint(sink: &mut impl Sink, field: u32, value: u64) {
    if value != 0 {
        varint(sink, tag(field, WireType::Varint));
        varint(sink, value);
    }
}

/// Length of a field that holds `len` bytes, empty ones included.
pub(super) fn bytes_len(field: u32, len: usize) -> usize {
    let prefix = encoded_len_varint(tag(field, WireType::LengthDelimited));
    prefix + encoded_len_varint(len as u64) + len
}

/// Writes the tag and the length of a field; the caller writes the `len` bytes.
pub(super) fn put_length(sink: &mut impl Sink, field: u32, len: usize) {
    varint(sink, tag(field, WireType::LengthDelimited));
    varint(sink, len as u64);
}

/// Writes a field of bytes.
pub(super) fn put_bytes(sink: &mut impl Sink, field: u32, bytes: &[u8]) {
    put_length(sink, field, bytes.len());
    sink.put(bytes);
}
