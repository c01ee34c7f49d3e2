//! The texts of `--help` and `--version`.

use std::fmt::Write;

use super::flag::{Effect, Flag, Group};
use super::table;

/// Printed to standard error when a flag cannot be read.
pub const USAGE: &str = "Usage:

  cairn [flags]
    Start a member.

  cairn --version
    Show the version.

  cairn -h | --help
    Show this help.

  cairn --config-file
    Path to a YAML file that replaces all other flags and the environment.
";

const HEADINGS: [(Group, &str); 9] = [
    (Group::Member, "Member"),
    (Group::Clustering, "Clustering"),
    (Group::Security, "Security"),
    (Group::Auth, "Auth"),
    (Group::Monitoring, "Profiling and monitoring"),
    (Group::Logging, "Logging"),
    (Group::Features, "Features"),
    (Group::Unsafe, "Unsafe features (these can lose data)"),
    (Group::Meta, "Other"),
];

/// Usage and all flags, group by group.
#[must_use]
pub fn text() -> String {
    let mut text = USAGE.to_owned();
    for (group, heading) in HEADINGS {
        let of_group = || table::all().filter(|flag| flag.group == group);
        let built: Vec<&Flag> = of_group().filter(|f| f.effect == Effect::Built).collect();
        let others: Vec<&Flag> = of_group().filter(|f| f.effect != Effect::Built).collect();
        add(&mut text, heading, &built);
        add(&mut text, &format!("{heading}, defaults only: not supported yet"), &others);
    }
    text.push_str(
        "\nEach flag --some-flag has an environment variable ETCD_SOME_FLAG. A flag of which only \
         the default\nis supported ends the start when it is set to anything else.",
    );
    text
}

fn add(text: &mut String, heading: &str, flags: &[&Flag]) {
    if flags.is_empty() {
        return;
    }
    // Writing to a string does not fail.
    let _infallible = write!(text, "\n{heading}:\n");
    for flag in flags {
        let _infallible = writeln!(text, "  --{} '{}'\n    {}", flag.name, flag.default, flag.help);
    }
}

/// etcd's four lines, for whatever parses them, then our own.
#[must_use]
pub fn version() -> String {
    let arch = match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    };
    format!(
        "etcd Version: {}\nGit SHA: {}\nGo Version: none (Rust)\nGo OS/Arch: {}/{arch}\n\
         Cairn Version: {}\nCairn Commit: {}\nCairn Build: {}",
        node::version::SERVER,
        commit(),
        std::env::consts::OS,
        env!("CARGO_PKG_VERSION"),
        commit(),
        if cfg!(debug_assertions) { "debug" } else { "release" },
    )
}

/// The commit that the binary was built from, where the build says so in `CAIRN_COMMIT`.
#[must_use]
pub fn commit() -> &'static str {
    option_env!("CAIRN_COMMIT").unwrap_or("unknown")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_shows_every_flag_once_under_its_group() {
        let text = text();
        for flag in table::all() {
            let shown = text.matches(&format!("\n  --{} '", flag.name)).count();
            assert_eq!(shown, 1, "{}", flag.name);
        }
        for (_, heading) in HEADINGS {
            assert!(text.contains(&format!("\n{heading}")), "{heading}");
        }
        assert!(!text.contains("--snapshot '"), "ignored names are not shown");
    }

    #[test]
    fn version_begins_with_the_four_lines_of_etcd() {
        let version = version();
        let starts: Vec<&str> =
            version.lines().filter_map(|line| line.split_once(": ")).map(|(key, _)| key).collect();
        let etcd = ["etcd Version", "Git SHA", "Go Version", "Go OS/Arch"];
        assert_eq!(starts[..4], etcd);
        assert!(version.starts_with("etcd Version: 3.7.1\n") && starts.len() > 4, "{version}");
    }
}
