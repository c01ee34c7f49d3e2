//! Coverage marks: named places that a run should reach, counted without any effect on behaviour.
//!
//! `mark!("name")` counts each pass; `sometimes!("name", condition)` counts the passes on which the
//! condition held. The simulator asks for the marks it demands by name with [`count`]. The counters
//! are the only mutable statics of the pure crates, and nothing reads them back to decide anything.

use core::sync::atomic::{AtomicU64, Ordering};

/// Places that one program can have; far above what is in use, so that probing stays short.
const SLOTS: usize = 4096;

/// Hashes of the names seen, zero for a free slot. A slot is claimed once and never given back.
static NAMES: [AtomicU64; SLOTS] = [const { AtomicU64::new(0) }; SLOTS];
static COUNTS: [AtomicU64; SLOTS] = [const { AtomicU64::new(0) }; SLOTS];

/// The 64-bit FNV-1a hash of a mark's name, never zero; evaluated by the compiler.
#[must_use]
pub const fn hash_name(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    if hash == 0 { 1 } else { hash }
}

/// Counts one pass of the mark with this name hash.
pub fn pass(hash: u64) {
    if let Some(slot) = find(hash, true) {
        COUNTS[slot].fetch_add(1, Ordering::Relaxed);
    }
}

/// Passes of the named mark so far in this process.
#[must_use]
pub fn count(name: &str) -> u64 {
    match find(hash_name(name), false) {
        Some(slot) => COUNTS[slot].load(Ordering::Relaxed),
        None => 0,
    }
}

fn find(hash: u64, claim: bool) -> Option<usize> {
    let start = hash as usize % SLOTS;
    for step in 0..SLOTS {
        let slot = (start + step) % SLOTS;
        let held = NAMES[slot].load(Ordering::Relaxed);
        if held == hash {
            return Some(slot);
        }
        if held != 0 {
            continue;
        }
        if !claim {
            return None;
        }
        match NAMES[slot].compare_exchange(0, hash, Ordering::Relaxed, Ordering::Relaxed) {
            Ok(_) => return Some(slot),
            Err(other) if other == hash => return Some(slot),
            Err(_) => continue,
        }
    }
    None
}

/// Counts a pass of this place under a name.
#[macro_export]
macro_rules! mark {
    ($name:literal) => {{
        const HASH: u64 = $crate::mark::hash_name($name);
        $crate::mark::pass(HASH);
    }};
}

/// Counts a pass of this place under a name when the condition holds; gives the condition.
#[macro_export]
macro_rules! sometimes {
    ($name:literal, $condition:expr) => {{
        let held: bool = $condition;
        if held {
            $crate::mark!($name);
        }
        held
    }};
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_mark_counts_its_passes() {
        assert_eq!(super::count("base: tested"), 0);
        mark!("base: tested");
        assert!(!sometimes!("base: tested", 1 > 2));
        assert!(sometimes!("base: tested", 2 > 1));
        assert_eq!(super::count("base: tested"), 2);
    }
}
