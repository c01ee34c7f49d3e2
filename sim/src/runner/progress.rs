//! What a person sees while a sweep runs: a bar on a terminal, plain lines otherwise.
#![allow(clippy::print_stdout, reason = "this file is where the program speaks")]

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::job::Report;

/// Time between two plain lines.
const LINE_TIME: Duration = Duration::from_secs(5);

/// Prints a line.
pub fn line(text: &str) {
    println!("{text}");
}

/// Progress of a sweep.
pub struct Progress {
    bar: Option<ProgressBar>,
    total: u64,
    done: u64,
    failed: u64,
    last_line: Instant,
    quiet: bool,
}

impl Progress {
    /// Progress towards `total` runs.
    #[must_use]
    pub fn new(total: u64, quiet: bool) -> Progress {
        let bar = (!quiet && std::io::stdout().is_terminal()).then(|| {
            let bar = ProgressBar::new(total);
            let template = "{bar:40} {pos}/{len} seeds, {per_sec}, {eta} left {msg}";
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style);
            }
            bar
        });
        Progress { bar, total, done: 0, failed: 0, last_line: Instant::now(), quiet }
    }

    /// One more run is done.
    pub fn step(&mut self, report: &Report) {
        self.done += 1;
        self.failed += u64::from(report.broken.is_some());
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{} failed", self.failed));
            bar.inc(1);
        } else if !self.quiet && self.last_line.elapsed() > LINE_TIME {
            self.last_line = Instant::now();
            line(&format!("{}/{} seeds, {} failed", self.done, self.total, self.failed));
        }
    }

    /// Says something in between.
    pub fn say(&mut self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| line(text)),
            None if !self.quiet => line(text),
            None => {}
        }
    }

    /// Takes the bar away.
    pub fn finish(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
