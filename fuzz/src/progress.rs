//! What a person sees while a target runs: a bar on a terminal, elsewhere the last line only.
#![allow(clippy::print_stdout, reason = "this file is where the program speaks")]

use std::io::IsTerminal;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// Prints a line.
pub fn line(text: &str) {
    println!("{text}");
}

/// Progress of one target towards the end of its time.
pub struct Progress {
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Progress of a target that runs for a time.
    pub fn new(name: &str, time: Duration) -> Progress {
        let bar = std::io::stdout().is_terminal().then(|| {
            let bar = ProgressBar::new(time.as_secs());
            if let Ok(style) = ProgressStyle::with_template("{prefix:9} {bar:40} {eta} left {msg}")
            {
                bar.set_style(style);
            }
            bar.with_prefix(name.to_owned())
        });
        Progress { bar }
    }

    /// Shows how far it is.
    pub fn show(&mut self, elapsed: Duration, inputs: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(elapsed.as_secs());
            let rate = inputs as f64 / elapsed.as_secs_f64().max(0.001);
            bar.set_message(format!("{inputs} inputs, {rate:.0}/s"));
        }
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
