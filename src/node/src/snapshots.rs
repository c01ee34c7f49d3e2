//! Snapshots: one file format wherever a state travels, to a client that makes a backup and to a
//! member that lags.
//!
//! | part | what it does |
//! |---|---|
//! | `content` | all state at one entry boundary, as rows of etcd's buckets |
//! | `file` | the file from it, a piece at a time |
//! | `send` | the file to a follower that needs what the log no longer holds |
//! | `receive` | a file from the leader: written, synced, checked |
//! | `read` | what a file says |
//! | `install` | a file in the place of all state |
//! | `store` | where received files lie |

pub(crate) mod content;
pub(crate) mod file;
pub(crate) mod install;
pub(crate) mod read;
pub(crate) mod receive;
pub(crate) mod send;
pub(crate) mod store;
