//! `cairn`: starts one member as its command line, environment or configuration file says.

use std::process::ExitCode;

use server::config::Config;

fn main() -> ExitCode {
    match Config::from_process() {
        Ok(config) => server::run(config, server::serve),
        Err(exit) => {
            exit.write();
            ExitCode::from(exit.code())
        }
    }
}
