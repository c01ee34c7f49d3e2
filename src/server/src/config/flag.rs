//! What a flag is: a row of the table.

/// The heading under which `--help` shows a flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// This member: names, directories, addresses, limits.
    Member,
    /// Its cluster.
    Clustering,
    /// TLS and access from browsers.
    Security,
    /// Users and tokens.
    Auth,
    /// Metrics, profiles, traces.
    Monitoring,
    /// The log.
    Logging,
    /// Behaviour that may be switched.
    Features,
    /// What can lose data.
    Unsafe,
    /// The command line itself.
    Meta,
}

/// What a flag's value may be; names and parsing are those of etcd's flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `--f` or `--f=false`.
    Bool,
    /// A signed number of 64 bits.
    Int,
    /// An unsigned number of 64 bits.
    Uint,
    /// An unsigned number of 32 bits.
    Uint32,
    /// `1h2m3.5s`.
    Duration,
    /// Any text.
    Text,
    /// Texts with commas between them.
    Texts,
    /// Texts with commas between them, sorted, each once.
    UniqueTexts,
    /// URLs with commas between them, sorted, each once.
    Urls,
    /// As [`Kind::Urls`], or `*`.
    Origins,
    /// One of these.
    OneOf(&'static [&'static str]),
    /// `A=true,B=false`.
    Gates,
}

/// What becomes of a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// It has the effect that etcd documents.
    Built,
    /// Only the default is accepted: anything else would promise what is not there.
    Refused,
    /// etcd has no use for it either, as long as the flag that it belongs to is off; that flag is
    /// one of the refused.
    Unused,
}

/// One flag.
#[derive(Clone, Copy, Debug)]
pub struct Flag {
    /// Without dashes.
    pub name: &'static str,
    /// Heading.
    pub group: Group,
    /// Values.
    pub kind: Kind,
    /// As text.
    pub default: &'static str,
    /// One line.
    pub help: &'static str,
    /// What becomes of it.
    pub effect: Effect,
}

impl Flag {
    /// The environment variable of the same meaning.
    #[must_use]
    pub fn environment_variable(&self) -> String {
        environment_variable(self.name)
    }
}

/// `ETCD_` and the name in capitals, with underscores.
pub(super) fn environment_variable(name: &str) -> String {
    format!("ETCD_{}", name.to_uppercase().replace('-', "_"))
}
