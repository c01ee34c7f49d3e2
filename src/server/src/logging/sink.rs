//! The bounded queue of lines and the thread that writes them.

use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::time::{Duration, Instant};

use super::Output;
use super::line::Line;

/// Lines that may wait to be written.
const QUEUE_LINES: usize = 8192;

/// How long a flush may take: a stuck terminal must not keep the process.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(1);

enum Job {
    Write(String),
    Flush(SyncSender<()>),
}

/// Takes lines; cheap to clone.
#[derive(Clone)]
pub(super) struct Sink {
    jobs: SyncSender<Job>,
    dropped: Arc<AtomicU64>,
    json: bool,
}

impl Sink {
    /// Opens the outputs and starts the thread that writes to them.
    pub(super) fn open(outputs: &[Output], json: bool) -> io::Result<Sink> {
        let writers = outputs.iter().map(open).collect::<io::Result<Vec<_>>>()?;
        let (jobs, queue) = sync_channel(QUEUE_LINES);
        let dropped = Arc::new(AtomicU64::new(0));
        let sink = Sink { jobs, dropped: dropped.clone(), json };
        std::thread::Builder::new()
            .name("cairn-log".into())
            .spawn(move || run(&queue, &dropped, writers, json))?;
        Ok(sink)
    }

    /// Hands a line over, or counts it as dropped when the queue is full.
    pub(super) fn write(&self, line: &Line) {
        if let Err(TrySendError::Full(_)) = self.jobs.try_send(Job::Write(self.format(line))) {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Hands a line over even if that means to wait a moment; only for the last one.
    pub(super) fn write_surely(&self, line: &Line) {
        self.send(Job::Write(self.format(line)));
    }

    /// Waits until everything handed over is written, or for too long.
    pub(super) fn flush(&self) {
        let (done, wait) = sync_channel(1);
        if self.send(Job::Flush(done)) {
            let _written_or_too_slow = wait.recv_timeout(FLUSH_TIMEOUT);
        }
    }

    /// Waits for room in the queue, but not for ever: the thread may be stuck in a write.
    fn send(&self, mut job: Job) -> bool {
        let deadline = Instant::now() + FLUSH_TIMEOUT;
        loop {
            job = match self.jobs.try_send(job) {
                Ok(()) => return true,
                Err(TrySendError::Full(job)) if Instant::now() < deadline => job,
                Err(_) => return false,
            };
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn format(&self, line: &Line) -> String {
        if self.json { line.json() } else { line.console() }
    }
}

fn open(output: &Output) -> io::Result<Box<dyn Write + Send>> {
    Ok(match output {
        Output::Stderr => Box::new(io::stderr()),
        Output::Stdout => Box::new(io::stdout()),
        Output::File(path) => {
            let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
            let named = |error| io::Error::other(format!("open {}: {error}", path.display()));
            Box::new(file.map_err(named)?)
        }
    })
}

fn run(
    queue: &Receiver<Job>,
    dropped: &AtomicU64,
    mut writers: Vec<Box<dyn Write + Send>>,
    json: bool,
) {
    // There is nowhere to report that the log cannot be written.
    let mut write = |text: &str| {
        for writer in &mut writers {
            let _lost = writer.write_all(text.as_bytes());
        }
    };
    while let Ok(job) = queue.recv() {
        match job {
            Job::Write(text) => write(&text),
            Job::Flush(done) => {
                let _nobody_waits = done.send(());
            }
        }
        let count = dropped.swap(0, Ordering::Relaxed);
        if count > 0 {
            let mut line = Line::of_process("warn", "log lines were dropped: the queue was full");
            line.push("count", count.into());
            write(&if json { line.json() } else { line.console() });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_queue_drops_lines_and_says_how_many() {
        let (jobs, queue) = sync_channel(2);
        let dropped = Arc::new(AtomicU64::new(0));
        let sink = Sink { jobs, dropped: dropped.clone(), json: true };
        for number in 0..5 {
            sink.write(&Line::of_process("info", &number.to_string()));
        }
        drop(sink);
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("log");
        let writer = open(&Output::File(path.clone())).expect("opened");
        run(&queue, &dropped, vec![writer], true);
        let text = std::fs::read_to_string(path).expect("written");
        let messages: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(messages.len(), 3, "{text}");
        assert_eq!((&messages[0]["msg"], &messages[2]["msg"]), (&"0".into(), &"1".into()));
        assert_eq!(messages[1]["count"], 3);
    }
}
