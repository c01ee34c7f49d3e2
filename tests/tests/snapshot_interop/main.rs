//! The snapshot file against the original: bbolt's own library checks, shows and changes what the
//! crate `bbolt` wrote, and writes what it reads; a real etcd and `etcdutl` make and take the
//! snapshots that `cairnutl` takes and makes; and neither server starts on the other's directory.
//!
//! The Go programs are built from `tests/interop/go`, whose `go.sum` pins them. Without Go
//! these tests fail: that the formats agree is not known from our side alone.

mod directory;
mod files;
mod restore;
