//! Inputs from a seed: random bytes, or a sound sample with a few of its bytes changed, cut,
//! doubled, or joined with another sample.

use base::Prng;
use model::mutate::change;

/// Longest input that is made.
pub const BYTES_MAX: usize = 4096;

/// The input with this number; the same for the same seed and samples.
#[must_use]
pub fn input(seed: u64, number: u64, samples: &[Vec<u8>]) -> Vec<u8> {
    let mut prng = Prng::new(seed ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let prng = &mut prng;
    if samples.is_empty() || prng.chance(0.1) {
        let len = prng.below(BYTES_MAX as u64);
        return (0..len).map(|_| prng.next_u64() as u8).collect();
    }
    let mut bytes = prng.pick(samples).clone();
    for _ in 0..prng.below(9) {
        change(prng, &mut bytes, samples);
    }
    bytes.truncate(BYTES_MAX);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_input_follows_from_seed_and_number_and_is_bounded() {
        let samples = [b"sample".to_vec(), vec![7; 3000]];
        for number in 0..500 {
            let one = input(1, number, &samples);
            assert_eq!(one, input(1, number, &samples));
            assert!(one.len() <= BYTES_MAX);
        }
        let distinct: std::collections::BTreeSet<_> =
            (0..500).map(|number| input(1, number, &samples)).collect();
        assert!(distinct.len() > 300, "{} distinct inputs", distinct.len());
    }
}
