//! src/server

pub mod grpc;
pub mod http;
pub mod listen;
pub mod metrics;
