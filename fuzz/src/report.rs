//! What is told of a panic: where the input is kept and how it is repeated.

use std::cell::RefCell;
use std::fs;
use std::panic;
use std::path::PathBuf;

use base::checksum::crc32c;

use crate::progress::line;

/// What a thread is running.
#[derive(Default)]
struct Running {
    target: &'static str,
    /// Which input it is.
    what: String,
    input: Vec<u8>,
}

thread_local! {
    static RUNNING: RefCell<Running> = RefCell::default();
}

/// Notes what this thread begins to run.
pub fn begin(target: &'static str, what: &str, input: &[u8]) {
    RUNNING.with_borrow_mut(|running| {
        *running = Running { target, what: what.to_owned(), input: input.to_vec() };
    });
}

/// Makes the first panic end the process, after the usual message and a way to repeat it. A hook,
/// because in a release build a panic is not caught.
pub fn install() {
    let usual = panic::take_hook();
    panic::set_hook(Box::new(move |cause| {
        usual(cause);
        RUNNING.with_borrow(|running| {
            let Running { target, what, .. } = running;
            line(&format!("{target} failed: {what}"));
            match keep(running) {
                Ok(path) => {
                    let path = path.display();
                    line(&format!("repeat: cargo run -p fuzz -- --target {target} --file {path}"));
                }
                Err(error) => line(&format!("the input cannot be kept: {error}")),
            }
        });
        std::process::exit(1);
    }));
}

fn keep(running: &Running) -> std::io::Result<PathBuf> {
    let folder = PathBuf::from("target/fuzz").join(running.target);
    fs::create_dir_all(&folder)?;
    let path = folder.join(format!("{:08x}", crc32c(&running.input)));
    fs::write(&path, &running.input)?;
    Ok(path)
}
