//! `mvccpb.KeyValue` as the store encodes it: once, when the change is made, and canonically, so
//! that hashes over the bytes agree with every other implementation.

use bytes::Bytes;
use prost::Message;
use proto::mvccpb::KeyValue;

use crate::backend::BackendError;

/// The stored value of a tombstone: the key alone.
#[must_use]
pub fn tombstone(key: Bytes) -> Bytes {
    encode(&KeyValue { key, ..KeyValue::default() })
}

/// The encoding of a key-value pair.
#[must_use]
pub fn encode(pair: &KeyValue) -> Bytes {
    assert!(!pair.key.is_empty(), "a key-value pair without a key is encoded");
    Bytes::from(pair.encode_to_vec())
}

/// Reads a stored value; its key and value share the buffer.
///
/// # Errors
/// The bytes are not what this store writes: the backend is damaged.
pub fn decode(stored: &Bytes) -> Result<KeyValue, BackendError> {
    match KeyValue::decode(stored.clone()) {
        Ok(pair) if !pair.key.is_empty() => Ok(pair),
        _ => Err(BackendError {
            message: alloc::format!("a stored key-value pair of {} B is damaged", stored.len()),
            no_space: false,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zero_fields_are_left_out_and_fields_ascend() {
        let pair = KeyValue {
            key: Bytes::from_static(b"k"),
            create_revision: 2,
            mod_revision: 300,
            version: 1,
            value: Bytes::from_static(b"v"),
            lease: 0,
        };
        let encoded = encode(&pair);
        assert_eq!(&encoded[..], b"\x0a\x01k\x10\x02\x18\xac\x02\x20\x01\x2a\x01v");
        assert_eq!(decode(&encoded), Ok(pair));
        assert_eq!(&tombstone(Bytes::from_static(b"k"))[..], b"\x0a\x01k");
        assert!(decode(&Bytes::from_static(b"\x0a\x05k")).is_err());
        assert!(decode(&Bytes::new()).is_err());
    }
}
