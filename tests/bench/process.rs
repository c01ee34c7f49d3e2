//! What the kernel says of a process: CPU time with that of ended threads, resident memory.

use std::iter::Sum;
use std::time::Duration;

use ::tests::resident::resident_bytes;

/// Clock ticks a second in `/proc`, fixed by Linux's interface.
const TICKS_PER_SECOND: u32 = 100;

/// CPU time and memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// User and system time since the start.
    pub cpu: Duration,
    /// Resident memory now.
    pub resident_bytes: u64,
}

impl Usage {
    /// Of one process; zero when it has ended.
    #[must_use]
    pub fn of(process: u32) -> Usage {
        let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
        let ticks = cpu_ticks(&stat).unwrap_or(0);
        Usage {
            cpu: Duration::from_secs(ticks) / TICKS_PER_SECOND,
            resident_bytes: resident_bytes(process),
        }
    }
}

impl Sum for Usage {
    fn sum<I: Iterator<Item = Usage>>(all: I) -> Usage {
        all.fold(Usage::default(), |sum, one| Usage {
            cpu: sum.cpu + one.cpu,
            resident_bytes: sum.resident_bytes + one.resident_bytes,
        })
    }
}

/// `utime` and `stime` are fields 14 and 15; the name in field 2 may contain spaces.
fn cpu_ticks(stat: &str) -> Option<u64> {
    let (_, rest) = stat.rsplit_once(") ")?;
    let mut fields = rest.split(' ').skip(11);
    let user: u64 = fields.next()?.parse().ok()?;
    let system: u64 = fields.next()?.parse().ok()?;
    Some(user + system)
}

#[cfg(test)]
mod tests {
    use super::cpu_ticks;

    #[test]
    fn fields_are_found_behind_a_name_with_spaces() {
        let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 120 30 0 0 20 0 1";
        assert_eq!(cpu_ticks(stat), Some(150));
        assert_eq!(cpu_ticks(""), None);
    }
}
