//! How much memory this process held at most: what bounds a decoder's appetite.

use std::fs;

/// What the inputs of one target may add to the process beyond what it held before, in bytes.
/// Inputs are short; the largest honest work is a store of a few hundred entries, in each thread.
pub const GROWTH_BYTES_MAX: u64 = 192 << 20;

/// The peak of the resident memory; `None` where the system does not tell.
#[must_use]
pub fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_sees_what_was_allocated() {
        let Some(before) = peak_bytes() else { return };
        let block = vec![1_u8; 64 << 20];
        let after = peak_bytes().expect("it was there a moment ago");
        assert!(after >= before + (32 << 20), "{before} before, {after} after {}", block.len());
    }
}
