//! Environment variables: each flag has one, `ETCD_` and the name in capitals. A flag and its
//! variable together are a conflict; an empty variable is none.

use std::collections::BTreeMap;

use super::exit::Exit;
use super::flag::environment_variable;
use super::table;
use super::values::Values;
use super::warning::Warning;

/// The process's variables.
pub type Environment = BTreeMap<String, String>;

const PREFIX: &str = "ETCD_";

/// Variables of this prefix that are no flags and yet mean something.
const OTHERS: [&str; 2] = ["ETCD_UNSUPPORTED_ARCH", "ETCD_VERIFY"];

const CONFLICT: &str = "conflicting environment variable is shadowed by corresponding \
    command-line flag (either unset environment variable or disable flag))";

/// Adds what the environment sets to what the command line set.
///
/// # Errors
/// A conflict, or a text that is no value.
pub fn apply(
    environment: &Environment,
    values: &mut Values,
    warnings: &mut Vec<Warning>,
) -> Result<(), Exit> {
    let mut used = vec!["ETCD_VERSION".to_owned()];
    if environment.get("ETCD_VERSION").is_some_and(|value| !value.is_empty()) {
        warnings.push(Warning::new("cannot set special environment variable", "ETCD_VERSION"));
    }
    for flag in table::all().filter(|flag| flag.name != "version") {
        let variable = flag.environment_variable();
        let Some(text) = environment.get(&variable).filter(|text| !text.is_empty()) else {
            continue;
        };
        if values.is_set(flag.name) {
            return Err(Exit::Refused(format!("{CONFLICT}: environment-variable {variable}")));
        }
        let set = values.set(flag, text);
        set.map_err(|error| {
            Exit::Refused(format!("invalid value {text:?} for {variable}: {error}"))
        })?;
        used.push(variable);
    }
    for name in table::IGNORED_NAMES {
        let variable = environment_variable(name);
        if environment.get(&variable).is_some_and(|text| !text.is_empty()) {
            warnings.push(Warning::ignored_flag(name));
            used.push(variable);
        }
    }
    let unknown = environment
        .iter()
        .filter(|(name, text)| name.starts_with(PREFIX) && !text.is_empty())
        .filter(|(name, _)| !used.contains(name) && !OTHERS.contains(&name.as_str()));
    warnings.extend(
        unknown.map(|(name, _)| Warning::new("unrecognized environment variable", name.as_str())),
    );
    Ok(())
}

/// Warns of every variable of a flag: a configuration file replaces them all.
pub fn warn_of_all(environment: &Environment, warnings: &mut Vec<Warning>) {
    let message = "environment variables are ignored, because a configuration file is given";
    for flag in table::all().filter(|flag| flag.name != "config-file") {
        let variable = flag.environment_variable();
        if environment.get(&variable).is_some_and(|text| !text.is_empty()) {
            warnings.push(Warning::new(message, variable));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn applied(pairs: &[(&str, &str)]) -> Result<(Values, Vec<Warning>), Exit> {
        let environment = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let (mut values, mut warnings) = (Values::default(), Vec::new());
        let name = table::find("name").expect("a flag");
        values.set(name, "line").expect("a name");
        apply(&environment, &mut values, &mut warnings)?;
        Ok((values, warnings))
    }

    #[test]
    fn every_flag_has_a_variable() {
        for flag in table::all().filter(|flag| !["name", "version"].contains(&flag.name)) {
            if flag.default.is_empty() {
                continue;
            }
            let (values, warnings) = applied(&[(&flag.environment_variable(), flag.default)])
                .unwrap_or_else(|exit| panic!("{}: {exit:?}", flag.name));
            assert!(values.is_set(flag.name) && warnings.is_empty(), "{}", flag.name);
        }
        let (values, _) = applied(&[("ETCD_MAX_TXN_OPS", "7")]).expect("a value");
        assert_eq!(values.uint("max-txn-ops"), 7);
    }

    #[test]
    fn conflicts_and_bad_values_end_the_start() {
        let exit = applied(&[("ETCD_NAME", "variable")]).expect_err("a conflict");
        let Exit::Refused(text) = &exit else { panic!("{exit:?}") };
        assert!(text.starts_with("conflicting environment variable is shadowed by "), "{text}");
        assert!(text.ends_with("environment-variable ETCD_NAME"), "{text}");
        let exit = applied(&[("ETCD_MAX_TXN_OPS", "x")]).expect_err("no number");
        let text = "invalid value \"x\" for ETCD_MAX_TXN_OPS: parse error";
        assert_eq!(exit, Exit::Refused(text.into()));
    }

    #[test]
    fn empty_variables_are_none_and_unknown_ones_warn() {
        let pairs = [
            ("ETCD_NAME", ""),
            ("ETCD_NO_SUCH", "1"),
            ("ETCD_VERSION", "v3"),
            ("ETCD_SNAPSHOT", "1"),
            ("ETCD_UNSUPPORTED_ARCH", "arm"),
            ("HOME", "/"),
        ];
        let (values, warnings) = applied(&pairs).expect("nothing is wrong");
        let about: Vec<&str> = warnings.iter().map(|warning| warning.about.as_str()).collect();
        assert_eq!(about, ["ETCD_VERSION", "snapshot", "ETCD_NO_SUCH"]);
        assert!(!values.bool("version"));
    }
}
