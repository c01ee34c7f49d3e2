//! The production shell of Cairn: configuration, log, files, backend, sockets, endpoints. Logic
//! that could be in `node` is not here.

pub mod config;
pub mod env;
pub mod gateway;
pub mod grpc;
pub mod http;
pub mod listen;
pub mod logging;
pub mod metrics;
pub mod peer;
mod run;
mod serve;
mod signals;
pub mod tls;
mod token;

pub use run::{STOP_TIMEOUT, run};
pub use serve::serve;
