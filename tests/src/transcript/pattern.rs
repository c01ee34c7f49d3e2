//! Lines with placeholders.

use super::Names;

/// A part of a pattern.
enum Part {
    Text(String),
    /// What it stands for, and the name under which that is remembered.
    Any(fn(char) -> bool, Option<String>),
}

fn class(kind: &str) -> Option<fn(char) -> bool> {
    Some(match kind {
        "n" => |c| c.is_ascii_digit(),
        "hex" => |c| c.is_ascii_hexdigit(),
        "any" => |_| true,
        _ => return None,
    })
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c == ':')
}

/// The pieces of a pattern: text, and what stands in braces if it looks like a placeholder.
fn pieces(pattern: &str) -> Vec<Result<&str, &str>> {
    let mut pieces = Vec::new();
    let (mut begin, mut from) = (0, 0);
    while let Some(open) = pattern[from..].find('{').map(|at| at + from) {
        let close = pattern[open..].find('}').map(|at| at + open);
        match close.map(|close| (close, &pattern[open + 1..close])) {
            Some((close, name)) if is_name(name) => {
                pieces.push(Ok(&pattern[begin..open]));
                pieces.push(Err(name));
                begin = close + 1;
                from = begin;
            }
            _ => from = open + 1,
        }
    }
    pieces.push(Ok(&pattern[begin..]));
    pieces
}

fn parse(pattern: &str, names: &Names) -> Vec<Part> {
    let parts = pieces(pattern).into_iter().map(|piece| {
        let name = match piece {
            Ok(text) => return Part::Text(text.to_owned()),
            Err(name) => name,
        };
        if let Some(value) = names.get(name) {
            return Part::Text(value.clone());
        }
        let (known, kind) = match name.split_once(':') {
            Some((known, kind)) => (Some(known.to_owned()), kind),
            None => (None, name),
        };
        let class = class(kind).unwrap_or_else(|| panic!("{{{name}}} stands for nothing"));
        Part::Any(class, known)
    });
    parts.collect()
}

/// Puts what names stand for into a command.
///
/// # Panics
/// When a name stands for nothing.
#[must_use]
pub fn fill(text: &str, names: &Names) -> String {
    let parts = parse(text, names).into_iter().map(|part| match part {
        Part::Text(text) => text,
        Part::Any(..) => panic!("a placeholder in a command: {text}"),
    });
    parts.collect()
}

/// One blank for several: tools pad short ids with blanks.
fn unpadded(line: &str) -> String {
    let mut before = ' ';
    let kept = line.chars().filter(|c| {
        let is_padding = before == ' ' && *c == ' ';
        before = *c;
        !is_padding
    });
    kept.collect()
}

/// Whether a line is as the pattern says; remembers what placeholders stood for.
pub fn matches(pattern: &str, line: &str, names: &mut Names) -> bool {
    let mut found = Vec::new();
    let (pattern, line) = (unpadded(pattern), unpadded(line));
    let is_same = match_parts(&parse(&pattern, names), &line, &mut found);
    if is_same {
        names.extend(found);
    }
    is_same
}

fn match_parts(parts: &[Part], line: &str, found: &mut Vec<(String, String)>) -> bool {
    let Some((first, rest)) = parts.split_first() else { return line.is_empty() };
    let (class, name) = match first {
        Part::Text(text) => {
            return line.strip_prefix(text.as_str()).is_some_and(|l| match_parts(rest, l, found));
        }
        Part::Any(class, name) => (class, name),
    };
    let longest = line.find(|c| !class(c)).unwrap_or(line.len());
    let anything = class('\n');
    for end in (0..=longest).rev().filter(|end| line.is_char_boundary(*end)) {
        if (end > 0 || anything) && match_parts(rest, &line[end..], found) {
            found.extend(name.clone().map(|name| (name, line[..end].to_owned())));
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_stand_for_what_they_say() {
        let mut names = Names::from([("endpoint".to_owned(), "127.0.0.1:1".to_owned())]);
        assert!(matches("lease {id:hex} granted {n}s", "lease 0a1f granted 60s", &mut names));
        assert_eq!(names["id"], "0a1f");
        assert!(matches("{id} at {endpoint}", "0a1f at 127.0.0.1:1", &mut names));
        assert!(!matches("{id}", "0a1e", &mut names));
        assert!(!matches("{n}", "", &mut names) && !matches("{n}", "x", &mut names));
        assert!(matches("Member {short:hex} added", "Member  7f added", &mut names));
        assert_eq!(names["short"], "7f");
        assert!(matches("a{any}z", "az", &mut names) && !matches("a{any}z", "a", &mut names));
        assert!(matches(r#"{"header":{"n":{n}}}"#, r#"{"header":{"n":7}}"#, &mut names));
        assert_eq!(fill("revoke {id}", &names), "revoke 0a1f");
    }
}
