//! The items of the leaf that is being filled, until its page is written.

use alloc::vec::Vec;
use bytes::{BufMut, Bytes};

use super::tree::{Item, Key};
use crate::format::LEAF_ELEMENT;

/// One entry on its way into a leaf.
pub struct Pair<'a> {
    /// Zero, or the mark of a bucket.
    pub flags: u32,
    /// The key.
    pub key: &'a [u8],
    /// The value.
    pub value: &'a [u8],
}

impl Item for Pair<'_> {
    type Key = Bytes;

    fn key_bytes(&self) -> usize {
        self.key.len()
    }

    fn value_bytes(&self) -> usize {
        self.value.len()
    }

    fn key(&self) -> Bytes {
        Bytes::copy_from_slice(self.key)
    }
}

impl Key for Bytes {
    fn key_bytes(&self) -> usize {
        self.len()
    }
}

/// The open leaf: its elements and the bytes behind them, keys and values alternating. The two
/// buffers are reused from leaf to leaf.
#[derive(Debug, Default)]
pub struct OpenLeaf {
    elements: Vec<Element>,
    body: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Element {
    flags: u32,
    key_bytes: u32,
    value_bytes: u32,
}

impl OpenLeaf {
    /// How many items it has.
    pub fn count(&self) -> usize {
        self.elements.len()
    }

    /// Adds an item behind the others.
    pub fn push(&mut self, pair: &Pair<'_>) {
        self.elements.push(Element {
            flags: pair.flags,
            key_bytes: length(pair.key.len()),
            value_bytes: length(pair.value.len()),
        });
        self.body.extend_from_slice(pair.key);
        self.body.extend_from_slice(pair.value);
    }

    /// Appends the elements and their bytes to a page, and starts over.
    pub fn drain(&mut self, out: &mut impl BufMut) {
        let count = self.elements.len();
        let mut body_at = 0;
        for (index, element) in self.elements.iter().enumerate() {
            let pos = (count - index) * LEAF_ELEMENT + body_at;
            out.put_u32_le(element.flags);
            out.put_u32_le(length(pos));
            out.put_u32_le(element.key_bytes);
            out.put_u32_le(element.value_bytes);
            body_at += element.key_bytes as usize + element.value_bytes as usize;
        }
        assert_eq!(body_at, self.body.len(), "the elements of a leaf cover its bytes");
        out.put_slice(&self.body);
        self.elements.clear();
        self.body.clear();
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("keys and values are bounded far below 4 GiB")
}
