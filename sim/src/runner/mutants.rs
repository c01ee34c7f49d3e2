//! Planted bugs: each patch of `sim/mutants` is applied to a copy of the tree, built, and run until
//! the check of its row in RELIABILITY.md fires. What that check does not catch within its tier, or
//! what no longer applies, is a failure of the simulator.
//!
//! The copy and its build stay under `target/mutants`: a mutant builds what its patch and the one
//! before it touch, and no more.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use super::progress::line;
use super::{Sweep, sweep};

/// Planted bugs: identifier, the checks of its row, and the runs within which one must fire.
const MUTANTS: [(&str, &[&str], u64); 31] = [
    ("M01", &["R6", "R7"], 200),
    ("M02", &["R3"], 200),
    ("M03", &["R9", "R7"], 5_000),
    ("M04", &["R8", "R1"], 200),
    ("M05", &["R12", "R7"], 5_000),
    ("M09", &["R15", "V2"], 5_000),
    // The same mistake where a leader is alone and asks nobody.
    ("M09-alone", &["R15", "V2"], 5_000),
    ("M12", &["R3", "L1"], 200),
    ("M13", &["L2"], 200),
    ("M14", &["L5", "L1"], 5_000),
    // A segment that no crash preserves holds nothing durable: the first claim on it is false.
    ("M15", &["R13", "R3", "L1", "L4"], 5_000),
    ("M16", &["R3", "X2", "L4"], 5_000),
    ("M17", &["X1", "A1"], 5_000),
    ("M18", &["A2"], 5_000),
    // The newest change always survives a compaction here; what is left is the newest pair.
    ("M19", &["V4"], 5_000),
    ("M20", &["V4"], 200),
    // Against the live state: seen by nested compares, behind the writes of the outer branch.
    ("M21", &["T2"], 200),
    ("M22", &["T1", "T6", "H1"], 5_000),
    ("M23", &["W5"], 200),
    ("M24", &["W7"], 5_000),
    // Where history is queued: what reads it drops a part of a revision and reads it again.
    ("M25", &["W4"], 200),
    ("M26", &["W5", "W6"], 5_000),
    ("M28", &["H1", "E3"], 200),
    // The cleaner drops what the map still names, or goes by a compaction that is not recorded.
    ("clean-order", &["R16"], 5_000),
    ("clean-early", &["A4", "A2"], 5_000),
    // Who waits goes by the end of the key before its own, which may have left from the middle.
    ("queue-jump", &["Q1"], 200),
    // Whoever is somebody reads everything.
    ("read-rights", &["Z1"], 200),
    // A watch begins before its member's hub was told of what the member has answered.
    ("watch-early", &["W17"], 200),
    // The leader compares what the others hold with what itself held before they were asked.
    ("compare-early", &["H2"], 200),
    // Must pass everything, and must fail: they judge the procedure itself.
    ("no-op", &[], 30),
    ("canary", &["V4", "V1"], 30),
];

/// How one mutant fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Caught after so many runs.
    Caught {
        /// The runs.
        runs: u64,
        /// What was broken first.
        first: String,
        /// All that was broken in that run.
        all: BTreeSet<String>,
    },
    /// Nothing was broken in so many runs.
    Survived(u64),
    /// The patch does not apply or the result does not build.
    Unusable(String),
}

/// Which mutants to run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// All.
    All,
    /// The one with this name.
    Only(String),
    /// So many, chosen by the commit that is checked out.
    Rotate(usize),
}

/// Runs the chosen mutants; true when all fared as they must.
///
/// # Errors
/// When there is no such mutant, or a copy cannot be made.
pub fn run(root: &Path, choice: &Choice, jobs: usize) -> Result<bool> {
    let mut all_well = true;
    for (name, checks, tier) in chosen(root, choice)? {
        let began = Instant::now();
        let patch = root.join(format!("sim/mutants/{name}.patch"));
        let fate = try_one(root, &patch, checks, tier, jobs)?;
        let (is_well, note) = judge(checks, &fate);
        all_well &= is_well;
        let verdict = if is_well { "well" } else { "NOT WELL" };
        let seconds = began.elapsed().as_secs();
        line(&format!("{name}: {note}: {verdict}; {fate:?}; {seconds} s with its build"));
    }
    Ok(all_well)
}

