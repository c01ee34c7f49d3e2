//! Limits of one store, with the extreme values that the simulator draws.

mod limits {
    base::knobs! {
        /// Numeric limits of one store.
        pub struct Knobs {
            /// Bytes of recent revisions that stay in memory after they were flushed.
            recent_bytes_max: u64 = 32 << 20, test 0..=256;
            /// Bytes after which a segment is sealed and the next one begun.
            segment_bytes: u64 = 256 << 20, test 1..=512;
            /// Share of dead bytes, in percent, from which a segment is worth cleaning.
            clean_dead_percent: u64 = 50, test 1..=100;
            /// Index roots of the recent past that are kept for reads at their revision.
            roots_max: usize = 32, test 0..=2;
        }
    }
}

pub use limits::Knobs;
