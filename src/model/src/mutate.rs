//! Sound bytes, changed a little: what decoders are tried with.

use alloc::vec::Vec;

use base::Prng;

/// What small fields break at.
const EDGES: [u8; 7] = [0, 1, 0x7f, 0x80, 0x81, 0xfe, 0xff];

/// Makes one change: some bytes are other ones, cut, doubled, or go on as one of the samples does.
pub fn change(prng: &mut Prng, bytes: &mut Vec<u8>, samples: &[Vec<u8>]) {
    if bytes.is_empty() {
        bytes.push(prng.next_u64() as u8);
        return;
    }
    let len = bytes.len() as u64;
    let at = prng.below(len) as usize;
    let end = (at + 1 + prng.below(64) as usize).min(bytes.len());
    match prng.below(9) {
        0 => bytes[at] ^= 1 << prng.below(8),
        1 => bytes[at] = *prng.pick(&EDGES),
        2 => bytes[at] = bytes[at].wrapping_add(*prng.pick(&[1, 2, 0xff, 0xfe])),
        3 => bytes.truncate(at),
        4 => bytes.insert(at, prng.next_u64() as u8),
        5 => drop(bytes.drain(at..end)),
        6 => {
            let part = bytes[at..end].to_vec();
            bytes.extend(part);
        }
        7 => bytes[at..end].iter_mut().for_each(|byte| *byte = prng.next_u64() as u8),
        _ => {
            let other = prng.pick(samples);
            let from = prng.below(other.len() as u64 + 1) as usize;
            bytes.truncate(at);
            bytes.extend(&other[from..]);
        }
    }
}

#[cfg(test)]
mod tests {
    use alloc::collections::BTreeSet;
    use alloc::vec;

    use super::*;

    #[test]
    fn one_change_leaves_most_of_the_bytes_as_they_were() {
        let sample: Vec<u8> = (0..=255).collect();
        let samples = [sample.clone(), vec![7; 300]];
        let mut prng = Prng::new(1);
        let mut made = BTreeSet::new();
        for _ in 0..500 {
            let mut bytes = sample.clone();
            change(&mut prng, &mut bytes, &samples);
            let begin = bytes.iter().zip(&sample).take_while(|(now, was)| now == was).count();
            let end = bytes.iter().rev().zip(sample.iter().rev());
            let end = end.take_while(|(now, was)| now == was).count();
            assert!(begin + end + 64 >= bytes.len().min(sample.len()) || bytes.ends_with(&[7]));
            made.insert(bytes);
        }
        assert!(made.len() > 300, "{} distinct results", made.len());
        let mut nothing = Vec::new();
        change(&mut prng, &mut nothing, &samples);
        assert_eq!(nothing.len(), 1);
    }
}
