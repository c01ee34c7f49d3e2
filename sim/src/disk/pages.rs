//! The content of a file, sparse: what was never written reads as zeros and takes no memory, so
//! that a preallocated log segment costs nothing.

use std::collections::BTreeMap;

/// Bytes of the smallest unit that a disk writes whole.
pub const SECTOR_BYTES: usize = 512;

/// One sector.
pub type Sector = [u8; SECTOR_BYTES];

/// Bytes addressed by sector.
#[derive(Clone, Debug, Default)]
pub struct Pages {
    sectors: BTreeMap<u64, Box<Sector>>,
}

impl Pages {
    /// A sector's content.
    #[must_use]
    pub fn sector(&self, number: u64) -> Sector {
        self.sectors.get(&number).map_or([0; SECTOR_BYTES], |sector| **sector)
    }

    /// Replaces a sector.
    pub fn set_sector(&mut self, number: u64, content: &Sector) {
        if content.iter().all(|&byte| byte == 0) {
            self.sectors.remove(&number);
        } else {
            self.sectors.insert(number, Box::new(*content));
        }
    }

    /// Copies `into.len()` bytes from `offset` on.
    pub fn read(&self, offset: u64, into: &mut [u8]) {
        for piece in pieces(offset, into.len()) {
            let from = self.sectors.get(&piece.sector);
            let target = &mut into[piece.buffer.clone()];
            match from {
                Some(sector) => target.copy_from_slice(&sector[piece.within]),
                None => target.fill(0),
            }
        }
    }

    /// Writes at `offset`; gives the numbers of the sectors that were touched.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> std::ops::Range<u64> {
        for piece in pieces(offset, bytes.len()) {
            let sector =
                self.sectors.entry(piece.sector).or_insert_with(|| Box::new([0; SECTOR_BYTES]));
            sector[piece.within].copy_from_slice(&bytes[piece.buffer]);
        }
        touched(offset, bytes.len() as u64)
    }

    /// Zeroes everything from `len` on; gives the sector that was cut in the middle, if any.
    pub fn cut(&mut self, len: u64) -> Option<u64> {
        let whole = len.div_ceil(SECTOR_BYTES as u64);
        self.sectors.split_off(&whole);
        let within = (len % SECTOR_BYTES as u64) as usize;
        let last = len / SECTOR_BYTES as u64;
        if within == 0 {
            return None;
        }
        let sector = self.sectors.get_mut(&last)?;
        sector[within..].fill(0);
        Some(last)
    }

    /// The numbers of the sectors that hold something, ascending.
    pub fn written(&self) -> impl Iterator<Item = u64> + '_ {
        self.sectors.keys().copied()
    }
}

/// The sectors that `len` bytes at `offset` touch.
#[must_use]
pub fn touched(offset: u64, len: u64) -> std::ops::Range<u64> {
    if len == 0 {
        return 0..0;
    }
    let size = SECTOR_BYTES as u64;
    offset / size..(offset + len).div_ceil(size)
}

struct Piece {
    sector: u64,
    within: std::ops::Range<usize>,
    buffer: std::ops::Range<usize>,
}

fn pieces(offset: u64, len: usize) -> impl Iterator<Item = Piece> {
    let mut done = 0;
    std::iter::from_fn(move || {
        if done == len {
            return None;
        }
        let at = offset + done as u64;
        let start = (at % SECTOR_BYTES as u64) as usize;
        let count = (SECTOR_BYTES - start).min(len - done);
        let piece = Piece {
            sector: at / SECTOR_BYTES as u64,
            within: start..start + count,
            buffer: done..done + count,
        };
        done += count;
        Some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_the_rest_is_zero() {
        let mut pages = Pages::default();
        let bytes: Vec<u8> = (0..2_000u32).map(|n| (n % 251) as u8 + 1).collect();
        assert_eq!(pages.write(500, &bytes), 0..5);
        let mut read = vec![9; 3_000];
        pages.read(0, &mut read);
        assert!(read[..500].iter().all(|&b| b == 0) && read[2_500..].iter().all(|&b| b == 0));
        assert_eq!(read[500..2_500], bytes[..]);
        assert_eq!(pages.cut(513), Some(1));
        pages.read(0, &mut read);
        assert_eq!(read[500..513], bytes[..13]);
        assert!(read[513..].iter().all(|&b| b == 0));
    }
}
