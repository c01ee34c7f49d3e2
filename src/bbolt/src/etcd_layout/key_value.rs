//! One field of an encoded `mvccpb.KeyValue`: the user's key.
//!
//! A walk over the whole `key` bucket needs the key of every revision and nothing else of it; the
//! value, which may be a megabyte, is stepped over.

/// The field number of the key.
const KEY_FIELD: u64 = 1;
const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const BYTES: u64 = 2;
const FIXED32: u64 = 5;

/// The key in an encoded `mvccpb.KeyValue`, empty when it has none; `None` when the bytes are not
/// a protobuf message.
#[must_use]
pub fn user_key(mut message: &[u8]) -> Option<&[u8]> {
    let mut key: &[u8] = &[];
    while !message.is_empty() {
        let tag = varint(&mut message)?;
        let (field, wire) = (tag >> 3, tag & 7);
        if field == 0 {
            return None;
        }
        match wire {
            VARINT => drop(varint(&mut message)?),
            FIXED64 => drop(take(&mut message, 8)?),
            FIXED32 => drop(take(&mut message, 4)?),
            BYTES => {
                let len = usize::try_from(varint(&mut message)?).ok()?;
                let bytes = take(&mut message, len)?;
                if field == KEY_FIELD {
                    key = bytes;
                }
            }
            _ => return None,
        }
    }
    Some(key)
}

fn take<'a>(message: &mut &'a [u8], len: usize) -> Option<&'a [u8]> {
    let (taken, rest) = message.split_at_checked(len)?;
    *message = rest;
    Some(taken)
}

fn varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let byte = take(message, 1)?[0];
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return None;
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::user_key;

    #[test]
    fn the_key_is_found_among_the_other_fields() {
        let message = b"\x0a\x03foo\x10\x96\x01\x18\x02\x20\x01\x2a\x03bar\x30\x00";
        assert_eq!(user_key(message), Some(&b"foo"[..]));
        assert_eq!(user_key(b""), Some(&b""[..]));
        assert_eq!(user_key(b"\x2a\x03bar\x0a\x01z"), Some(&b"z"[..]));
    }

    #[test]
    fn what_is_no_message_is_refused() {
        for wrong in [&b"\x0a\x04foo"[..], b"\x0a", b"\x0b", b"\xff\xff", b"\x00\x01", &[0xff; 11]]
        {
            assert_eq!(user_key(wrong), None, "{wrong:?}");
        }
    }
}