type Mutant = (&'static str, &'static [&'static str], u64);

fn chosen(root: &Path, choice: &Choice) -> Result<Vec<Mutant>> {
    Ok(match choice {
        Choice::All => MUTANTS.to_vec(),
        Choice::Only(only) => {
            let found = MUTANTS.iter().find(|(name, ..)| name == only);
            vec![*found.ok_or_else(|| Error::other(format!("there is no mutant {only}")))?]
        }
        Choice::Rotate(count) => {
            let commit =
                Command::new("git").args(["rev-parse", "HEAD"]).current_dir(root).output()?;
            let commit = String::from_utf8_lossy(&commit.stdout);
            let number = commit.get(..8).and_then(|head| u64::from_str_radix(head, 16).ok());
            let number = number.ok_or_else(|| Error::other("the tree has no commit to go by"))?;
            rotation(number, *count)
        }
    })
}

/// So many mutants that follow each other in the table, from one that the number decides.
fn rotation(number: u64, count: usize) -> Vec<Mutant> {
    let first = (number % MUTANTS.len() as u64) as usize;
    MUTANTS.iter().cycle().skip(first).take(count.min(MUTANTS.len())).copied().collect()
}

fn judge(checks: &[&str], fate: &Fate) -> (bool, &'static str) {
    match fate {
        Fate::Caught { .. } if checks.is_empty() => (false, "must pass everything"),
        Fate::Caught { all, .. } if checks.iter().any(|check| all.contains(*check)) => {
            (true, "caught by its check")
        }
        Fate::Caught { .. } => (false, "caught by other checks only, which counts half"),
        Fate::Survived(_) if checks.is_empty() => (true, "passes everything"),
        Fate::Survived(_) => (false, "not caught"),
        Fate::Unusable(_) => (false, "not tried"),
    }
}

fn try_one(root: &Path, patch: &Path, checks: &[&str], tier: u64, jobs: usize) -> Result<Fate> {
    let folder = root.join("target/mutants");
    let tree = folder.join("tree");
    refresh(root, &tree)?;
    let applied = Command::new("git")
        .args(["apply", "--whitespace=nowarn"])
        .arg(patch)
        .current_dir(&tree)
        // Without this the patch would be taken for one of the repository around the copy.
        .env("GIT_CEILING_DIRECTORIES", &folder)
        .output()?;
    if !applied.status.success() {
        let why = String::from_utf8_lossy(&applied.stderr).trim().to_string();
        return Ok(Fate::Unusable(format!("the patch does not apply: {why}")));
    }
    let target = folder.join("build");
    let built = Command::new("cargo")
        .args(["build", "--release", "-p", "sim"])
        .env("CARGO_TARGET_DIR", &target)
        // A mutant runs for a minute at most: what counts is how fast it is built.
        .env("CARGO_INCREMENTAL", "1")
        .env("CARGO_PROFILE_RELEASE_LTO", "off")
        .env("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16")
        .current_dir(&tree)
        .output()?;
    if !built.status.success() {
        let why = String::from_utf8_lossy(&built.stderr);
        let errors: Vec<&str> = why.lines().filter(|line| line.starts_with("error")).collect();
        return Ok(Fate::Unusable(format!("it does not build: {errors:?}")));
    }
    let swept = sweep(&Sweep {
        start: 1,
        seeds: tier,
        jobs,
        members: None,
        keep_going: false,
        until: checks.iter().map(|check| (*check).to_string()).collect(),
        shrink: false,
        shrink_runs: 0,
        demand_all: false,
        out: folder,
        program: target.join("release").join(program_name()),
        quiet: true,
    })?;
    let by_its_check = |report: &&super::job::Report| {
        checks.iter().any(|check| report.all_broken.contains(*check))
    };
    let caught = swept.failures.iter().find(by_its_check).or(swept.failures.first());
    let runs = swept.summary.runs();
    Ok(match caught.and_then(|report| report.broken.as_ref().zip(Some(report))) {
        Some((broken, report)) => {
            Fate::Caught { runs, first: broken.check.clone(), all: report.all_broken.clone() }
        }
        None => Fate::Survived(runs),
    })
}

fn program_name() -> String {
    format!("sim{}", std::env::consts::EXE_SUFFIX)
}

/// Makes the copy equal to the tree. Files that are equal are left alone, so that they are not
/// built again.
fn refresh(root: &Path, copy: &Path) -> Result<()> {
    let files = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
        .current_dir(root)
        .output()?;
    if !files.status.success() {
        return Err(Error::other("the tree is not under version control"));
    }
    let names = files.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let mut kept = BTreeSet::new();
    for name in names {
        let name = PathBuf::from(String::from_utf8_lossy(name).into_owned());
        let (from, to) = (root.join(&name), copy.join(&name));
        if !from.is_file() {
            continue;
        }
        if let Some(dir) = to.parent() {
            fs::create_dir_all(dir)?;
        }
        let content = fs::read(&from)?;
        if fs::read(&to).ok().as_ref() != Some(&content) {
            fs::write(&to, content)?;
        }
        kept.insert(to);
    }
    remove_others(copy, &kept)
}

fn remove_others(folder: &Path, kept: &BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            remove_others(&path, kept)?;
        } else if !kept.contains(&path) {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_check_counts_and_silence_does_not_count() {
        let caught = |check: &str| Fate::Caught {
            runs: 3,
            first: "R16".into(),
            all: BTreeSet::from([check.to_string()]),
        };
        assert!(judge(&["V4"], &caught("V4")).0);
        assert!(!judge(&["V4"], &caught("G1")).0);
        assert!(!judge(&["V4"], &Fate::Survived(200)).0);
        assert!(judge(&[], &Fate::Survived(30)).0 && !judge(&[], &caught("V4")).0);
        assert!(!judge(&["V4"], &Fate::Unusable(String::new())).0);
    }

    #[test]
    fn a_rotation_comes_to_all_mutants() {
        let names =
            |number| -> Vec<&str> { rotation(number, 2).iter().map(|(name, ..)| *name).collect() };
        assert_eq!(names(0), ["M01", "M02"]);
        let all: BTreeSet<&str> = (0..MUTANTS.len() as u64).flat_map(names).collect();
        assert_eq!(all.len(), MUTANTS.len());
        assert_eq!(names(3), names(3 + MUTANTS.len() as u64), "the number alone decides");
    }

    #[test]
    fn each_mutant_has_a_patch_that_applies() {
        let sim = Path::new(env!("CARGO_MANIFEST_DIR"));
        for (name, ..) in MUTANTS {
            let patch = sim.join(format!("mutants/{name}.patch"));
            let mut check = Command::new("git");
            check.args(["apply", "--check"]).arg(&patch).current_dir(sim.join(".."));
            let checked = check.output().expect("git is there");
            let why = String::from_utf8_lossy(&checked.stderr);
            assert!(checked.status.success(), "{name}: {why}");
        }
    }
}
