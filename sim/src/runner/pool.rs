//! Worker processes: each does one job at a time. One that dies or hangs is replaced, and its job
//! is reported as broken (R16).

use std::io::{BufRead, BufReader, Error, Result, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use super::job::{Job, Report};
use super::worker::PANIC_MARK;

/// Real time that one run may take.
const RUN_TIME_MAX: Duration = Duration::from_secs(300);

/// A number of workers.
pub struct Pool {
    jobs: mpsc::Sender<Job>,
    reports: mpsc::Receiver<Result<Report>>,
}

struct Worker {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Worker {
    fn start(program: &Path) -> Result<Worker> {
        let mut child = Command::new(program)
            .arg("--worker")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdout = child.stdout.take().ok_or_else(|| Error::other("a worker has no output"))?;
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Ok(Worker { child, lines })
    }

    /// Does a job; a report that the worker did not survive says why.
    fn perform(&mut self, job: &Job) -> Result<(Report, bool)> {
        let stdin = self.child.stdin.as_mut().ok_or_else(|| Error::other("no input"))?;
        let line = serde_json::to_string(job).map_err(Error::other)?;
        writeln!(stdin, "{line}")?;
        stdin.flush()?;
        let line = match self.lines.recv_timeout(RUN_TIME_MAX) {
            Ok(line) => line,
            Err(mpsc::RecvTimeoutError::Timeout) => {
                let text = format!("the run did not end within {RUN_TIME_MAX:?} of real time");
                return Ok((Report::of_panic(job, text), false));
            }
            Err(mpsc::RecvTimeoutError::Disconnected) => {
                return Ok((Report::of_panic(job, "the process died".into()), false));
            }
        };
        if let Some(panic) = line.strip_prefix(PANIC_MARK) {
            return Ok((Report::of_panic(job, panic.into()), false));
        }
        serde_json::from_str(&line).map(|report| (report, true)).map_err(Error::other)
    }

    fn end(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Pool {
    /// Starts workers.
    ///
    /// # Errors
    /// When the program cannot be run.
    pub fn start(program: &Path, count: usize) -> Result<Pool> {
        let (jobs, queue) = mpsc::channel::<Job>();
        let queue = std::sync::Arc::new(std::sync::Mutex::new(queue));
        let (sender, reports) = mpsc::channel();
        for _ in 0..count.max(1) {
            let (queue, sender, program) = (queue.clone(), sender.clone(), program.to_path_buf());
            std::thread::spawn(move || serve(&program, &queue, &sender));
        }
        Ok(Pool { jobs, reports })
    }

    /// Gives a job to whichever worker is free first.
    ///
    /// # Errors
    /// When no worker is left.
    pub fn submit(&mut self, job: Job) -> Result<()> {
        self.jobs.send(job).map_err(|_| Error::other("no worker is left"))
    }

    /// The next report.
    ///
    /// # Errors
    /// When a worker could not be started.
    pub fn next_report(&mut self) -> Result<Report> {
        self.reports.recv().map_err(|_| Error::other("no worker is left"))?
    }

    /// Does one job. Nothing else may be under way in this pool: the next report is taken for its
    /// own.
    ///
    /// # Errors
    /// As [`Pool::submit`] and [`Pool::next_report`].
    pub fn alone(&mut self, job: Job) -> Result<Report> {
        self.submit(job)?;
        self.next_report()
    }
}

fn serve(
    program: &Path,
    queue: &std::sync::Mutex<mpsc::Receiver<Job>>,
    reports: &mpsc::Sender<Result<Report>>,
) {
    let mut worker = None;
    loop {
        let job = crate::sync::lock(queue).recv();
        let Ok(job) = job else { break };
        let result = perform(program, &mut worker, &job);
        if reports.send(result).is_err() {
            break;
        }
    }
    if let Some(worker) = worker {
        worker.end();
    }
}

fn perform(program: &Path, slot: &mut Option<Worker>, job: &Job) -> Result<Report> {
    let mut worker = match slot.take() {
        Some(worker) => worker,
        None => Worker::start(program)?,
    };
    let (report, survived) = worker.perform(job)?;
    match survived {
        true => *slot = Some(worker),
        false => worker.end(),
    }
    Ok(report)
}
