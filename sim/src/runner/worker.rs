//! A worker process: takes jobs as lines of JSON, gives reports as lines of JSON. A panic becomes a
//! line too, before it ends the process.

use std::io::{BufRead, Write};

use super::job::{self, Job};

/// The line with which a panic is told.
pub const PANIC_MARK: &str = "panic ";

/// Works until its input ends.
///
/// # Errors
/// When its pipes break.
pub fn work() -> std::io::Result<()> {
    std::panic::set_hook(Box::new(|panic| {
        let text = panic.to_string().replace('\n', " ");
        let mut out = std::io::stdout().lock();
        let _ = writeln!(out, "{PANIC_MARK}{text}");
        let _ = out.flush();
    }));
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let job: Job = serde_json::from_str(&line).map_err(std::io::Error::other)?;
        let report = job::perform(&job);
        let mut text = serde_json::to_string(&report).map_err(std::io::Error::other)?;
        text.push('\n');
        let mut out = std::io::stdout().lock();
        out.write_all(text.as_bytes())?;
        out.flush()?;
    }
    Ok(())
}
