//! `cairnctl`: a client for Cairn and etcd. See [`cli::ctl`].

use std::io::{stderr, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::ctl::run(std::env::args_os(), &mut stdout(), &mut stderr()))
}
