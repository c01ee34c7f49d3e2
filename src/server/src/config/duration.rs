//! Durations as Go reads and writes them: `1h2m3.5s`, `300ms`, `-1.5h`, `0`.

const NANOSECOND: i64 = 1;
const MICROSECOND: i64 = 1000 * NANOSECOND;
const MILLISECOND: i64 = 1000 * MICROSECOND;
const SECOND: i64 = 1000 * MILLISECOND;
const MINUTE: i64 = 60 * SECOND;
const HOUR: i64 = 60 * MINUTE;

/// Nanoseconds.
///
/// # Errors
/// Go's flag package says no more than this.
pub fn parse(text: &str) -> Result<i64, String> {
    nanoseconds(text).ok_or_else(|| "parse error".into())
}

fn nanoseconds(text: &str) -> Option<i64> {
    let (negative, mut rest) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if rest == "0" {
        return Some(0);
    }
    if rest.is_empty() {
        return None;
    }
    let mut total: i128 = 0;
    while !rest.is_empty() {
        let number_len = prefix_len(rest, |c| c.is_ascii_digit() || c == '.');
        let (number, tail) = rest.split_at(number_len);
        let unit_len = prefix_len(tail, |c| !c.is_ascii_digit() && c != '.');
        let (unit, tail) = tail.split_at(unit_len);
        total = total.checked_add(scaled(number, unit_nanoseconds(unit)?)?)?;
        rest = tail;
    }
    i64::try_from(if negative { -total } else { total }).ok()
}

fn prefix_len(text: &str, belongs: impl Fn(char) -> bool) -> usize {
    text.find(|c| !belongs(c)).unwrap_or(text.len())
}

fn unit_nanoseconds(unit: &str) -> Option<i64> {
    Some(match unit {
        "ns" => NANOSECOND,
        "us" | "µs" | "μs" => MICROSECOND,
        "ms" => MILLISECOND,
        "s" => SECOND,
        "m" => MINUTE,
        "h" => HOUR,
        _ => return None,
    })
}

/// A decimal number times a unit, cut to whole nanoseconds.
fn scaled(number: &str, unit: i64) -> Option<i128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() && fraction.is_empty() || fraction.contains('.') {
        return None;
    }
    let whole: i128 = if whole.is_empty() { 0 } else { whole.parse().ok()? };
    let mut nanoseconds = whole.checked_mul(unit.into())?;
    let mut place = i128::from(unit);
    // No unit has a nineteenth decimal place that counts.
    let fraction = &fraction[..fraction.len().min(18)];
    let mut value: i128 = 0;
    let mut scale: i128 = 1;
    for digit in fraction.bytes() {
        value = value * 10 + i128::from(digit - b'0');
        scale *= 10;
    }
    place *= value;
    nanoseconds = nanoseconds.checked_add(place / scale)?;
    Some(nanoseconds)
}

/// The text that Go prints.
#[must_use]
pub fn format(nanoseconds: i64) -> String {
    let sign = if nanoseconds < 0 { "-" } else { "" };
    let total = i128::from(nanoseconds).unsigned_abs();
    let part = |unit: i64| unit.unsigned_abs().into();
    let (second, minute, hour): (u128, u128, u128) = (part(SECOND), part(MINUTE), part(HOUR));
    if total == 0 {
        return "0s".into();
    }
    if total < second {
        let units = [(part(MILLISECOND), "ms"), (part(MICROSECOND), "µs"), (1u128, "ns")];
        let fits = units.into_iter().find(|(unit, _)| total >= *unit);
        let (unit, name) = fits.expect("one nanosecond is the least there is");
        return format!("{sign}{}{name}", decimal(total, unit));
    }
    let seconds = decimal(total % minute, second);
    let (hours, minutes) = (total / hour, total % hour / minute);
    match (hours, minutes) {
        (0, 0) => format!("{sign}{seconds}s"),
        (0, minutes) => format!("{sign}{minutes}m{seconds}s"),
        (hours, minutes) => format!("{sign}{hours}h{minutes}m{seconds}s"),
    }
}

fn decimal(value: u128, unit: u128) -> String {
    let (whole, mut rest) = (value / unit, value % unit);
    let mut text = whole.to_string();
    if rest > 0 {
        text.push('.');
        while rest > 0 {
            rest *= 10;
            text.push_str(&(rest / unit).to_string());
            rest %= unit;
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_and_written_as_go_does() {
        let cases = [
            ("0", 0, "0s"),
            ("+0s", 0, "0s"),
            ("5s", 5 * SECOND, "5s"),
            ("5000ms", 5 * SECOND, "5s"),
            ("1h", HOUR, "1h0m0s"),
            ("2h0m0s", 2 * HOUR, "2h0m0s"),
            ("1m0s", MINUTE, "1m0s"),
            ("1h2m3.5s", HOUR + 2 * MINUTE + 3_500 * MILLISECOND, "1h2m3.5s"),
            ("-1.5h", -90 * MINUTE, "-1h30m0s"),
            (".5s", 500 * MILLISECOND, "500ms"),
            ("1.s", SECOND, "1s"),
            ("100ms", 100 * MILLISECOND, "100ms"),
            ("1500us", 1500 * MICROSECOND, "1.5ms"),
            ("3µs", 3 * MICROSECOND, "3µs"),
            ("7ns", 7, "7ns"),
            ("0.3333333333333333333h", 1_199_999_999_999, "19m59.999999999s"),
        ];
        for (text, nanoseconds, written) in cases {
            assert_eq!(parse(text), Ok(nanoseconds), "{text}");
            assert_eq!(format(nanoseconds), written, "{text}");
        }
    }

    #[test]
    fn what_go_refuses_is_refused() {
        for text in ["", "3", "-", "s", ".s", "1", "1x", "1.2.3s", "1 s", "3000000h", "é"] {
            assert_eq!(parse(text), Err("parse error".into()), "{text:?}");
        }
    }
}
