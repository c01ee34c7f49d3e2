//! Integers read as Go's `strconv` reads them, with its texts for what is none.

use std::num::{IntErrorKind, ParseIntError};

/// A signed integer of 64 bits in a base.
///
/// # Errors
/// Go's text.
pub fn parse_int(text: &str, base: u32) -> Result<i64, String> {
    i64::from_str_radix(text, base).map_err(|error| describe("ParseInt", text, &error))
}

/// An unsigned integer of 64 bits in a base; no sign is allowed.
///
/// # Errors
/// Go's text.
pub fn parse_uint(text: &str, base: u32) -> Result<u64, String> {
    if text.starts_with('+') {
        return Err(format!("strconv.ParseUint: parsing \"{text}\": invalid syntax"));
    }
    u64::from_str_radix(text, base).map_err(|error| describe("ParseUint", text, &error))
}

fn describe(function: &str, text: &str, error: &ParseIntError) -> String {
    let cause = match error.kind() {
        IntErrorKind::PosOverflow | IntErrorKind::NegOverflow => "value out of range",
        _ => "invalid syntax",
    };
    format!("strconv.{function}: parsing \"{text}\": {cause}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_worded_as_in_go() {
        assert_eq!(parse_int("7d7ba20d", 16), Ok(0x7d7b_a20d));
        let syntax = "strconv.ParseInt: parsing \"zz\": invalid syntax";
        assert_eq!(parse_int("zz", 16), Err(syntax.to_owned()));
        let range = "strconv.ParseUint: parsing \"10000000000000000\": value out of range";
        assert_eq!(parse_uint("10000000000000000", 16), Err(range.to_owned()));
        assert!(parse_uint("+1", 16).is_err() && parse_uint("-1", 16).is_err());
    }
}
