//! Protobuf varints, written minimal and read only when minimal, so that bytes and values
//! correspond one to one (L6).

/// Appends `value` to a fixed buffer at `at`; gives the position behind it.
pub(crate) fn put(buffer: &mut [u8], mut at: usize, mut value: u64) -> usize {
    while value >= 0x80 {
        buffer[at] = value as u8 | 0x80;
        value >>= 7;
        at += 1;
    }
    buffer[at] = value as u8;
    at + 1
}

/// Reads a varint at the front; its value and the rest.
pub(crate) fn get(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value = 0u64;
    for (at, &byte) in bytes.iter().enumerate().take(10) {
        let bits = u64::from(byte & 0x7f);
        if at == 9 && bits > 1 {
            return None;
        }
        value |= bits << (7 * at);
        if byte & 0x80 == 0 {
            let minimal = byte != 0 || at == 0;
            return minimal.then(|| (value, &bytes[at + 1..]));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_is_read_back_and_overlong_forms_are_refused() {
        for shift in 0..64 {
            for value in [1u64 << shift, (1 << shift) - 1, u64::MAX >> shift] {
                let mut buffer = [0; 10];
                let end = put(&mut buffer, 0, value);
                assert_eq!(get(&buffer[..end]), Some((value, &[][..])), "{value}");
                assert_eq!(get(&buffer[..end - 1]), None, "{value}");
            }
        }
        assert_eq!(get(&[0x80, 0]), None);
        assert_eq!(get(&[0xff; 11]), None);
    }
}
