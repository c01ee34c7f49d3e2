//! The byte streams under a connection: TCP or Unix sockets, and the wrapper that gathers small
//! writes.
//!
//! HTTP/2 writes a frame's head and a large payload one after the other, and with vectored writes
//! it splits answers into even more system calls. [`Coalesced`] denies vectored writes and copies
//! small ones together until a flush: one system call for each flush. Its buffer is given back
//! when it is empty, so idle connections hold none.

use std::io::{self, IoSlice};
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use rustix::net::RecvFlags;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsStream;

/// Bytes gathered before they are written even without a flush.
const GATHERED_BYTES_MAX: usize = 32 << 10;

/// A socket, accepted or dialed.
#[derive(Debug)]
pub enum Socket {
    /// A TCP connection.
    Tcp(TcpStream),
    /// A Unix connection.
    Unix(UnixStream),
    /// One of these after a handshake.
    Tls(Box<TlsStream<Socket>>),
}

impl Socket {
    /// Waits for the first byte and leaves it where it is; `None` when the other end closed.
    pub(crate) async fn peek(&self) -> io::Result<Option<u8>> {
        let mut byte = [0u8; 1];
        loop {
            let peeked = match self {
                Socket::Tcp(socket) => {
                    socket.readable().await?;
                    socket.try_io(Interest::READABLE, || peek(socket, &mut byte))
                }
                Socket::Unix(socket) => {
                    socket.readable().await?;
                    socket.try_io(Interest::READABLE, || peek(socket, &mut byte))
                }
                Socket::Tls(_) => return Err(io::ErrorKind::Unsupported.into()),
            };
            match peeked {
                Ok(0) => return Ok(None),
                Ok(_) => return Ok(Some(byte[0])),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
        }
    }
}

fn peek(socket: impl AsFd, byte: &mut [u8; 1]) -> io::Result<usize> {
    let (count, _) = rustix::net::recv(socket, byte, RecvFlags::PEEK)?;
    Ok(count)
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(socket) => Pin::new(socket).poll_read(cx, buf),
            Socket::Unix(socket) => Pin::new(socket).poll_read(cx, buf),
            Socket::Tls(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Tcp(socket) => Pin::new(socket).poll_write(cx, bytes),
            Socket::Unix(socket) => Pin::new(socket).poll_write(cx, bytes),
            Socket::Tls(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Socket::Tcp(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            Socket::Unix(socket) => Pin::new(socket).poll_write_vectored(cx, bufs),
            Socket::Tls(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    /// TLS leaves its records in one system call; [`Coalesced`] hides it from everybody else.
    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(socket) => Pin::new(socket).poll_flush(cx),
            Socket::Unix(socket) => Pin::new(socket).poll_flush(cx),
            Socket::Tls(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Socket::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Socket::Unix(socket) => Pin::new(socket).poll_shutdown(cx),
            Socket::Tls(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A stream that gives back sniffed bytes first, and gathers writes until they are flushed.
#[derive(Debug)]
pub struct Coalesced<S> {
    inner: S,
    /// Read already, not yet given to the reader.
    sniffed: Bytes,
    /// Accepted from the writer; the first `written` bytes have left.
    gathered: Vec<u8>,
    written: usize,
}

impl<S> Coalesced<S> {
    /// Wraps a stream whose first bytes were read already.
    pub fn new(inner: S, sniffed: Bytes) -> Coalesced<S> {
        Coalesced { inner, sniffed, gathered: Vec::new(), written: 0 }
    }
}

impl<S: AsyncWrite + Unpin> Coalesced<S> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.written < self.gathered.len() {
            let rest = &self.gathered[self.written..];
            let count = ready!(Pin::new(&mut self.inner).poll_write(cx, rest))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += count;
        }
        self.gathered = Vec::new();
        self.written = 0;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Coalesced<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.sniffed.is_empty() {
            return Pin::new(&mut this.inner).poll_read(cx, buf);
        }
        let count = this.sniffed.len().min(buf.remaining());
        buf.put_slice(&this.sniffed[..count]);
        this.sniffed.advance(count);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Coalesced<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.gathered.len() + bytes.len() > GATHERED_BYTES_MAX {
            ready!(this.poll_drain(cx))?;
        }
        if bytes.len() > GATHERED_BYTES_MAX {
            return Pin::new(&mut this.inner).poll_write(cx, bytes);
        }
        this.gathered.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.inner).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_drain(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::{Coalesced, GATHERED_BYTES_MAX};

    #[tokio::test]
    async fn small_writes_leave_together_and_large_ones_keep_their_order() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let mut near = Coalesced::new(near, Bytes::from_static(b"first "));
        near.write_all(b"head ").await.expect("gathered");
        near.write_all(b"body ").await.expect("gathered");
        let mut probe = [0u8; 1];
        let early = tokio::time::timeout(std::time::Duration::ZERO, far.read(&mut probe)).await;
        assert!(early.is_err(), "bytes left before the flush");
        let large = vec![b'x'; GATHERED_BYTES_MAX + 1];
        near.write_all(&large).await.expect("written");
        near.write_all(b" tail").await.expect("gathered");
        near.shutdown().await.expect("closed");
        let mut all = Vec::new();
        far.read_to_end(&mut all).await.expect("read");
        assert_eq!(all, [b"head body ".as_slice(), &large, b" tail"].concat());
        far.write_all(b"second").await.expect("written");
        drop(far);
        let mut text = String::new();
        near.read_to_string(&mut text).await.expect("read");
        assert_eq!(text, "first second");
    }
}
