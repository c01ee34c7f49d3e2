//! Ports for servers of the tests.
//!
//! They lie below the range from which the system gives ports to outgoing connections, so that none
//! is taken between the choice and the start of its server. A process takes them from blocks that
//! it claims from all others until it ends, so that tests at the same time do not meet.

use std::net::TcpListener;
use std::ops::Range;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::sync::{Mutex, PoisonError};

const FIRST: u16 = 10_000;
const BLOCKS: u16 = 320;
const BLOCK: u16 = 64;

/// The blocks of this process: the claims of all, and what is left of the last one.
struct Claimed {
    claims: Vec<UnixListener>,
    left: Range<u16>,
}

static CLAIMED: Mutex<Claimed> = Mutex::new(Claimed { claims: Vec::new(), left: 0..0 });

/// A port of the loopback on which nobody listens, and which no other caller is given.
///
/// # Panics
/// When all are taken.
#[must_use]
pub fn free_port() -> u16 {
    // A test that panicked here has left nothing half done.
    let mut claimed = CLAIMED.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
        if let Some(port) = claimed.left.find(is_free) {
            return port;
        }
        let (claim, ports) = claim_block();
        claimed.claims.push(claim);
        claimed.left = ports;
    }
}

/// A block that no process holds. The name of a socket that is no file says so: the system lets one
/// process have it, and gives it back at that process's end, however it ends.
fn claim_block() -> (UnixListener, Range<u16>) {
    // Each process begins elsewhere, so that ports are not used again at once.
    let begin = std::process::id() % u32::from(BLOCKS);
    for step in 0..BLOCKS {
        let block = (u16::try_from(begin).expect("below the count") + step) % BLOCKS;
        let name = format!("cairn-test-ports-{block}");
        let address = SocketAddr::from_abstract_name(name).expect("a short name");
        if let Ok(claim) = UnixListener::bind_addr(&address) {
            let first = FIRST + block * BLOCK;
            return (claim, first..first + BLOCK);
        }
    }
    panic!("other processes hold all ports from {FIRST} on");
}
