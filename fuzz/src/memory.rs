//! How much memory the inputs of one target took at most: what bounds a decoder's appetite.
//!
//! Not verified: what is allocated and given back between two looks on a system whose peak cannot
//! be set back; and an appetite that room left behind by an earlier target can satisfy.

use std::fs;

/// Address space that one thread may reserve beside what it fills: its stack and its arenas.
const RESERVED_BYTES_MAX: u64 = 160 << 20;

/// Memory from one moment on.
#[derive(Clone, Copy, Debug)]
pub struct Meter {
    /// Resident bytes at the beginning.
    resident: u64,
    /// The most bytes of address space before.
    reserved: u64,
    /// What tells the resident bytes: their peak since the beginning, or else their present number.
    gauge: &'static str,
}

impl Meter {
    /// Begins to measure; `None` where the system does not tell.
    ///
    /// The peak of the whole process would hide all that a target takes below the peak of those
    /// before it, so it is set back.
    #[must_use]
    pub fn begin() -> Option<Meter> {
        let is_set_back = fs::write("/proc/self/clear_refs", "5").is_ok();
        let gauge = if is_set_back { "VmHWM:" } else { "VmRSS:" };
        let status = status()?;
        let (resident, reserved) = (bytes(&status, "VmRSS:")?, bytes(&status, "VmPeak:")?);
        Some(Meter { resident, reserved, gauge })
    }

    /// Bytes that became resident since the beginning.
    #[must_use]
    pub fn grown(&self) -> u64 {
        let now = status().and_then(|status| bytes(&status, self.gauge));
        now.unwrap_or(0).saturating_sub(self.resident)
    }

    /// Refuses a growth beyond `thread_bytes_max` for each of `threads`: by what was filled, and by
    /// what was reserved, for a length that is believed costs nothing until it is written to.
    ///
    /// # Errors
    /// Says how much it was.
    pub fn judge(&self, thread_bytes_max: u64, threads: u64) -> Result<(), String> {
        let grown = self.grown();
        if grown > thread_bytes_max * threads {
            return Err(format!("took {} MiB of memory", grown >> 20));
        }
        let peak = status().and_then(|status| bytes(&status, "VmPeak:"));
        let reserved = peak.unwrap_or(0).saturating_sub(self.reserved);
        if reserved > (thread_bytes_max + RESERVED_BYTES_MAX) * threads {
            return Err(format!("reserved {} MiB of memory", reserved >> 20));
        }
        Ok(())
    }
}

fn status() -> Option<String> {
    fs::read_to_string("/proc/self/status").ok()
}

fn bytes(status: &str, field: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;

    use super::*;

    const MIB: u64 = 1 << 20;

    /// One test, because a peak belongs to the process.
    #[test]
    fn what_is_filled_or_reserved_is_seen_whatever_was_taken_before() {
        drop(black_box(vec![1_u8; 200 << 20]));
        let Some(meter) = Meter::begin() else { return };
        assert_eq!(meter.judge(16 * MIB, 1), Ok(()));
        let block = black_box(vec![1_u8; 64 << 20]);
        assert!(meter.grown() >= 63 * MIB, "{} with {}", meter.grown(), block.len());
        assert!(meter.judge(32 * MIB, 1).is_err_and(|text| text.starts_with("took")));
        assert_eq!(meter.judge(32 * MIB, 3), Ok(()));
        drop(black_box(Vec::<u8>::with_capacity(2 << 30)));
        let told = meter.judge(128 * MIB, 1);
        assert!(told.as_ref().is_err_and(|text| text.starts_with("reserved")), "{told:?}");
    }
}
