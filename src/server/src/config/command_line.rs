//! The command line, as Go's flag package reads it: one or two dashes, `--f=v` or `--f v`,
//! booleans alone or with `=`; the last of several wins; nothing but flags.

use super::exit::Exit;
use super::help;
use super::table;
use super::values::{Values, stands_alone};
use super::warning::Warning;

/// Reads the arguments behind the program's name.
///
/// # Errors
/// Help was asked for, or the line cannot be read.
pub fn parse(args: &[String], warnings: &mut Vec<Warning>) -> Result<Values, Exit> {
    let mut values = Values::default();
    let mut rest = args.iter();
    while let Some(arg) = rest.next() {
        let Some(argument) = split(arg)? else {
            let first = if arg == "--" { rest.next() } else { Some(arg) };
            return match first {
                Some(text) => Err(Exit::Refused(format!("{text:?} is not a valid flag"))),
                None => Ok(values),
            };
        };
        set(&mut values, argument, &mut rest, warnings)?;
    }
    Ok(values)
}

struct Argument<'a> {
    name: &'a str,
    value: Option<&'a str>,
}

/// Takes an argument apart; `None` where flags end.
fn split(arg: &str) -> Result<Option<Argument<'_>>, Exit> {
    let Some(name) = arg.strip_prefix('-').filter(|rest| !rest.is_empty()) else {
        return Ok(None);
    };
    let name = match name.strip_prefix('-') {
        Some("") => return Ok(None),
        Some(name) => name,
        None => name,
    };
    if name.starts_with(['-', '=']) {
        return Err(usage(format!("bad flag syntax: {arg}")));
    }
    Ok(Some(match name.split_once('=') {
        Some((name, value)) => Argument { name, value: Some(value) },
        None => Argument { name, value: None },
    }))
}

fn set<'a>(
    values: &mut Values,
    argument: Argument<'a>,
    rest: &mut impl Iterator<Item = &'a String>,
    warnings: &mut Vec<Warning>,
) -> Result<(), Exit> {
    let Argument { name, value } = argument;
    if table::IGNORED_NAMES.contains(&name) {
        warnings.push(Warning::ignored_flag(name));
        return Ok(());
    }
    let Some(flag) = table::find(name) else {
        return Err(match name {
            "h" | "help" => Exit::Told(help::text()),
            name => usage(format!("flag provided but not defined: -{name}")),
        });
    };
    if stands_alone(flag.kind) {
        let value = value.unwrap_or("true");
        return values.set(flag, value).map_err(|error| {
            usage(format!("invalid boolean value {value:?} for -{name}: {error}"))
        });
    }
    let Some(value) = value.or_else(|| rest.next().map(String::as_str)) else {
        return Err(usage(format!("flag needs an argument: -{name}")));
    };
    let set = values.set(flag, value);
    set.map_err(|error| usage(format!("invalid value {value:?} for flag -{name}: {error}")))
}

fn usage(error: String) -> Exit {
    Exit::Usage(format!("{error}\n{}", help::USAGE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Values, Exit> {
        let args: Vec<String> = line.split_whitespace().map(str::to_owned).collect();
        parse(&args, &mut Vec::new())
    }

    #[test]
    fn flags_are_read_as_go_reads_them() {
        let cases = [
            ("--name=a", "name", "a"),
            ("-name=a", "name", "a"),
            ("--name a", "name", "a"),
            ("-name a --name=b", "name", "b"),
            ("--name=", "name", ""),
            ("--name=a=b", "name", "a=b"),
            ("--name --pre-vote", "name", "--pre-vote"),
            ("--heartbeat-interval=0x10", "heartbeat-interval", "16"),
            ("--pre-vote=false", "pre-vote", "false"),
            ("--pre-vote=F", "pre-vote", "false"),
            ("--enable-pprof", "enable-pprof", "true"),
            ("--enable-pprof --name a", "name", "a"),
            ("--name a --", "name", "a"),
            ("", "name", "default"),
        ];
        for (line, name, expected) in cases {
            let values = parsed(line).unwrap_or_else(|exit| panic!("{line}: {exit:?}"));
            assert_eq!(values.text(name), expected, "{line}");
        }
    }

    #[test]
    fn every_flag_takes_its_own_default_in_all_forms() {
        for flag in table::all() {
            for dashes in ["-", "--"] {
                let arg = format!("{dashes}{}={}", flag.name, flag.default);
                let values = parse(&[arg], &mut Vec::new()).expect("a default is a value");
                assert!(values.is_set(flag.name), "{}", flag.name);
                let apart = [format!("{dashes}{}", flag.name), flag.default.to_owned()];
                let apart = &apart[..if stands_alone(flag.kind) { 1 } else { 2 }];
                let values = parse(apart, &mut Vec::new()).expect("a default is a value");
                assert!(values.is_set(flag.name), "{}", flag.name);
            }
        }
    }

    #[test]
    fn what_cannot_be_read_ends_with_etcd_s_text_and_code() {
        let cases = [
            ("--nope", 2, "flag provided but not defined: -nope"),
            ("-nope=1", 2, "flag provided but not defined: -nope"),
            ("--discovery=x", 2, "flag provided but not defined: -discovery"),
            ("--experimental-x", 2, "flag provided but not defined: -experimental-x"),
            ("---name", 2, "bad flag syntax: ---name"),
            ("-=a", 2, "bad flag syntax: -=a"),
            ("--name", 2, "flag needs an argument: -name"),
            ("--max-txn-ops=x", 2, "invalid value \"x\" for flag -max-txn-ops: parse error"),
            ("--pre-vote=x", 2, "invalid boolean value \"x\" for -pre-vote: parse error"),
            ("--pre-vote false", 1, "\"false\" is not a valid flag"),
            ("serve", 1, "\"serve\" is not a valid flag"),
            ("-", 1, "\"-\" is not a valid flag"),
            ("-- --name", 1, "\"--name\" is not a valid flag"),
            (
                "--initial-cluster-state=x",
                2,
                "invalid value \"x\" for flag -initial-cluster-state: invalid value",
            ),
            (
                "--feature-gates=x=true",
                2,
                "invalid value \"x=true\" for flag -feature-gates: unrecognized feature gate: x",
            ),
        ];
        for (line, code, text) in cases {
            let exit = parsed(line).err().unwrap_or_else(|| panic!("{line} was read"));
            assert_eq!(exit.code(), code, "{line}");
            let (Exit::Usage(found) | Exit::Refused(found)) = exit else { panic!("{line}") };
            assert_eq!(found.lines().next(), Some(text), "{line}");
            assert_eq!(found.contains("Usage:"), code == 2, "{line}");
        }
    }

    #[test]
    fn help_is_told_and_old_names_are_ignored_with_a_warning() {
        for line in ["-h", "--help", "-help", "--name a --h"] {
            assert_eq!(parsed(line).err().map(|exit| exit.code()), Some(0), "{line}");
        }
        for name in table::IGNORED_NAMES {
            for arg in [format!("--{name}"), format!("-{name}=3")] {
                let mut warnings = Vec::new();
                parse(&[arg], &mut warnings).expect("it is ignored");
                assert_eq!(warnings.len(), 1, "{name}");
            }
        }
    }
}
