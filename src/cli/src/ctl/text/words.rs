//! A line split into words, as interactive commands take it: blanks separate, single quotes keep
//! everything, double quotes keep blanks and know Go's escapes.

use super::quote::unquote;

/// The words of a line.
///
/// # Errors
/// A double-quoted word with an escape that Go does not have.
pub fn split(line: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut words = Vec::new();
    let mut rest = line;
    while let Some((first, tail)) = rest.split_first() {
        if first.is_ascii_whitespace() {
            rest = tail;
            continue;
        }
        let length = word_length(rest);
        let (word, tail) = rest.split_at(length);
        words.push(plain(word)?);
        rest = tail;
    }
    Ok(words)
}

/// A quoted word ends at its closing quote; one without is a plain word, which ends at a blank.
fn word_length(text: &[u8]) -> usize {
    let blank = || text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
    let closing = match text[0] {
        b'\'' => text[1..].iter().position(|byte| *byte == b'\''),
        b'"' => {
            let mut escaped = false;
            text[1..].iter().position(|byte| {
                let ends = *byte == b'"' && !escaped;
                escaped = *byte == b'\\' && !escaped;
                ends
            })
        }
        _ => return blank(),
    };
    closing.map_or_else(blank, |at| at + 2)
}

fn plain(word: &[u8]) -> Result<Vec<u8>, String> {
    match (word.first(), word.last()) {
        (Some(b'\''), Some(b'\'')) if word.len() > 1 => Ok(word[1..word.len() - 1].to_vec()),
        (Some(b'"'), Some(b'"')) if word.len() > 1 => {
            unquote(word).map(|(bytes, _)| bytes).ok_or_else(|| "invalid syntax".to_owned())
        }
        _ => Ok(word.to_vec()),
    }
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn quotes_keep_blanks_together() {
        let words = |line: &str| -> Vec<String> {
            let words = split(line.as_bytes()).expect("a well-formed line");
            words.into_iter().map(|word| String::from_utf8(word).expect("text")).collect()
        };
        assert_eq!(words("put a b"), ["put", "a", "b"]);
        assert_eq!(words("  put 'a b'  \"c \\\"d\\n\" "), ["put", "a b", "c \"d\n"]);
        assert_eq!(words("put '' \"\""), ["put", "", ""]);
        assert!(words("   ").is_empty());
        assert!(split(br#"put "\q""#).is_err());
    }
}
