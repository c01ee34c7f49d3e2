//! gRPC over HTTP/2: framing, metadata, deadlines, the gate and the way of each RPC to its
//! implementation.
//!
//! Promises: requests are decoded once, their byte fields sharing the received buffer; encoded
//! answers are copied at most once; error codes and texts reach the client letter for letter;
//! every queue is bounded, and a client that does not read costs what its queue holds.
//!
//! Knows nothing of sockets and holds no logic of the store: it calls a [`Service`].

mod body;
mod call;
mod ends;
mod frame;
mod gate;
mod health;
mod method;
mod receive;
mod reflection;
mod router;
mod service;
mod status;
mod stream;
mod streaming;
#[cfg(test)]
mod tests;
mod unary;

pub use body::Body;
pub(crate) use call::GATEWAY_MARK;
pub use frame::{FrameError, Frames, HEAD_BYTES, frame};
pub use gate::Gate;
pub use method::{Kind, Method, Rpc};
pub use router::{GrpcSettings, Router};
pub use service::Service;
pub use status::{CODE_NAMES, Status};
