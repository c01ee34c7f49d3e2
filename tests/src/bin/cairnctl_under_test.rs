//! `cairnctl` as a program of this package, so that its tests can start it with an input and an
//! environment of its own.

use std::io::{stderr, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::ctl::run(std::env::args_os(), &mut stdout(), &mut stderr()))
}
