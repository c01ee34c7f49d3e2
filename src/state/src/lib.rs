//! The replicated state machine: log entry in; answer, events and effects out.
//!
//! The same entry on the same state gives the same result on every member, whatever its clock, its
//! limits or its memory. Nothing here can fail for a local reason but a read of the backend, which
//! is not an answer: the member stops.
//!
//! The state machine knows no Raft, no client, no file. Time does not pass in it.
#![no_std]
extern crate alloc;

pub mod alarm;
pub mod auth;
mod downgrade;
pub mod lease;
mod machine;
pub mod membership;
mod quota;
mod record;
mod reply;

pub use alarm::Alarms;
pub use auth::{Access, Auth, AuthError, Identity, RecordedAuth};
pub use downgrade::Downgrade;
pub use lease::{Lease, LeaseError, Leases, TTL_SECONDS_MAX};
pub use machine::{Applied, Committed, Effect, Machine, has_put, request_id};
pub use membership::{ChangeContext, Member, MemberChange, MemberError, Membership};
pub use quota::demand;
pub use record::{KEYSPACE, RecordError, Recorded, read as read_record, replace as replace_record};
pub use reply::{AuthReply, Refusal, Reply};
