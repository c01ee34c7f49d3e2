//! Runs the fuzzers on stable Rust for a time, from a seed, and says how to repeat what fails.
//!
//! An input follows from target, seed and number alone, so `--input` repeats one. The first panic
//! ends the run with code 1; the input is kept in `target/fuzz`.

mod options;
mod progress;
mod report;

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use fuzz::memory::Meter;
use fuzz::{Target, mutate};

use options::Options;
use progress::{Progress, line};

/// Inputs between two looks at the clock and the memory.
const BATCH: u64 = 32;

fn main() -> ExitCode {
    let options = Options::parse();
    let targets = match options.targets() {
        Ok(targets) => targets,
        Err(text) => return fail(&text),
    };
    if let Some(folder) = &options.export {
        let written = targets.iter().try_for_each(|target| export(target, folder));
        return told(written.map_err(|error| format!("export: {error}")));
    }
    report::install();
    if let Some(path) = &options.file {
        return repeat_file(&targets[0], path);
    }
    if let Some(number) = options.input {
        return told(repeat(&targets, options.seed, number));
    }
    let time = Duration::from_secs(options.seconds) / targets.len() as u32;
    told(targets.iter().try_for_each(|target| fuzz_for(target, &options, time)))
}

fn told(result: Result<(), String>) -> ExitCode {
    result.map_or_else(|text| fail(&text), |()| ExitCode::SUCCESS)
}

fn fail(text: &str) -> ExitCode {
    line(text);
    ExitCode::FAILURE
}

fn repeat_file(target: &Target, path: &Path) -> ExitCode {
    let input = match fs::read(path) {
        Ok(input) => input,
        Err(error) => return fail(&format!("{}: {error}", path.display())),
    };
    report::begin(target.name, &format!("{}", path.display()), &input);
    (target.run)(&input);
    line(&format!("{}: {} breaks nothing", target.name, path.display()));
    ExitCode::SUCCESS
}

fn export(target: &Target, folder: &Path) -> std::io::Result<()> {
    let folder = folder.join(target.name);
    fs::create_dir_all(&folder)?;
    let samples = (target.samples)();
    let numbered = samples.iter().enumerate();
    for (number, sample) in numbered {
        fs::write(folder.join(format!("sample-{number:02}")), sample)?;
    }
    Ok(())
}

/// All that is kept and sound, then inputs made of it until the time is over.
fn fuzz_for(target: &Target, options: &Options, time: Duration) -> Result<(), String> {
    let samples = inputs(target)?;
    for (number, sample) in samples.iter().enumerate() {
        report::begin(target.name, &format!("sample {number}"), sample);
        (target.run)(sample);
    }
    let meter = Meter::begin();
    let judge = |count| judge(target, meter, options.jobs, count);
    let (began, next) = (Instant::now(), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..options.jobs {
            scope.spawn(|| {
                while began.elapsed() < time {
                    let first = next.fetch_add(BATCH, Ordering::Relaxed);
                    for number in first..first + BATCH {
                        run_one(target, options.seed, number, &samples);
                    }
                }
            });
        }
        let mut progress = Progress::new(target.name, time);
        while began.elapsed() < time {
            std::thread::sleep(Duration::from_millis(100).min(time));
            progress.show(began.elapsed(), next.load(Ordering::Relaxed));
            judge(next.load(Ordering::Relaxed))?;
        }
        progress.finish();
        Ok::<(), String>(())
    })?;
    let count = next.into_inner();
    judge(count)?;
    if count == 0 {
        return Err(format!("{}: no input was made in {time:?}: give it more time", target.name));
    }
    let (kept, seconds) = (samples.len(), began.elapsed().as_secs_f64());
    let mib = meter.map_or(0, |meter| meter.grown() >> 20);
    let made = format!("{count} made in {seconds:.1} s, {mib} MiB more memory");
    line(&format!("{}: {kept} kept, {made}, no failure", target.name));
    Ok(())
}

fn inputs(target: &Target) -> Result<Vec<Vec<u8>>, String> {
    target.inputs().map_err(|error| format!("corpus of {}: {error}", target.name))
}

fn run_one(target: &Target, seed: u64, number: u64, samples: &[Vec<u8>]) {
    let input = mutate::input(seed, number, samples);
    report::begin(target.name, &format!("--seed {seed} --input {number}"), &input);
    (target.run)(&input);
}

/// Refuses a target that takes far more memory than its short inputs can need.
fn judge(target: &Target, meter: Option<Meter>, jobs: usize, count: u64) -> Result<(), String> {
    let Some(meter) = meter else { return Ok(()) };
    let verdict = meter.judge(target.thread_mib_max << 20, jobs as u64);
    verdict.map_err(|text| format!("{}: an input before number {count} {text}", target.name))
}

fn repeat(targets: &[Target], seed: u64, number: u64) -> Result<(), String> {
    for target in targets {
        run_one(target, seed, number, &inputs(target)?);
        line(&format!("{}: input {number} of seed {seed} breaks nothing", target.name));
    }
    Ok(())
}
