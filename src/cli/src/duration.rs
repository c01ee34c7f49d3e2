//! Durations as Go writes them: `1.5s`, `2m30s`, `300ms`, `12.5µs`.

use std::time::Duration;

/// Reads a duration; units are required, a bare `0` is not. Negative ones count as zero, which
/// leaves as little time as they do.
///
/// # Errors
/// Go's text for what it cannot read.
pub fn parse(text: &str) -> Result<Duration, String> {
    let bad = || format!("time: invalid duration \"{text}\"");
    let (negative, mut rest) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    if rest == "0" {
        return Ok(Duration::ZERO);
    }
    if rest.is_empty() {
        return Err(bad());
    }
    let mut total = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let (number, tail) = rest.split_at(digits);
        let end = tail.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(end);
        if !number.contains(|c: char| c.is_ascii_digit()) {
            return Err(bad());
        }
        if unit.is_empty() {
            return Err(format!("time: missing unit in duration \"{text}\""));
        }
        let Some(seconds) = unit_seconds(unit) else {
            return Err(format!("time: unknown unit \"{unit}\" in duration \"{text}\""));
        };
        total += number.parse::<f64>().map_err(|_| bad())? * seconds;
        rest = tail;
    }
    let seconds = if negative { 0.0 } else { total };
    Duration::try_from_secs_f64(seconds).map_err(|_| bad())
}

fn unit_seconds(unit: &str) -> Option<f64> {
    Some(match unit {
        "ns" => 1e-9,
        "us" | "µs" | "μs" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return None,
    })
}

/// Writes a duration.
pub fn show(duration: Duration) -> String {
    let nanos = duration.as_nanos();
    if nanos == 0 {
        return "0s".to_owned();
    }
    if nanos < 1_000 {
        return format!("{nanos}ns");
    }
    if nanos < 1_000_000 {
        return format!("{}µs", fraction(nanos, 1_000));
    }
    if nanos < 1_000_000_000 {
        return format!("{}ms", fraction(nanos, 1_000_000));
    }
    let minutes = nanos / 60_000_000_000;
    let seconds = fraction(nanos % 60_000_000_000, 1_000_000_000);
    match (minutes / 60, minutes % 60) {
        (0, 0) => format!("{seconds}s"),
        (0, minutes) => format!("{minutes}m{seconds}s"),
        (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
    }
}

/// A decimal fraction without zeros at its end.
fn fraction(nanos: u128, unit: u128) -> String {
    let digits = unit.ilog10() as usize;
    let text = format!("{}.{:0>digits$}", nanos / unit, nanos % unit);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_and_write_as_in_go() {
        let same = ["1ns", "1.5µs", "2.869567ms", "300ms", "5s", "1m30.5s", "2h0m1s"];
        for text in same {
            assert_eq!(parse(text).map(show).as_deref(), Ok(text));
        }
        assert_eq!(parse("1h").map(show).as_deref(), Ok("1h0m0s"));
        assert_eq!(parse("0").map(show).as_deref(), Ok("0s"));
        assert_eq!(parse("-5s"), Ok(Duration::ZERO));
        for (text, error) in [
            ("5", "time: missing unit in duration \"5\""),
            ("x", "time: invalid duration \"x\""),
            ("", "time: invalid duration \"\""),
            ("5d", "time: unknown unit \"d\" in duration \"5d\""),
        ] {
            assert_eq!(parse(text), Err(error.to_owned()));
        }
    }
}
