//! What the tests share: where the repository and its binaries are, and processes that end with
//! the test that started them.

pub mod binaries;
pub mod repository;
