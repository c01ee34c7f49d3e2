//! W1 to W15: what a watch stream delivers, against the events that happened.
//!
//! The events come from an oracle through an [`EventLog`]; the checker is told every request and
//! every answer of one stream in order. It keeps a cursor for each watch, no history. Not verified
//! here: that a watch makes progress at all, except by [`StreamChecker::finish`] (W16), which wants
//! every live watch to be up to date.

mod cursor;
mod events;
mod stream;

pub use events::EventLog;
pub use stream::StreamChecker;
