//! `cairnutl`: what can be done to files without a server. See [`cli::utl`].

use std::io::{stderr, stdout};
use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(cli::utl::run(std::env::args_os(), &mut stdout(), &mut stderr()))
}
