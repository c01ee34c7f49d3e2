//! Watchers: who is told of which change, in which order, and what happens to the slow.
//!
//! [`Hub`] is a state machine without tasks, clocks or locks. It is told what was applied
//! ([`Hub::publish`]), what history says ([`Hub::deliver_history`]) and what clients want
//! ([`Hub::create`], [`Hub::cancel`]), and gives each stream its responses in order
//! ([`Hub::take`]).
//!
//! What it promises, per watcher: events in revision order (W2), each once (W3), a revision never
//! split (W4), none left out (W5), and no event at or below a revision that a progress response
//! has named (W7). A watcher whose stream's queue is full costs a cursor, not memory: it is
//! served from history until it has caught up.
#![no_std]
extern crate alloc;

mod event;
mod hub;
mod interval;
mod response;
mod stream;
mod watcher;

pub use event::{Batch, WatchEvent};
pub use hub::{Hub, Lag};
pub use response::Response;
pub use stream::StreamId;
pub use watcher::{CreateError, Filters, KeyRange, WatchSpec};
