//! The same stream of requests to a real etcd and to Cairn; every answer must be equal.
//!
//! `differential --requests 10000 --seed 1 [--clients 3] [--against etcd] [--auth] [--concurrency]`
//!
//! A difference is printed with its seed, step, request and both answers, and what it takes to see
//! it again. The last line counts them; the code is 1 when one of them has no row in the table
//! `tests/interop/differences.txt`. `--record FOLDER` instead keeps what etcd answers.
#![allow(clippy::print_stdout, reason = "this file is where the program speaks")]

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use tests::differential::{Episode, Explanations, Features, Summary, record, run_episode, shrink};
use tests::kind::Kind;

/// Steps of an episode: each begins with fresh members.
const EPISODE: usize = 2_000;

/// Whom etcd is compared with.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Against {
    Cairn,
    Etcd,
}

#[derive(Debug, Parser)]
#[command(about = "Compares every answer of Cairn with that of a real etcd")]
struct Options {
    /// Requests in all.
    #[arg(long, default_value = "2000")]
    requests: usize,
    /// The first episode's seed; the others follow.
    #[arg(long, default_value = "1")]
    seed: u64,
    /// Clients, each with a connection of its own.
    #[arg(long, default_value = "3")]
    clients: usize,
    /// Steps of an episode.
    #[arg(long, default_value_t = EPISODE)]
    episode: usize,
    /// Whom etcd is compared with; etcd itself shows that the normaliser suffices.
    #[arg(long, value_enum, default_value = "cairn")]
    against: Against,
    /// Users, roles and permissions too.
    #[arg(long)]
    auth: bool,
    /// Locks and elections too.
    #[arg(long)]
    concurrency: bool,
    /// Unexplained differences that are shown in full.
    #[arg(long, default_value = "20")]
    show: usize,
    /// Attempts to shorten the stream of the first unexplained difference.
    #[arg(long, default_value = "0")]
    shrink: usize,
    /// Keeps etcd's answers in this folder, one file an episode, and compares nothing.
    #[arg(long)]
    record: Option<PathBuf>,
}

impl Options {
    fn episodes(&self) -> impl Iterator<Item = Episode> + '_ {
        let features = Features { auth: self.auth, concurrency: self.concurrency };
        let count = self.requests.div_ceil(self.episode);
        (0..count).map(move |number| Episode {
            seed: self.seed + number as u64,
            steps: self.episode.min(self.requests - number * self.episode),
            clients: self.clients,
            features,
        })
    }
}

async fn keep(options: &Options, folder: &std::path::Path) {
    for episode in options.episodes() {
        let recording = record(&episode).await;
        let path = folder.join(format!("etcd-3.7.1-seed-{}.jsonl.gz", episode.seed));
        recording.write(&path).expect("the folder can be written");
        println!("{}: {} steps", path.display(), recording.lines.len());
    }
}

async fn compare(options: &Options) -> Summary {
    let other = match options.against {
        Against::Cairn => Kind::Cairn,
        Against::Etcd => Kind::Etcd,
    };
    let kinds = [Kind::Etcd, other];
    let mut summary = Summary { explained: Explanations::of_repository(), ..Summary::default() };
    let mut shown_of: BTreeMap<String, u32> = BTreeMap::new();
    for episode in options.episodes() {
        let began = Instant::now();
        let (steps, found) = run_episode(&episode, kinds).await;
        summary.requests += steps.len() as u64;
        let mut unexplained = 0;
        for difference in found {
            if summary.explained.explain(&difference) {
                continue;
            }
            unexplained += 1;
            summary.unexplained += 1;
            let of_kind = shown_of.entry(difference.path().to_owned()).or_default();
            *of_kind += 1;
            if *of_kind as usize <= options.show {
                println!("seed {} {difference}", episode.seed);
            }
            if summary.unexplained == 1 && options.shrink > 0 {
                show_short(options, &episode, kinds, &steps[..=difference.number]).await;
            }
        }
        let seconds = began.elapsed().as_secs_f64();
        println!(
            "== seed {}: {} requests, {unexplained} unexplained differences, {seconds:.1} s",
            episode.seed,
            steps.len()
        );
    }
    summary
}

async fn show_short(
    options: &Options,
    episode: &Episode,
    kinds: [Kind; 2],
    steps: &[tests::differential::Step],
) {
    let short = shrink(steps.to_vec(), kinds, episode.flavour(), options.shrink).await;
    let Some((steps, difference)) = short else {
        return println!("-- not seen again with the same steps");
    };
    println!("-- {} steps show it:", steps.len());
    steps.iter().for_each(|step| println!("   {step}"));
    println!("{difference}");
}

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    if let Some(folder) = &options.record {
        keep(&options, folder).await;
        return ExitCode::SUCCESS;
    }
    let summary = compare(&options).await;
    println!("{summary}");
    match summary.unexplained {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
