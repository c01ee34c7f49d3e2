//! Whole numbers as `protojson` takes them: `1`, `-1`, `1.0`, `1e3`, each also as a string.

/// A decimal number, in parts.
struct Parts<'a> {
    negative: bool,
    whole: &'a str,
    fraction: &'a str,
    exponent: i32,
}

/// Digits of the largest number, and some.
const DIGITS_MAX: usize = 20;

/// The value of a JSON number that is whole; `None` when it is not, or not a number.
pub(super) fn whole_number(text: &str) -> Option<i128> {
    let parts = Parts::of(text)?;
    let (whole, fraction) = (parts.whole, parts.fraction);
    if whole.is_empty() && fraction.is_empty() {
        return Some(0);
    }
    let digits = match usize::try_from(parts.exponent) {
        Ok(shift) => {
            let zeros = shift.checked_sub(fraction.len())?;
            if whole.len().checked_add(shift)? > DIGITS_MAX {
                return None;
            }
            format!("{whole}{fraction}{}", "0".repeat(zeros))
        }
        Err(_) => {
            let shift = usize::try_from(parts.exponent.unsigned_abs()).ok()?;
            let (kept, lost) = whole.split_at_checked(whole.len().checked_sub(shift)?)?;
            if !fraction.is_empty() || lost.bytes().any(|digit| digit != b'0') {
                return None;
            }
            kept.to_owned()
        }
    };
    if digits.len() > DIGITS_MAX {
        return None;
    }
    let magnitude: i128 = digits.parse().ok()?;
    Some(if parts.negative { -magnitude } else { magnitude })
}

impl Parts<'_> {
    fn of(text: &str) -> Option<Parts<'_>> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (number, exponent) = match rest.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, exponent_of(exponent)?),
            None => (rest, 0),
        };
        let (whole, fraction) = match number.split_once('.') {
            Some((_, "")) => return None,
            Some((whole, fraction)) => (whole, fraction),
            None => (number, ""),
        };
        let well_formed = !whole.is_empty()
            && (whole == "0" || !whole.starts_with('0'))
            && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        let whole = if whole == "0" { "" } else { whole };
        let fraction = fraction.trim_end_matches('0');
        well_formed.then_some(Parts { negative, whole, fraction, exponent })
    }
}

fn exponent_of(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    match !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) {
        true => text.parse().ok(),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::whole_number;

    #[test]
    fn whole_numbers_are_read_however_they_are_written() {
        let cases = [
            ("0", Some(0)),
            ("-0", Some(0)),
            ("0e99", Some(0)),
            ("12", Some(12)),
            ("-12", Some(-12)),
            ("1.0", Some(1)),
            ("1.50e1", Some(15)),
            ("0.1e1", Some(1)),
            ("1e3", Some(1000)),
            ("1E+3", Some(1000)),
            ("1200e-2", Some(12)),
            ("18446744073709551615", Some(18_446_744_073_709_551_615)),
            ("1e19", Some(10_000_000_000_000_000_000)),
            ("1e20", None),
            ("1e999999999", None),
            ("1e-999999999", None),
            ("1e99999999999", None),
            ("1.5", None),
            ("12e-2", None),
            ("1.", None),
            (".1", None),
            ("01", None),
            ("+1", None),
            ("1e", None),
            ("0x1", None),
            ("", None),
            ("-", None),
            ("NaN", None),
        ];
        for (text, expected) in cases {
            assert_eq!(whole_number(text), expected, "{text}");
        }
    }
}
