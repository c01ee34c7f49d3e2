//! The key range rule that ranges, deletes, compares, watches and permissions share.
//!
//! An empty end is the single key; the end `\0` is every key from the first on; anything else is
//! the half-open interval in byte order, which may be empty without being an error.

/// Whether the range `[key, range_end)`, read by etcd's rule, contains `candidate`.
#[must_use]
pub fn contains(key: &[u8], range_end: &[u8], candidate: &[u8]) -> bool {
    match range_end {
        [] => candidate == key,
        [0] => candidate >= key,
        end => candidate >= key && candidate < end,
    }
}

/// Whether a delete of the range blocks a put of `candidate` in the same transaction.
///
/// etcd inserts the end `\0` here as a plain byte string, so a delete "from key on" blocks nothing.
#[must_use]
pub fn blocks_put(key: &[u8], range_end: &[u8], candidate: &[u8]) -> bool {
    if range_end.is_empty() { candidate == key } else { candidate >= key && candidate < range_end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_of_one_zero_byte_means_from_key_on_but_blocks_no_put() {
        assert!(contains(b"b", b"\0", b"z") && !contains(b"b", b"\0", b"a"));
        assert!(!blocks_put(b"b", b"\0", b"z"));
        assert!(contains(b"b", b"", b"b") && !contains(b"b", b"", b"bb"));
        assert!(!contains(b"c", b"b", b"b") && !contains(b"c", b"b", b"c"));
        assert!(contains(b"a", b"c", b"b") && !contains(b"a", b"c", b"c"));
    }
}
