//! Where one JSON value ends, byte by byte, whatever pieces the body comes in. Nothing is kept but
//! the kinds of the open brackets, so a value costs the same however it is cut.

/// Brackets within brackets; deeper is refused.
const DEPTH_MAX: usize = 10_000;

/// What a byte meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Space before the value.
    Before,
    /// It belongs to the value, which goes on.
    Within,
    /// It is the last one of the value.
    Last,
    /// The value, a number, had ended before it.
    After,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Open {
    Key,
    Value,
    Array,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Value,
    ValueOrEnd,
    Key,
    KeyOrEnd,
    ValueEnded,
    Text,
    Escape,
    /// Hexadecimal digits of `\u` that were read.
    Hex(u8),
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    Exponent,
    ExponentSign,
    ExponentDigits,
    /// Bytes of a word that were read.
    Word(&'static str, usize),
}

/// The state within one value.
#[derive(Debug)]
pub(super) struct Scanner {
    state: State,
    open: Vec<Open>,
}

impl Scanner {
    pub(super) fn new() -> Scanner {
        Scanner { state: State::Value, open: Vec::new() }
    }

    /// Takes the next byte. After [`Step::Last`] and [`Step::After`] it stands before a new value.
    ///
    /// # Errors
    /// The text of Go's `encoding/json`; the scanner must not be used any more.
    pub(super) fn push(&mut self, byte: u8) -> Result<Step, String> {
        let step = match self.state {
            State::Value => self.value(byte, false),
            State::ValueOrEnd => self.value(byte, true),
            State::Key => self.key(byte, false),
            State::KeyOrEnd => self.key(byte, true),
            State::ValueEnded => self.ended(byte),
            State::Text => self.text(byte),
            State::Escape => self.escape(byte),
            State::Hex(read) => self.hex(byte, read),
            State::Word(word, read) => self.word(byte, word, read),
            _ => self.number(byte),
        }?;
        if matches!(step, Step::Last | Step::After) {
            assert!(self.open.is_empty(), "a value ended within {:?}", self.open);
            self.state = State::Value;
        }
        Ok(step)
    }

    /// Whether the value that was begun is whole if nothing follows: it is a number.
    pub(super) fn is_whole(&self) -> bool {
        self.open.is_empty()
            && matches!(
                self.state,
                State::Zero | State::Digits | State::Fraction | State::ExponentDigits
            )
    }

    fn go(&mut self, state: State) -> Result<Step, String> {
        self.state = state;
        Ok(Step::Within)
    }

    /// The state behind a whole value of any kind, whose last byte this was.
    fn close(&mut self) -> Result<Step, String> {
        self.state = State::ValueEnded;
        Ok(if self.open.is_empty() { Step::Last } else { Step::Within })
    }

    fn open(&mut self, byte: u8, open: Open, state: State) -> Result<Step, String> {
        self.open.push(open);
        match self.open.len() > DEPTH_MAX {
            true => Err(unexpected(byte, "exceeded max depth")),
            false => self.go(state),
        }
    }

    fn space(&self) -> Result<Step, String> {
        Ok(if self.open.is_empty() { Step::Before } else { Step::Within })
    }

    fn value(&mut self, byte: u8, may_end: bool) -> Result<Step, String> {
        match byte {
            _ if is_space(byte) => self.space(),
            b']' if may_end => self.ended(byte),
            b'{' => self.open(byte, Open::Key, State::KeyOrEnd),
            b'[' => self.open(byte, Open::Array, State::ValueOrEnd),
            b'"' => self.go(State::Text),
            b'-' => self.go(State::Minus),
            b'0' => self.go(State::Zero),
            b'1'..=b'9' => self.go(State::Digits),
            b't' => self.go(State::Word("true", 1)),
            b'f' => self.go(State::Word("false", 1)),
            b'n' => self.go(State::Word("null", 1)),
            _ => Err(unexpected(byte, "looking for beginning of value")),
        }
    }

    fn key(&mut self, byte: u8, may_end: bool) -> Result<Step, String> {
        match byte {
            _ if is_space(byte) => self.space(),
            b'}' if may_end => {
                self.open.pop();
                self.close()
            }
            b'"' => self.go(State::Text),
            _ => Err(unexpected(byte, "looking for beginning of object key string")),
        }
    }

    /// A byte behind a value.
    fn ended(&mut self, byte: u8) -> Result<Step, String> {
        let Some(open) = self.open.last_mut() else { return Ok(Step::After) };
        if is_space(byte) {
            return self.go(State::ValueEnded);
        }
        match (*open, byte) {
            (Open::Key, b':') => {
                *open = Open::Value;
                self.go(State::Value)
            }
            (Open::Value, b',') => {
                *open = Open::Key;
                self.go(State::Key)
            }
            (Open::Array, b',') => self.go(State::Value),
            (Open::Value, b'}') | (Open::Array, b']') => {
                self.open.pop();
                self.close()
            }
            (Open::Key, _) => Err(unexpected(byte, "after object key")),
            (Open::Value, _) => Err(unexpected(byte, "after object key:value pair")),
            (Open::Array, _) => Err(unexpected(byte, "after array element")),
        }
    }

    fn text(&mut self, byte: u8) -> Result<Step, String> {
        match byte {
            b'"' => self.close(),
            b'\\' => self.go(State::Escape),
            0..0x20 => Err(unexpected(byte, "in string literal")),
            _ => Ok(Step::Within),
        }
    }

    fn escape(&mut self, byte: u8) -> Result<Step, String> {
        match byte {
            b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => self.go(State::Text),
            b'u' => self.go(State::Hex(0)),
            _ => Err(unexpected(byte, "in string escape code")),
        }
    }

    fn hex(&mut self, byte: u8, read: u8) -> Result<Step, String> {
        match (byte.is_ascii_hexdigit(), read) {
            (true, 3) => self.go(State::Text),
            (true, _) => self.go(State::Hex(read + 1)),
            (false, _) => Err(unexpected(byte, "in \\u hexadecimal character escape")),
        }
    }

    fn word(&mut self, byte: u8, word: &'static str, read: usize) -> Result<Step, String> {
        let expected = word.as_bytes()[read];
        if byte != expected {
            let wanted = char::from(expected);
            let context = format!("in literal {word} (expecting '{wanted}')");
            return Err(unexpected(byte, &context));
        }
        match read + 1 == word.len() {
            true => self.close(),
            false => self.go(State::Word(word, read + 1)),
        }
    }

    fn number(&mut self, byte: u8) -> Result<Step, String> {
        match (self.state, byte) {
            (State::Minus, b'0') => self.go(State::Zero),
            (State::Minus, b'1'..=b'9') | (State::Digits, b'0'..=b'9') => self.go(State::Digits),
            (State::Minus, _) => Err(unexpected(byte, "in numeric literal")),
            (State::Zero | State::Digits, b'.') => self.go(State::Point),
            (State::Point | State::Fraction, b'0'..=b'9') => self.go(State::Fraction),
            (State::Point, _) => Err(unexpected(byte, "after decimal point in numeric literal")),
            (State::Zero | State::Digits | State::Fraction, b'e' | b'E') => {
                self.go(State::Exponent)
            }
            (State::Exponent, b'+' | b'-') => self.go(State::ExponentSign),
            (State::Exponent | State::ExponentSign | State::ExponentDigits, b'0'..=b'9') => {
                self.go(State::ExponentDigits)
            }
            (State::Exponent | State::ExponentSign, _) => {
                Err(unexpected(byte, "in exponent of numeric literal"))
            }
            _ => self.ended(byte),
        }
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

fn unexpected(byte: u8, context: &str) -> String {
    format!("invalid character {} {context}", quoted(byte))
}

/// A byte as Go quotes the character of that number.
fn quoted(byte: u8) -> String {
    match byte {
        b'\'' => r"'\''".into(),
        b'\\' => r"'\\'".into(),
        0x07 => r"'\a'".into(),
        0x08 => r"'\b'".into(),
        0x0b => r"'\v'".into(),
        0x0c => r"'\f'".into(),
        b'\n' => r"'\n'".into(),
        b'\r' => r"'\r'".into(),
        b'\t' => r"'\t'".into(),
        0..0x20 | 0x7f => format!("'\\x{byte:02x}'"),
        0x80..0xa1 | 0xad => format!("'\\u{byte:04x}'"),
        _ => format!("'{}'", char::from(byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::{DEPTH_MAX, Scanner, Step};

    /// The steps of all bytes, as letters, or the error.
    fn steps(text: &str) -> Result<String, String> {
        let mut scanner = Scanner::new();
        let letter = |byte| {
            Ok(match scanner.push(byte)? {
                Step::Before => 'b',
                Step::Within => 'w',
                Step::Last => 'L',
                Step::After => 'A',
            })
        };
        text.bytes().map(letter).collect()
    }

    #[test]
    fn values_end_where_they_end() {
        let cases = [
            ("{}", "wL"),
            (" { } ", "bwwLb"),
            ("[[],{}]", "wwwwwwL"),
            ("12 ", "wwA"),
            ("-0.5e+1 ", "wwwwwwwA"),
            ("true", "wwwL"),
            (r#""a\"\u00e9""#, "wwwwwwwwwwL"),
            (r#"{"a" : [1, null]}"#, "wwwwwwwwwwwwwwwwL"),
        ];
        for (text, expected) in cases {
            assert_eq!(steps(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn errors_are_those_of_go() {
        let cases = [
            ("abc", "invalid character 'a' looking for beginning of value"),
            ("{1", "invalid character '1' looking for beginning of object key string"),
            ("{\"a\",", "invalid character ',' after object key"),
            ("{\"a\":1 2", "invalid character '2' after object key:value pair"),
            ("[1}", "invalid character '}' after array element"),
            ("{\"a\":tru}", "invalid character '}' in literal true (expecting 'e')"),
            ("\"\u{1}", "invalid character '\\x01' in string literal"),
            ("\"\\q", "invalid character 'q' in string escape code"),
            ("\"\\u00g", "invalid character 'g' in \\u hexadecimal character escape"),
            ("-a", "invalid character 'a' in numeric literal"),
            ("1.e", "invalid character 'e' after decimal point in numeric literal"),
            ("1e ", "invalid character ' ' in exponent of numeric literal"),
            ("'", "invalid character '\\'' looking for beginning of value"),
            ("\u{e9}", "invalid character '\u{c3}' looking for beginning of value"),
        ];
        for (text, expected) in cases {
            assert_eq!(steps(text), Err(expected.into()), "{text}");
        }
    }

    #[test]
    fn depth_is_bounded() {
        assert!(steps(&"[".repeat(DEPTH_MAX)).is_ok());
        let error = steps(&"[".repeat(DEPTH_MAX + 1));
        assert_eq!(error, Err("invalid character '[' exceeded max depth".into()));
    }
}
