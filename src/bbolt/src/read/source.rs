//! Where the bytes of a file come from.

use bytes::Bytes;
use core::fmt;

/// Random access to the bytes of a file that does not change while it is read.
pub trait ReadAt {
    /// Why bytes could not be read.
    type Error: core::error::Error;

    /// Exactly `len` bytes from `offset` on, or an error. The reader asks for nothing beyond
    /// [`len`](ReadAt::len).
    ///
    /// # Errors
    /// Whatever the source reports.
    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, Self::Error>;

    /// How many bytes there are.
    fn len(&self) -> u64;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Bytes were asked for that the source does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfBounds {
    /// The first byte asked for.
    pub offset: u64,
    /// How many.
    pub len: usize,
}

impl fmt::Display for OutOfBounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {} bytes at offset {}", self.len, self.offset)
    }
}

impl core::error::Error for OutOfBounds {}

impl ReadAt for Bytes {
    type Error = OutOfBounds;

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, OutOfBounds> {
        let from = usize::try_from(offset).map_err(|_| OutOfBounds { offset, len })?;
        match from.checked_add(len) {
            Some(to) if to <= Bytes::len(self) => Ok(self.slice(from..to)),
            _ => Err(OutOfBounds { offset, len }),
        }
    }

    fn len(&self) -> u64 {
        Bytes::len(self) as u64
    }
}

impl<S: ReadAt + ?Sized> ReadAt for &S {
    type Error = S::Error;

    fn read_at(&self, offset: u64, len: usize) -> Result<Bytes, S::Error> {
        (**self).read_at(offset, len)
    }

    fn len(&self) -> u64 {
        (**self).len()
    }
}
