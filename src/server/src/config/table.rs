//! Every flag of etcd, as data.

mod clustering;
mod features;
mod member;
mod monitoring;
mod security;

use super::flag::Flag;

/// A row: name, kind, default, effect, help.
macro_rules! flags {
    ($group:ident: $(
        $name:literal $kind:expr, $default:literal, $effect:ident, $help:literal;
    )*) => {
        &[$($crate::config::flag::Flag {
            name: $name,
            group: $crate::config::flag::Group::$group,
            kind: $kind,
            default: $default,
            help: $help,
            effect: $crate::config::flag::Effect::$effect,
        }),*]
    };
}
use flags;

const TABLES: [&[Flag]; 9] = [
    member::FLAGS,
    clustering::FLAGS,
    security::FLAGS,
    security::AUTH,
    monitoring::FLAGS,
    monitoring::LOGGING,
    features::FLAGS,
    features::UNSAFE,
    features::META,
];

/// Names that etcd accepts and ignores with a warning.
pub const IGNORED_NAMES: [&str; 15] = [
    "cluster-active-size",
    "cluster-remove-delay",
    "cluster-sync-interval",
    "config",
    "force",
    "max-result-buffer",
    "max-retry-attempts",
    "peer-heartbeat-interval",
    "peer-election-timeout",
    "retry-interval",
    "snapshot",
    "v",
    "vv",
    "test.coverprofile",
    "test.outputdir",
];

/// All flags, group by group.
pub fn all() -> impl Iterator<Item = &'static Flag> {
    TABLES.into_iter().flatten()
}

/// The flag of that name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Flag> {
    all().find(|flag| flag.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::flag::Effect;
    use crate::config::value;

    #[test]
    fn table_has_each_flag_of_etcd_once() {
        let names: BTreeSet<&str> = all().map(|flag| flag.name).collect();
        assert_eq!((names.len(), all().count()), (111, 111));
        assert!(IGNORED_NAMES.iter().all(|name| find(name).is_none()));
    }

    #[test]
    fn defaults_are_values_of_their_kind() {
        for flag in all() {
            let default = value::canonical(flag.kind, flag.default);
            assert!(default.is_ok(), "{}: {default:?}", flag.name);
        }
    }

    #[test]
    fn help_is_one_line_each_and_names_its_effect() {
        for flag in all() {
            assert!(!flag.help.is_empty() && !flag.help.contains('\n'), "{}", flag.name);
            assert!(flag.help.ends_with('.'), "{}", flag.name);
        }
        let refused = all().filter(|flag| flag.effect == Effect::Refused).count();
        assert!((1..80).contains(&refused), "{refused} flags are refused");
    }
}
