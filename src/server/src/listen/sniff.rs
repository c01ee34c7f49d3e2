//! Tells HTTP/2 from HTTP/1 by the first bytes that the client sends.

use std::io;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::tls::HANDSHAKE_RECORD;

/// What every HTTP/2 client sends first (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP/1.0 or HTTP/1.1.
    Http1,
    /// HTTP/2 with prior knowledge.
    Http2,
    /// TLS, which belongs to another port.
    Tls,
}

/// Reads until the protocol is certain; gives the bytes that were read for it. `None` when the
/// client closed without sending anything.
///
/// # Errors
/// Those of the stream.
pub async fn sniff<S: AsyncRead + Unpin>(stream: &mut S) -> io::Result<Option<(Protocol, Bytes)>> {
    let mut read = [0u8; PREFACE.len()];
    let mut length = 0;
    while length < read.len() {
        let count = stream.read(&mut read[length..]).await?;
        if count == 0 && length == 0 {
            return Ok(None);
        }
        length += count;
        if count == 0 || read[..length] != PREFACE[..length] {
            let is_tls = read[0] == HANDSHAKE_RECORD;
            let protocol = if is_tls { Protocol::Tls } else { Protocol::Http1 };
            return Ok(Some((protocol, Bytes::copy_from_slice(&read[..length]))));
        }
    }
    Ok(Some((Protocol::Http2, Bytes::from_static(PREFACE))))
}

#[cfg(test)]
mod tests {
    use super::{PREFACE, Protocol, sniff};

    #[tokio::test]
    async fn the_preface_decides_however_it_is_cut() {
        for cut in 1..PREFACE.len() {
            let mut cuts = tokio_test_reader(&[&PREFACE[..cut], &PREFACE[cut..]]);
            let found = sniff(&mut cuts).await.expect("read").expect("bytes");
            assert_eq!((found.0, found.1.as_ref()), (Protocol::Http2, PREFACE));
        }
        let mut post = tokio_test_reader(&[b"P", b"OST / HTTP/1.1\r\n"]);
        let found = sniff(&mut post).await.expect("read").expect("bytes");
        assert_eq!(found.0, Protocol::Http1);
        assert!(b"POST / HTTP/1.1\r\n".starts_with(&found.1));
        let mut hello = tokio_test_reader(&[b"\x16\x03\x01"]);
        let found = sniff(&mut hello).await.expect("read").expect("bytes");
        assert_eq!(found.0, Protocol::Tls);
        let mut nothing = tokio_test_reader(&[]);
        assert_eq!(sniff(&mut nothing).await.expect("read"), None);
    }

    /// A reader that gives each piece in a read of its own.
    fn tokio_test_reader(pieces: &[&'static [u8]]) -> impl tokio::io::AsyncRead + Unpin + use<> {
        use tokio::io::AsyncReadExt;
        let mut all: Box<dyn tokio::io::AsyncRead + Unpin> = Box::new(tokio::io::empty());
        for piece in pieces.iter().rev() {
            all = Box::new(AsyncReadExt::chain(*piece, all));
        }
        all
    }
}
