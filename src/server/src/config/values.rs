//! The value of every flag, and whether anybody set it.

use std::collections::BTreeMap;

use super::flag::{Effect, Flag, Kind};
use super::{duration, gates, table, value};

/// Keys of the configuration file that have no flag.
pub(super) const CLIENT_ALLOWED_CN: &str = "client-transport-security.allowed-cn";
pub(super) const CLIENT_SKIP_SAN: &str = "client-transport-security.skip-client-san-verification";

/// Values by flag name; what nobody set has its default.
#[derive(Clone, Debug, Default)]
pub struct Values {
    flags: BTreeMap<&'static str, String>,
    without_flag: BTreeMap<&'static str, String>,
}

impl Values {
    /// Sets a flag; the last one wins.
    ///
    /// # Errors
    /// Why the text is no value of this flag, without the flag's name.
    pub fn set(&mut self, flag: &'static Flag, text: &str) -> Result<(), String> {
        self.flags.insert(flag.name, value::canonical(flag.kind, text)?);
        Ok(())
    }

    /// Sets a flag of the table to a value that is one of its kind.
    pub(super) fn set_known(&mut self, name: &str, text: &str) {
        let flag = table::find(name).expect("names are written in the code");
        self.set(flag, text).expect("values are written in the code");
    }

    /// Sets what only the configuration file knows.
    pub(super) fn set_without_flag(&mut self, key: &'static str, text: String) {
        self.without_flag.insert(key, text);
    }

    /// What only the configuration file knows; empty when it does not say.
    pub(super) fn without_flag(&self, key: &str) -> String {
        self.without_flag.get(key).cloned().unwrap_or_default()
    }

    /// Whether anybody set the flag, be it to its default.
    #[must_use]
    pub fn is_set(&self, name: &str) -> bool {
        self.flags.contains_key(name)
    }

    /// The canonical text.
    ///
    /// # Panics
    /// When there is no such flag: names are written in the code.
    #[must_use]
    pub fn text(&self, name: &str) -> String {
        let flag = table::find(name).unwrap_or_else(|| panic!("--{name} is not in the table"));
        match self.flags.get(name) {
            Some(text) => text.clone(),
            None => default_of(flag),
        }
    }

    /// A flag of kind [`Kind::Bool`].
    #[must_use]
    pub fn bool(&self, name: &str) -> bool {
        self.text(name) == "true"
    }

    /// A flag of kind [`Kind::Int`].
    #[must_use]
    pub fn int(&self, name: &str) -> i64 {
        value::parse_int(&self.text(name)).expect("canonical numbers are numbers")
    }

    /// A flag of kind [`Kind::Uint`].
    #[must_use]
    pub fn uint(&self, name: &str) -> u64 {
        value::parse_uint(&self.text(name)).expect("canonical numbers are numbers")
    }

    /// A flag of kind [`Kind::Uint32`].
    #[must_use]
    pub fn uint32(&self, name: &str) -> u32 {
        value::parse_uint32(&self.text(name)).expect("canonical numbers are numbers")
    }

    /// A flag of kind [`Kind::Duration`], in nanoseconds.
    #[must_use]
    pub fn nanoseconds(&self, name: &str) -> i64 {
        duration::parse(&self.text(name)).expect("canonical durations are durations")
    }

    /// A flag that is a list.
    #[must_use]
    pub fn list(&self, name: &str) -> Vec<String> {
        let text = self.text(name);
        text.split(',').filter(|part| !part.is_empty()).map(str::to_owned).collect()
    }

    /// The feature gates.
    #[must_use]
    pub fn gates(&self) -> gates::Gates {
        gates::parse(&self.text("feature-gates")).expect("canonical gates are gates")
    }

    /// Flags with a value that has no effect here, as they are written on the command line.
    #[must_use]
    pub fn refused(&self) -> Vec<String> {
        let other = |flag: &&Flag| self.text(flag.name) != default_of(flag);
        let refused = table::all().filter(|flag| flag.effect == Effect::Refused);
        let flags = refused.filter(other).map(|flag| format!("--{}", flag.name));
        let gates = self.gates();
        let gates = gates.switched().filter(|(gate, _)| !gate.built);
        flags.chain(gates.map(|(gate, on)| format!("--feature-gates={}={on}", gate.name))).collect()
    }
}

fn default_of(flag: &Flag) -> String {
    value::canonical(flag.kind, flag.default).expect("defaults are values of their kind")
}

/// Whether the flag may stand alone, without a value.
pub(super) fn stands_alone(kind: Kind) -> bool {
    kind == Kind::Bool
}
