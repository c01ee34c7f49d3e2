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
use fuzz::{Target, memory, mutate};

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
        return written
            .map_or_else(|error| fail(&format!("export: {error}")), |()| ExitCode::SUCCESS);
    }
    report::install();
    if let Some(path) = &options.file {
        return repeat_file(&targets[0], path);
    }
    if let Some(number) = options.input {
        return repeat(&targets, options.seed, number);
    }
    let time = Duration::from_secs(options.seconds) / targets.len() as u32;
    for target in targets {
        if let Err(text) = fuzz_for(&target, &options, time) {
            return fail(&text);
        }
    }
    ExitCode::SUCCESS
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
    let corpus = target.corpus().map_err(|error| format!("corpus of {}: {error}", target.name))?;
    let mut samples = (target.samples)();
    samples.extend(corpus.into_iter().map(|(_, input)| input));
    for (number, sample) in samples.iter().enumerate() {
        report::begin(target.name, &format!("sample {number}"), sample);
        (target.run)(sample);
    }
    let before = memory::peak_bytes();
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
            grown(target, before, next.load(Ordering::Relaxed))?;
        }
        progress.finish();
        Ok::<(), String>(())
    })?;
    grown(target, before, next.load(Ordering::Relaxed))?;
    let (count, seconds) = (next.into_inner(), began.elapsed().as_secs_f64());
    let kept = samples.len();
    line(&format!("{}: {kept} kept, {count} made in {seconds:.1} s, no failure", target.name));
    Ok(())
}

fn run_one(target: &Target, seed: u64, number: u64, samples: &[Vec<u8>]) {
    let input = mutate::input(seed, number, samples);
    report::begin(target.name, &format!("--seed {seed} --input {number}"), &input);
    (target.run)(&input);
}

/// Refuses a target that holds far more memory than its short inputs can need.
fn grown(target: &Target, before: Option<u64>, number: u64) -> Result<(), String> {
    let grown = memory::peak_bytes().zip(before).map_or(0, |(now, before)| now - before);
    if grown <= memory::GROWTH_BYTES_MAX {
        return Ok(());
    }
    let mib = grown >> 20;
    Err(format!("{}: an input before number {number} took {mib} MiB of memory", target.name))
}

fn repeat(targets: &[Target], seed: u64, number: u64) -> ExitCode {
    for target in targets {
        let corpus = target.corpus().unwrap_or_default();
        let mut samples = (target.samples)();
        samples.extend(corpus.into_iter().map(|(_, input)| input));
        run_one(target, seed, number, &samples);
        line(&format!("{}: input {number} of seed {seed} breaks nothing", target.name));
    }
    ExitCode::SUCCESS
}
