//! The command-line tools `cairnctl` and `cairnutl`, as libraries that their programs and the tests
//! call alike.

pub mod ctl;
mod duration;
pub mod utl;
