//! Ports for servers of the tests.
//!
//! They lie below the range from which the system gives ports to outgoing connections, so that none
//! is taken between the choice and the start of its server; and each process begins elsewhere, so
//! that tests at the same time do not meet.

use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;
/// Ports that one process takes before it enters those of the next.
const STRIDE: u32 = 61;

/// A port of the loopback on which nobody listens.
///
/// # Panics
/// When all are taken.
#[must_use]
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    let begin = std::process::id().wrapping_mul(STRIDE) % u32::from(COUNT);
    for _ in 0..COUNT {
        let step = TAKEN.fetch_add(1, Ordering::Relaxed);
        let offset = (begin + u32::from(step)) % u32::from(COUNT);
        let port = FIRST + u16::try_from(offset).expect("below the count");
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("all ports from {FIRST} on are taken");
}
