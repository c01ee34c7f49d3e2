//! The same stream of requests against two servers, every answer compared.
//!
//! A [`stream`] draws [`Step`]s from a seed; a [`Side`] carries each out on one server and gives
//! its [`Outcome`], in which ids, times, tokens and sizes are set to fixed values by
//! `model::Normalise` and nothing else is touched. A run compares the outcomes step by step. A
//! recording is a run against a real etcd whose steps and outcomes are kept; replaying it needs no
//! etcd.
//!
//! What is not compared: when a watcher gets an event, and in how many responses; only which
//! events, in which order, and all else that it is told. Answers of concurrent requests are not
//! compared either: several clients call in a fixed order, one at a time.

mod call;
mod compare;
mod episode;
mod explain;
mod outcome;
mod recording;
mod server;
mod shrink;
mod side;
mod step;
mod stream;
mod watches;

pub use call::open;
pub use compare::{Difference, Summary};
pub use episode::{Episode, record, run_episode};
pub use explain::Explanations;
pub use outcome::Outcome;
pub use recording::{Line, Recording};
pub use server::{Flavour, Server};
pub use shrink::shrink;
pub use side::Side;
pub use step::{Action, Call, Step};
pub use stream::{Features, Stream};
