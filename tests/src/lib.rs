//! What the tests share: where the repository and its binaries are, etcd's own programs, and
//! clusters of real processes that end with the test that started them.

pub mod binaries;
pub mod cluster;
pub mod go;
pub mod ports;
pub mod repository;
