//! The voters and learners as the bucket `meta` holds them: `raftpb.ConfState` in the JSON that
//! Go makes of it.
//!
//! Written byte for byte as etcd writes it: empty lists are left out, `auto_leave` is not. Read
//! with spaces and in any order, `null` for an empty list, as Go reads it.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write as _;

/// The configuration of a cluster.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfState {
    /// Members that vote.
    pub voters: Vec<u64>,
    /// Members that only follow.
    pub learners: Vec<u64>,
    /// Members that voted before a joint change and still do.
    pub voters_outgoing: Vec<u64>,
    /// Voters that a joint change turns into learners when it ends.
    pub learners_next: Vec<u64>,
    /// Whether a joint change ends by itself.
    pub auto_leave: bool,
}

impl ConfState {
    /// The JSON text.
    #[must_use]
    pub fn encode(&self) -> String {
        let lists = [
            ("voters", &self.voters),
            ("learners", &self.learners),
            ("voters_outgoing", &self.voters_outgoing),
            ("learners_next", &self.learners_next),
        ];
        let mut text = String::from("{");
        for (name, list) in lists.into_iter().filter(|(_, list)| !list.is_empty()) {
            write!(text, "\"{name}\":[").expect("a string takes all");
            for (position, id) in list.iter().enumerate() {
                let comma = if position == 0 { "" } else { "," };
                write!(text, "{comma}{id}").expect("a string takes all");
            }
            text.push_str("],");
        }
        write!(text, "\"auto_leave\":{}}}", self.auto_leave).expect("a string takes all");
        text
    }

    /// Reads the JSON text; `None` when it is none, or has a field that is not known.
    #[must_use]
    pub fn decode(text: &[u8]) -> Option<ConfState> {
        let mut state = ConfState::default();
        let mut input = Input(text);
        input.expect(b'{')?;
        if !input.accept(b'}') {
            loop {
                state.field(&mut input)?;
                if !input.accept(b',') {
                    break;
                }
            }
            input.expect(b'}')?;
        }
        input.is_at_end().then_some(state)
    }

    fn field(&mut self, input: &mut Input<'_>) -> Option<()> {
        let name = input.string()?;
        input.expect(b':')?;
        match name {
            b"voters" => self.voters = input.list()?,
            b"learners" => self.learners = input.list()?,
            b"voters_outgoing" => self.voters_outgoing = input.list()?,
            b"learners_next" => self.learners_next = input.list()?,
            b"auto_leave" => self.auto_leave = input.boolean()?,
            _ => return None,
        }
        Some(())
    }
}

/// What is left of the text.
struct Input<'a>(&'a [u8]);

impl<'a> Input<'a> {
    fn skip_space(&mut self) {
        self.0 = self.0.trim_ascii_start();
    }

    fn is_at_end(&mut self) -> bool {
        self.skip_space();
        self.0.is_empty()
    }

    fn accept(&mut self, byte: u8) -> bool {
        self.accept_word(&[byte])
    }

    fn accept_word(&mut self, word: &[u8]) -> bool {
        self.skip_space();
        match self.0.strip_prefix(word) {
            Some(rest) => {
                self.0 = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, byte: u8) -> Option<()> {
        self.accept(byte).then_some(())
    }

    /// A string without escapes; the names have none.
    fn string(&mut self) -> Option<&'a [u8]> {
        self.expect(b'"')?;
        let end = self.0.iter().position(|byte| *byte == b'"')?;
        let (string, rest) = self.0.split_at(end);
        self.0 = &rest[1..];
        Some(string)
    }

    fn boolean(&mut self) -> Option<bool> {
        if self.accept_word(b"true") {
            return Some(true);
        }
        (self.accept_word(b"false") || self.accept_word(b"null")).then_some(false)
    }

    fn list(&mut self) -> Option<Vec<u64>> {
        let mut list = Vec::new();
        if self.accept_word(b"null") {
            return Some(list);
        }
        self.expect(b'[')?;
        if self.accept(b']') {
            return Some(list);
        }
        loop {
            list.push(self.number()?);
            if !self.accept(b',') {
                break;
            }
        }
        self.expect(b']')?;
        Some(list)
    }

    fn number(&mut self) -> Option<u64> {
        self.skip_space();
        let end = self.0.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(self.0.len());
        let (digits, rest) = self.0.split_at(end);
        self.0 = rest;
        core::str::from_utf8(digits).ok()?.parse().ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn the_text_is_that_of_etcd() {
        let state = ConfState { voters: vec![13_668_033_151_171_901_709], ..ConfState::default() };
        let text = r#"{"voters":[13668033151171901709],"auto_leave":false}"#;
        assert_eq!(state.encode(), text);
        assert_eq!(ConfState::decode(text.as_bytes()), Some(state));
    }

    #[test]
    fn everything_reads_back_as_written() {
        let state = ConfState {
            voters: vec![1, u64::MAX],
            learners: vec![3],
            voters_outgoing: vec![4, 5, 6],
            learners_next: vec![7],
            auto_leave: true,
        };
        assert_eq!(ConfState::decode(state.encode().as_bytes()), Some(state));
        let spaced = b" { \"learners\" : null , \"voters\" : [ 1 , 2 ] } ";
        let expected = ConfState { voters: vec![1, 2], ..ConfState::default() };
        assert_eq!(ConfState::decode(spaced), Some(expected));
        assert_eq!(ConfState::decode(b"{}"), Some(ConfState::default()));
    }

    #[test]
    fn what_is_no_configuration_is_refused() {
        let cases: [&[u8]; 9] = [
            b"",
            b"{",
            b"[]",
            b"{}x",
            br#"{"voters":[1}"#,
            br#"{"voters":[-1]}"#,
            br#"{"voters":[18446744073709551616]}"#,
            br#"{"voters":[1,]}"#,
            br#"{"unknown":[1]}"#,
        ];
        for text in cases {
            assert_eq!(ConfState::decode(text), None, "{:?}", core::str::from_utf8(text));
        }
    }
}
