//! The JSON values of a body, one after the other, with or without space between them.

use bytes::{Buf, Bytes, BytesMut};
use node::Code;

use super::scan::{Scanner, Step};
use crate::grpc::Status;

/// Cuts a body into values. Holds at most one value and the piece behind it.
#[derive(Debug)]
pub(in crate::gateway) struct Values {
    scanner: Scanner,
    held: BytesMut,
    /// Bytes of `held` that the scanner has seen.
    seen: usize,
    bytes_max: usize,
}

impl Values {
    /// Values of up to this many bytes.
    pub(in crate::gateway) fn new(bytes_max: usize) -> Values {
        Values { scanner: Scanner::new(), held: BytesMut::new(), seen: 0, bytes_max }
    }

    /// Takes the next piece of the body. Only when [`Values::next`] gave `None`.
    pub(in crate::gateway) fn push(&mut self, piece: &[u8]) {
        assert_eq!(self.seen, self.held.len(), "bytes of the last piece were not looked at");
        self.held.extend_from_slice(piece);
    }

    /// The next value, `None` when more bytes are needed.
    ///
    /// # Errors
    /// What is held is not JSON, or too large; there is no value any more.
    pub(in crate::gateway) fn next(&mut self) -> Result<Option<Bytes>, Status> {
        while self.seen < self.held.len() {
            match self.scanner.push(self.held[self.seen]).map_err(malformed)? {
                // The scanner says so only in front of a value, of which nothing is held then.
                Step::Before => self.held.advance(1),
                Step::Within => {
                    self.seen += 1;
                    self.check_size()?;
                    continue;
                }
                Step::Last => return Ok(Some(self.take(self.seen + 1))),
                Step::After => return Ok(Some(self.take(self.seen))),
            }
            self.seen = 0;
        }
        Ok(None)
    }

    /// What is held when the body has ended: nothing, or a number that nothing follows.
    ///
    /// # Errors
    /// The body ended within a value.
    pub(in crate::gateway) fn finish(&mut self) -> Result<Option<Bytes>, Status> {
        if self.held.is_empty() {
            return Ok(None);
        }
        match self.scanner.is_whole() {
            true => {
                self.scanner = Scanner::new();
                Ok(Some(self.take(self.held.len())))
            }
            false => Err(malformed("unexpected EOF".into())),
        }
    }

    fn take(&mut self, length: usize) -> Bytes {
        self.seen = 0;
        self.held.split_to(length).freeze()
    }

    fn check_size(&self) -> Result<(), Status> {
        let (held, limit) = (self.seen, self.bytes_max);
        if held <= limit {
            return Ok(());
        }
        let text = format!("grpc: received message larger than max ({held} vs. {limit})");
        Err(Status::new(Code::ResourceExhausted, text))
    }
}

fn malformed(text: String) -> Status {
    Status::new(Code::InvalidArgument, text)
}

#[cfg(test)]
mod tests {
    use super::Values;

    /// All values of a body that comes in pieces of this size, and how it ends.
    fn values(text: &str, piece: usize) -> (Vec<String>, Option<String>) {
        let mut values = Values::new(20);
        let mut found = Vec::new();
        let text_of = |bytes: bytes::Bytes| String::from_utf8(bytes.into()).expect("text");
        for piece in text.as_bytes().chunks(piece) {
            values.push(piece);
            loop {
                match values.next() {
                    Ok(Some(value)) => found.push(text_of(value)),
                    Ok(None) => break,
                    Err(status) => return (found, Some(status.text.into_owned())),
                }
            }
        }
        match values.finish() {
            Ok(last) => found.extend(last.map(text_of)),
            Err(status) => return (found, Some(status.text.into_owned())),
        }
        (found, None)
    }

    #[test]
    fn every_cut_gives_the_same_values() {
        let cases: [(&str, &[&str], Option<&str>); 8] = [
            ("", &[], None),
            (" \n ", &[], None),
            ("{\"a\":1}\n{\"b\":[2]} ", &["{\"a\":1}", "{\"b\":[2]}"], None),
            ("{}{}[] 1 2", &["{}", "{}", "[]", "1", "2"], None),
            ("{} {", &["{}"], Some("unexpected EOF")),
            ("{} x", &["{}"], Some("invalid character 'x' looking for beginning of value")),
            ("{\"a\":\"b\"", &[], Some("unexpected EOF")),
            (
                "{} {\"a\":\"0123456789012345\"}",
                &["{}"],
                Some("grpc: received message larger than max (21 vs. 20)"),
            ),
        ];
        for (text, expected, end) in cases {
            for piece in 1..=text.len().max(1) {
                let (found, ended) = values(text, piece);
                assert_eq!(found, expected, "{text} by {piece}");
                assert_eq!(ended.as_deref(), end, "{text} by {piece}");
            }
        }
    }
}
