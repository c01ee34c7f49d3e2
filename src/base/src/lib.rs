//! What every crate of Cairn shares and nothing more: identifiers as newtypes, time as a value,
//! seeded randomness, the checksum of the files, coverage marks, knobs and the bounded queue.
//!
//! `base` knows no protocol, no message and no file format. It is `no_std`, holds no mutable
//! statics but additive mark counters, and reads neither clock nor entropy: whoever needs time or
//! randomness is handed it.
#![no_std]
extern crate alloc;

pub mod checksum;
pub mod ids;
pub mod instant;
pub mod knob;
pub mod mark;
pub mod prng;
pub mod queue;

pub use ids::{ClusterId, Index, LeaseId, MemberId, RequestId, Term};
pub use instant::Instant;
pub use prng::Prng;
pub use queue::BoundedQueue;
