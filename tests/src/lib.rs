//! What the tests share: where the repository and its binaries are, etcd's own programs, clusters
//! of real processes that end with the test that started them, and third-party clients.

pub mod binaries;
pub mod clients;
pub mod cluster;
pub mod coverage;
pub mod differential;
pub mod go;
pub mod hostile;
pub mod kind;
pub mod log_files;
pub mod ports;
pub mod repository;
pub mod resident;
pub mod transcript;
pub mod users;
