//! One member, generic over its environment: the Raft task, the log writer, the applier, the
//! flusher, the read barrier, and the logic of every RPC, free of transport.

pub mod api;
pub mod config;
pub mod env;
pub mod error;

pub use api::{Answer, Api, Caller, Overview};
pub use config::{AutoCompaction, InitialMember, InitialState, Knobs, NodeConfig};
pub use error::{ApiError, Code};
