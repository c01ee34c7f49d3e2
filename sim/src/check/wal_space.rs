//! L7: the log's files are bounded. Beyond the bytes that may be kept for followers, no segment
//! stays that lies wholly behind the last two checkpoints.
//!
//! Judged at rest, when flushes and releases have had time to end. It does not verify that what a
//! follower needs is kept: that would only cost a snapshot.

use super::{Tally, Verdict, violated};

/// Segments that exist besides what is kept: the one that is written, the one that is prepared,
/// and what rounding to whole segments adds at both ends.
const SPARE_SEGMENTS: u64 = 4;

/// The settings of a member that bound its log.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Applied entries between checkpoints.
    pub checkpoint_entries: u64,
    /// Bytes of files that may be kept for followers.
    pub log_bytes_max: u64,
    /// Bytes of a segment.
    pub segment_bytes: u64,
}

/// The largest bound that a run can come near.
const JUDGED_BYTES_MAX: u64 = 1 << 20;

/// Judges a member's segments, as first index and bytes in order, at rest.
pub fn bounded(
    tally: &Tally,
    member: usize,
    bounds: Bounds,
    applied: u64,
    segments: &[(u64, u64)],
) -> Verdict {
    // With the bound of production no run of this length writes enough to break it.
    if bounds.log_bytes_max <= JUDGED_BYTES_MAX {
        tally.hit("L7");
    }
    let bytes: u64 = segments.iter().map(|(_, bytes)| bytes).sum();
    if bytes <= bounds.log_bytes_max + SPARE_SEGMENTS * bounds.segment_bytes {
        return Ok(());
    }
    let recent = applied.saturating_sub(2 * bounds.checkpoint_entries);
    let stale = segments.windows(2).find(|pair| pair[1].0 <= recent);
    match stale {
        None => Ok(()),
        Some(pair) => violated!(
            "L7",
            "the log of member {} takes {bytes} B and still has entries {}..{} at {applied}",
            member + 1,
            pair[0].0,
            pair[1].0
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_old_segment_beyond_the_bound_breaks_l7() {
        let bounds = Bounds { checkpoint_entries: 5, log_bytes_max: 1_000, segment_bytes: 100 };
        let tally = Tally::default();
        let segments = [(0, 700), (40, 700), (60, 100)];
        let broken = bounded(&tally, 0, bounds, 100, &segments);
        assert_eq!(broken.expect_err("0..40 is old").check, "L7");
        bounded(&tally, 0, bounds, 48, &segments).expect("40 is recent");
        bounded(&tally, 0, bounds, 100, &[(0, 700), (40, 300)]).expect("within the bytes");
    }
}
