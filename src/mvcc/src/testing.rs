//! What the tests of this crate share: short constructors of requests, a naive twin of the store, a
//! generator of requests, and a member that logs, flushes, crashes and recovers.

pub(crate) mod generator;
pub(crate) mod member;
pub(crate) mod requests;
pub(crate) mod twin;
