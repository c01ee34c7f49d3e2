//! Fuzzers of decoders and files: each module has a `run` that takes any bytes, which must neither
//! panic nor allocate without bound.
//!
//! The seeded mutator here drives them on stable Rust; it knows no coverage.

pub mod bbolt;
pub mod peer;

use base::Prng;

/// Longest input that the mutator makes.
const BYTES_MAX: u64 = 4096;

/// An input made from a seed: random bytes, or a sample with a few of its bytes changed, cut or
/// doubled.
#[must_use]
pub fn input(prng: &mut Prng, samples: &[Vec<u8>]) -> Vec<u8> {
    if samples.is_empty() || prng.chance(0.2) {
        let len = prng.below(BYTES_MAX);
        return (0..len).map(|_| prng.next_u64() as u8).collect();
    }
    let mut bytes = prng.pick(samples).clone();
    for _ in 0..prng.between(1, 8) {
        mutate(prng, &mut bytes);
    }
    bytes
}

fn mutate(prng: &mut Prng, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        bytes.push(prng.next_u64() as u8);
        return;
    }
    let at = prng.below(bytes.len() as u64) as usize;
    match prng.below(5) {
        0 => bytes[at] ^= 1 << prng.below(8),
        1 => bytes[at] = *prng.pick(&[0, 1, 0x7f, 0x80, 0xff]),
        2 => bytes.truncate(at),
        3 => bytes.insert(at, prng.next_u64() as u8),
        _ => {
            let end = (at + 1 + prng.below(64) as usize).min(bytes.len());
            let part = bytes[at..end].to_vec();
            bytes.extend(part);
        }
    }
}
