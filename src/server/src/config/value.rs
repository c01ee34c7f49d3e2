//! Values of flags: parsed as Go's flag package and etcd's own kinds parse them, with their error
//! texts, and kept as canonical text, so that `5s` and `5000ms` are the same value.

use super::duration;
use super::flag::Kind;
use super::gates;
use super::url;

/// The canonical text of a value, or why it is not one of this kind.
///
/// # Errors
/// The text that etcd prints behind the flag's name.
pub fn canonical(kind: Kind, text: &str) -> Result<String, String> {
    match kind {
        Kind::Bool => parse_bool(text).map(|value| value.to_string()),
        Kind::Int => parse_int(text).map(|value| value.to_string()),
        Kind::Uint => parse_uint(text).map(|value| value.to_string()),
        Kind::Uint32 => parse_uint32(text).map(|value| value.to_string()),
        Kind::Duration => duration::parse(text).map(duration::format),
        Kind::Text | Kind::Texts => Ok(text.to_owned()),
        Kind::UniqueTexts => Ok(unique(text.split(','))),
        Kind::Urls => Ok(unique(url::parse_list(text)?.iter().map(String::as_str))),
        Kind::Origins => match text {
            "*" | "" => Ok("*".to_owned()),
            text => Ok(unique(url::parse_list(text)?.iter().map(String::as_str))),
        },
        Kind::OneOf(valid) => match valid.contains(&text) {
            true => Ok(text.to_owned()),
            false => Err("invalid value".into()),
        },
        Kind::Gates => gates::parse(text).map(|gates| gates.to_string()),
    }
}

fn unique<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut parts: Vec<&str> = parts.collect();
    parts.sort_unstable();
    parts.dedup();
    parts.join(",")
}

pub(super) fn parse_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("parse error".into()),
    }
}

/// Why a number was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NumberError {
    Syntax,
    Range,
}

impl NumberError {
    fn text(self) -> String {
        match self {
            NumberError::Syntax => "parse error".into(),
            NumberError::Range => "value out of range".into(),
        }
    }
}

pub(super) fn parse_int(text: &str) -> Result<i64, String> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let magnitude = magnitude(digits).map_err(NumberError::text)?;
    let value = if negative { -i128::from(magnitude) } else { i128::from(magnitude) };
    i64::try_from(value).map_err(|_| NumberError::Range.text())
}

pub(super) fn parse_uint(text: &str) -> Result<u64, String> {
    magnitude(text).map_err(NumberError::text)
}

/// A kind of etcd's own, which shows the parser's error as it is.
pub(super) fn parse_uint32(text: &str) -> Result<u32, String> {
    let number =
        magnitude(text).and_then(|value| u32::try_from(value).map_err(|_| NumberError::Range));
    number.map_err(|error| {
        let why = match error {
            NumberError::Syntax => "invalid syntax",
            NumberError::Range => "value out of range",
        };
        format!("strconv.ParseUint: parsing {text:?}: {why}")
    })
}

/// Digits with Go's prefixes: `0x`, `0o`, `0b`, a leading zero for octal, and underscores between
/// digits where there is a prefix.
fn magnitude(text: &str) -> Result<u64, NumberError> {
    let lower = text.to_ascii_lowercase();
    let (radix, digits) = match lower.as_bytes() {
        [b'0', b'x', ..] => (16, &lower[2..]),
        [b'0', b'o', ..] => (8, &lower[2..]),
        [b'0', b'b', ..] => (2, &lower[2..]),
        [b'0', _, ..] => (8, &lower[1..]),
        _ => (10, lower.as_str()),
    };
    let prefixed = digits.len() < lower.len();
    let well_placed =
        !digits.contains("__") && !digits.ends_with('_') && (prefixed || !digits.contains('_'));
    let digits = digits.replace('_', "");
    let all_digits = digits.chars().all(|digit| digit.is_digit(radix));
    if !well_placed || digits.is_empty() || !all_digits {
        return Err(NumberError::Syntax);
    }
    u64::from_str_radix(&digits, radix).map_err(|_| NumberError::Range)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: Kind, cases: &[(&str, Result<&str, &str>)]) {
        for (text, expected) in cases {
            let found = canonical(kind, text);
            assert_eq!(found.as_deref().map_err(String::as_str), *expected, "{kind:?} {text:?}");
        }
    }

    #[test]
    fn booleans_are_those_of_go() {
        for text in ["1", "t", "T", "true", "TRUE", "True"] {
            check(Kind::Bool, &[(text, Ok("true"))]);
        }
        for text in ["0", "f", "F", "false", "FALSE", "False"] {
            check(Kind::Bool, &[(text, Ok("false"))]);
        }
        for text in ["", "yes", "tRUE", " true"] {
            check(Kind::Bool, &[(text, Err("parse error"))]);
        }
    }

    #[test]
    fn numbers_are_those_of_go() {
        let syntax = Err("parse error");
        let range = Err("value out of range");
        check(
            Kind::Uint,
            &[
                ("0", Ok("0")),
                ("100", Ok("100")),
                ("0x1F", Ok("31")),
                ("0b101", Ok("5")),
                ("017", Ok("15")),
                ("0o17", Ok("15")),
                ("0x_1F", Ok("31")),
                ("1_000", syntax),
                ("0x1__F", syntax),
                ("0x", syntax),
                ("08", syntax),
                ("", syntax),
                ("-1", syntax),
                ("+1", syntax),
                ("1.5", syntax),
                ("18446744073709551615", Ok("18446744073709551615")),
                ("18446744073709551616", range),
            ],
        );
        check(
            Kind::Int,
            &[
                ("-1", Ok("-1")),
                ("+1", Ok("1")),
                ("-0x10", Ok("-16")),
                ("--1", syntax),
                ("-9223372036854775808", Ok("-9223372036854775808")),
                ("9223372036854775808", range),
            ],
        );
        check(
            Kind::Uint32,
            &[
                ("4294967295", Ok("4294967295")),
                ("x", Err("strconv.ParseUint: parsing \"x\": invalid syntax")),
                (
                    "4294967296",
                    Err("strconv.ParseUint: parsing \"4294967296\": value out of range"),
                ),
            ],
        );
    }

    #[test]
    fn lists_are_sorted_and_each_once() {
        check(Kind::UniqueTexts, &[("b,a,b", Ok("a,b")), ("", Ok(""))]);
        check(
            Kind::Urls,
            &[("http://b:1,http://a:1,http://b:1", Ok("http://a:1,http://b:1")), ("", Ok(""))],
        );
        check(Kind::Origins, &[("*", Ok("*")), ("http://a:1", Ok("http://a:1"))]);
        check(Kind::OneOf(&["a", "b"]), &[("a", Ok("a")), ("c", Err("invalid value"))]);
    }
}
