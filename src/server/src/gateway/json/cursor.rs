//! The tokens of one JSON value whose syntax the scanner has already checked. Commas and colons
//! say nothing more then, and are passed over like space.

/// A token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Open,
    Close,
    OpenList,
    CloseList,
    Text,
    Number,
    True,
    False,
    Null,
}

/// A token where it stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token<'a> {
    pub(super) kind: Kind,
    pub(super) start: usize,
    raw: &'a [u8],
}

impl Token<'_> {
    /// As it was written.
    pub(super) fn raw(&self) -> String {
        String::from_utf8_lossy(self.raw).into_owned()
    }
}

/// A place in the value.
#[derive(Debug)]
pub(super) struct Cursor<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(json: &'a [u8]) -> Cursor<'a> {
        Cursor { json, at: 0 }
    }

    /// The next token, which stays the next.
    pub(super) fn peek(&mut self) -> Token<'a> {
        let skipped = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b',' | b':');
        let rest = self.json.get(self.at..).unwrap_or_default();
        self.at += rest.iter().take_while(|byte| skipped(byte)).count();
        let rest = self.json.get(self.at..).unwrap_or_default();
        let (kind, length) = match rest.first() {
            Some(b'{') => (Kind::Open, 1),
            Some(b'}') => (Kind::Close, 1),
            Some(b'[') => (Kind::OpenList, 1),
            Some(b']') => (Kind::CloseList, 1),
            Some(b'"') => (Kind::Text, text_length(rest)),
            Some(b't') => (Kind::True, 4),
            Some(b'f') => (Kind::False, 5),
            Some(b'n') => (Kind::Null, 4),
            Some(_) => (Kind::Number, number_length(rest)),
            None => panic!("read beyond a value of {} bytes that was found whole", self.json.len()),
        };
        Token { kind, start: self.at, raw: &rest[..length] }
    }

    /// The next token.
    pub(super) fn read(&mut self) -> Token<'a> {
        let token = self.peek();
        self.at += token.raw.len();
        token
    }

    /// Passes over one value, however deep.
    pub(super) fn skip(&mut self) {
        let mut depth = 0usize;
        loop {
            match self.read().kind {
                Kind::Open | Kind::OpenList => depth += 1,
                Kind::Close | Kind::CloseList => depth -= 1,
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// The content of a text token.
    ///
    /// # Errors
    /// It is not Unicode.
    pub(super) fn text(&self, token: &Token<'_>) -> Result<String, String> {
        serde_json::from_slice(token.raw).map_err(|_| match std::str::from_utf8(token.raw) {
            Err(_) => self.syntax_error(token, "invalid UTF-8 in string"),
            // Half of a pair of escapes is all that is left to be wrong.
            Ok(_) => self.syntax_error(token, "invalid escape code in string"),
        })
    }

    /// An error at a token, as `protojson` words it.
    pub(super) fn error(&self, token: &Token<'_>, text: &str) -> String {
        format!("proto: ({}): {text}", self.place(token))
    }

    pub(super) fn unexpected(&self, token: &Token<'_>) -> String {
        self.syntax_error(token, &format!("unexpected token {}", token.raw()))
    }

    fn syntax_error(&self, token: &Token<'_>, text: &str) -> String {
        format!("proto: syntax error ({}): {text}", self.place(token))
    }

    /// Line and column, in characters, from one on.
    fn place(&self, token: &Token<'_>) -> String {
        let before = &self.json[..token.start];
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        let start = before.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        let column = String::from_utf8_lossy(&before[start..]).chars().count() + 1;
        format!("line {line}:{column}")
    }
}

fn text_length(rest: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in rest.iter().enumerate().skip(1) {
        match byte {
            b'"' if !escaped => return at + 1,
            b'\\' if !escaped => escaped = true,
            _ => escaped = false,
        }
    }
    rest.len()
}

fn number_length(rest: &[u8]) -> usize {
    let ends = |byte: &u8| !matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
    rest.iter().position(ends).unwrap_or(rest.len()).max(1)
}
