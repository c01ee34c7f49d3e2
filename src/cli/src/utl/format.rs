//! Numbers and texts in the form that Go's libraries give them.

/// Bytes as people read them: `20 kB`, `1.4 MB`, in powers of 1000.
pub fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    if bytes < 10 {
        return format!("{bytes} B");
    }
    let mut power = 0;
    let mut unit = 1_u64;
    while bytes / unit >= 1000 {
        unit *= 1000;
        power += 1;
    }
    let value = (bytes as f64 / unit as f64 * 10.0 + 0.5).floor() / 10.0;
    let digits = usize::from(value < 10.0);
    format!("{value:.digits$} {}", UNITS[power])
}

/// JSON as Go writes it: `<`, `>` and `&` are escaped so that it can stand within HTML.
pub fn go_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value)
        .expect("these types have nothing that JSON cannot say")
        .replace('<', "\\u003c")
        .replace('>', "\\u003e")
        .replace('&', "\\u0026")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_rounded_as_in_go() {
        let cases = [
            (0, "0 B"),
            (9, "9 B"),
            (10, "10 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (20_480, "20 kB"),
            (1_449_984, "1.4 MB"),
            (9_960_000, "10 MB"),
            (16_285_696, "16 MB"),
            (u64::MAX, "18 EB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(human_bytes(bytes), expected);
        }
    }

    #[test]
    fn json_is_safe_within_html() {
        assert_eq!(go_json(&"a<b>&c"), r#""a\u003cb\u003e\u0026c""#);
    }
}
