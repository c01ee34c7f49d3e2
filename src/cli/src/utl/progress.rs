//! A bar for work that takes a while, on a terminal only.

use indicatif::{ProgressBar, ProgressStyle};

/// Progress in bytes; it disappears when dropped.
pub struct Progress(ProgressBar);

impl Progress {
    /// A bar over `total` bytes. Without a terminal on stderr nothing is shown.
    pub fn bytes(label: &'static str, total: u64) -> Progress {
        let style = ProgressStyle::with_template(
            "{msg:>10} {bar:30} {bytes:>10} of {total_bytes} {bytes_per_sec} {eta}",
        );
        let bar = ProgressBar::new(total).with_message(label);
        bar.set_style(style.expect("the template is sound"));
        Progress(bar)
    }

    /// More bytes are done.
    pub fn add(&self, bytes: u64) {
        self.0.inc(bytes);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
