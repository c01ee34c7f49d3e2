//! src/server

pub mod grpc;
pub mod listen;
pub mod metrics;
