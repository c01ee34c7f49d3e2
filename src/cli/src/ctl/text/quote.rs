//! Go's quoted strings: `%q` writes them, transactions and interactive watches read them.

use std::fmt::Write as _;

/// The bytes as a Go string literal in double quotes.
pub fn quote(bytes: &[u8]) -> String {
    let mut text = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        chunk.valid().chars().for_each(|c| push(&mut text, c));
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").expect("writing to a string cannot fail");
        }
    }
    text.push('"');
    text
}

fn push(text: &mut String, c: char) {
    let short = match c {
        '"' => "\\\"",
        '\\' => "\\\\",
        '\u{7}' => "\\a",
        '\u{8}' => "\\b",
        '\u{c}' => "\\f",
        '\n' => "\\n",
        '\r' => "\\r",
        '\t' => "\\t",
        '\u{b}' => "\\v",
        _ => "",
    };
    let code = u32::from(c);
    let written = match code {
        _ if !short.is_empty() => write!(text, "{short}"),
        0..0x20 | 0x7f => write!(text, "\\x{code:02x}"),
        0x20..0x7f => write!(text, "{c}"),
        _ if is_printable(c) => write!(text, "{c}"),
        0..0x1_0000 => write!(text, "\\u{code:04x}"),
        _ => write!(text, "\\U{code:08x}"),
    };
    written.expect("writing to a string cannot fail");
}

/// Go prints letters, marks, numbers, punctuation and symbols; of spaces only the common one.
/// Rust's own debug form escapes nearly the same characters.
fn is_printable(c: char) -> bool {
    !c.is_whitespace() && !c.is_control() && c.escape_debug().count() == 1
}

/// Reads a literal in double quotes at the beginning of `text`; gives its bytes and what follows.
/// `None` when there is none or it is malformed.
pub fn unquote(text: &[u8]) -> Option<(Vec<u8>, &[u8])> {
    let mut rest = text.strip_prefix(b"\"")?;
    let mut bytes = Vec::new();
    loop {
        let (first, tail) = rest.split_first()?;
        match first {
            b'"' => return Some((bytes, tail)),
            b'\n' => return None,
            b'\\' => rest = escape(tail, &mut bytes)?,
            byte => {
                bytes.push(*byte);
                rest = tail;
            }
        }
    }
}

fn escape<'a>(text: &'a [u8], bytes: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (kind, rest) = text.split_first()?;
    let digits = |count: usize, base: u32| {
        let digits = std::str::from_utf8(text.get(..count)?).ok()?;
        u32::from_str_radix(digits, base).ok()
    };
    let code_point = |count: usize| {
        let digits = std::str::from_utf8(rest.get(..count)?).ok()?;
        char::from_u32(u32::from_str_radix(digits, 16).ok()?)
    };
    match kind {
        b'x' => {
            let digits = std::str::from_utf8(rest.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            return Some(&rest[2..]);
        }
        b'u' | b'U' => {
            let count = if *kind == b'u' { 4 } else { 8 };
            bytes.extend(code_point(count)?.to_string().as_bytes());
            return Some(&rest[count..]);
        }
        b'0'..=b'7' => {
            bytes.push(u8::try_from(digits(3, 8)?).ok()?);
            return Some(&text[3..]);
        }
        b'a' => bytes.push(7),
        b'b' => bytes.push(8),
        b'f' => bytes.push(12),
        b'n' => bytes.push(b'\n'),
        b'r' => bytes.push(b'\r'),
        b't' => bytes.push(b'\t'),
        b'v' => bytes.push(11),
        b'"' | b'\\' => bytes.push(*kind),
        _ => return None,
    }
    Some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let cases: [(&[u8], &str); 6] = [
            (b"a\"b\\c", r#""a\"b\\c""#),
            (b"\0\x1f\x7f", r#""\x00\x1f\x7f""#),
            (b"tab\tnew\n", r#""tab\tnew\n""#),
            ("é世".as_bytes(), "\"é世\""),
            (b"\xff\xfe", r#""\xff\xfe""#),
            ("\u{a0}\u{200b}".as_bytes(), r#""\u00a0\u200b""#),
        ];
        for (bytes, text) in cases {
            assert_eq!(quote(bytes), text);
            assert_eq!(unquote(text.as_bytes()), Some((bytes.to_vec(), &b""[..])));
        }
        assert_eq!(unquote(br#""\101\u0042" rest"#), Some((b"AB".to_vec(), &b" rest"[..])));
        assert!(unquote(b"\"open").is_none() && unquote(br#""\q""#).is_none());
    }
}
