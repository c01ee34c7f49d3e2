//! Clients that mean no good: calls of every method with broken metadata, bodies and framing, over
//! HTTP/2 as anybody can send it.
//!
//! [`Requests`] draws them from a seed, out of sound ones; [`send`] sends one and looks at the
//! answer. What a server must keep up meanwhile is for the caller to check.

mod requests;
mod wire;

pub use requests::{Request, Requests};
pub use wire::{Answer, Sender, send};
