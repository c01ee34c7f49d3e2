//! Planted bugs: each patch of `sim/mutants` is applied to a copy of the tree, built, and run until
//! a check catches it. What is not caught within its tier, or no longer applies, is a failure of
//! the simulator.

use std::io::{Error, Result};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::progress::line;
use super::{Sweep, sweep};

/// Planted bugs: identifier, the checks that should fire, and the runs within which one must.
const MUTANTS: [(&str, &[&str], u64); 9] = [
    ("M01", &["R6", "R7"], 200),
    ("M02", &["R3"], 200),
    ("M12", &["R3", "R13", "L1", "R8"], 200),
    ("M13", &["L2", "R6", "R7", "R3"], 200),
    ("M18", &["A2", "A1", "A3", "V3", "V4"], 5_000),
    ("M20", &["V4"], 200),
    ("M23", &["W5"], 200),
    // Must pass everything, and must fail: they judge the procedure itself.
    ("no-op", &[], 30),
    ("canary", &["V4", "V1"], 30),
];

/// How one mutant fared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Caught by a check, after so many runs.
    Caught(String, u64),
    /// Not caught within its tier.
    Survived(u64),
    /// The patch does not apply or the result does not build.
    Unusable(String),
}

/// Runs all mutants, or one; true when all fared as they must.
///
/// # Errors
/// When a copy cannot be made.
pub fn run(root: &Path, only: Option<&str>, jobs: usize) -> Result<bool> {
    let mut all_well = true;
    for (name, checks, tier) in MUTANTS {
        if only.is_some_and(|only| only != name) {
            continue;
        }
        let patch = root.join(format!("sim/mutants/{name}.patch"));
        if !patch.exists() {
            line(&format!("{name}: no patch, not counted"));
            continue;
        }
        let fate = try_one(root, &patch, tier, jobs)?;
        let (is_well, note) = judge(checks, &fate);
        all_well &= is_well;
        let verdict = if is_well { "well" } else { "NOT WELL" };
        line(&format!("{name}: {fate:?}: {note}: {verdict}"));
    }
    Ok(all_well)
}

fn judge(checks: &[&str], fate: &Fate) -> (bool, &'static str) {
    match fate {
        Fate::Caught(check, _) if checks.contains(&check.as_str()) => (true, "by its check"),
        Fate::Caught(..) if checks.is_empty() => (false, "must pass everything"),
        Fate::Caught(..) => (true, "by another check, which counts half"),
        Fate::Survived(_) if checks.is_empty() => (true, "passes everything"),
        Fate::Survived(_) => (false, "not caught"),
        Fate::Unusable(_) => (false, "not tried"),
    }
}

fn try_one(root: &Path, patch: &Path, tier: u64, jobs: usize) -> Result<Fate> {
    let copy = Copy::of(root)?;
    let applied = Command::new("git")
        .args(["apply", "--whitespace=nowarn"])
        .arg(patch)
        .current_dir(&copy.path)
        .output()?;
    if !applied.status.success() {
        let why = String::from_utf8_lossy(&applied.stderr).trim().to_string();
        return Ok(Fate::Unusable(format!("the patch does not apply: {why}")));
    }
    // One target directory for all mutants: only what a patch touches is built again.
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| std::env::temp_dir().join("cairn-mutants-target"), PathBuf::from);
    let built = Command::new("cargo")
        .args(["build", "--release", "-p", "sim"])
        .env("CARGO_TARGET_DIR", &target)
        .current_dir(&copy.path)
        .output()?;
    if !built.status.success() {
        let why = String::from_utf8_lossy(&built.stderr);
        let errors: Vec<&str> = why.lines().filter(|line| line.starts_with("error")).collect();
        return Ok(Fate::Unusable(format!("it does not build: {errors:?}")));
    }
    // The next mutant's build replaces the program, so this one runs from its own copy.
    let program = copy.path.join("mutant");
    std::fs::copy(target.join("release").join(program_name()), &program)?;
    let swept = sweep(&Sweep {
        start: 1,
        seeds: tier,
        jobs,
        members: None,
        keep_going: false,
        shrink: false,
        shrink_runs: 0,
        demand_all: false,
        out: copy.path.clone(),
        program,
        quiet: true,
    })?;
    Ok(match swept.failures.first().and_then(|report| report.broken.as_ref().zip(Some(report))) {
        Some((broken, report)) => Fate::Caught(broken.check.clone(), report.seed),
        None => Fate::Survived(tier),
    })
}

fn program_name() -> String {
    format!("sim{}", std::env::consts::EXE_SUFFIX)
}

/// A copy of the tree in a temporary directory, removed when dropped.
struct Copy {
    path: PathBuf,
}

impl Copy {
    fn of(root: &Path) -> Result<Copy> {
        let path = std::env::temp_dir().join(format!("cairn-mutant-{}", std::process::id()));
        if path.exists() {
            std::fs::remove_dir_all(&path)?;
        }
        let files = Command::new("git")
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .current_dir(root)
            .output()?;
        if !files.status.success() {
            return Err(Error::other("the tree is not under version control"));
        }
        let copy = Copy { path };
        for name in files.stdout.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
            let name = String::from_utf8_lossy(name).into_owned();
            let (from, to) = (root.join(&name), copy.path.join(&name));
            if !from.is_file() {
                continue;
            }
            if let Some(dir) = to.parent() {
                std::fs::create_dir_all(dir)?;
            }
            std::fs::copy(from, to)?;
        }
        Ok(copy)
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_its_own_check_counts_whole_and_silence_does_not_count() {
        let caught = |check: &str| Fate::Caught(check.into(), 3);
        assert!(judge(&["V4"], &caught("V4")).0);
        assert_eq!(judge(&["V4"], &caught("G1")).1, "by another check, which counts half");
        assert!(!judge(&["V4"], &Fate::Survived(200)).0);
        assert!(judge(&[], &Fate::Survived(30)).0 && !judge(&[], &caught("V4")).0);
        assert!(!judge(&["V4"], &Fate::Unusable(String::new())).0);
    }
}
