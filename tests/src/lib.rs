//! What the tests share: where the repository and its binaries are, processes that end with the
//! test that started them, and free ports.

pub mod repository;
