//! One member, generic over its environment: the Raft task, the log writer, the applier, the
//! flusher, the read barrier, and the logic of every RPC, free of transport.

pub mod env;
