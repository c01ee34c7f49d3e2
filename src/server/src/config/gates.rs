//! Feature gates: etcd's names, stages and defaults.

use std::collections::BTreeMap;
use std::fmt;

use super::value::parse_bool;

/// How far a feature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Off by default.
    Alpha,
    /// On by default.
    Beta,
}

/// One gate.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// As in `--feature-gates`.
    pub name: &'static str,
    /// Stage.
    pub stage: Stage,
    /// Whether switching it away from its default has the effect that etcd documents.
    pub built: bool,
}

impl Gate {
    /// Whether it is on when nobody says anything.
    #[must_use]
    pub fn default(&self) -> bool {
        self.stage == Stage::Beta
    }
}

const fn gate(name: &'static str, stage: Stage) -> Gate {
    Gate { name, stage, built: false }
}

const fn built(name: &'static str, stage: Stage) -> Gate {
    Gate { name, stage, built: true }
}

/// All gates.
pub const GATES: [Gate; 9] = [
    // Space comes back by itself: there is no time in which a call would have to be turned away.
    built("StopGRPCServiceOnDefrag", Stage::Alpha),
    built("InitialCorruptCheck", Stage::Alpha),
    built("CompactHashCheck", Stage::Alpha),
    // Transactions read what is published, without a lock, whichever way etcd's would.
    built("TxnModeWriteWithSharedBuffer", Stage::Beta),
    built("LeaseCheckpoint", Stage::Alpha),
    // What is recorded of a lease is always persisted, as etcd does in clusters from 3.6 on.
    built("LeaseCheckpointPersist", Stage::Alpha),
    gate("SetMemberLocalAddr", Stage::Alpha),
    // A lease that is there is renewed at once; one that is not yet is waited for, as without it.
    built("FastLeaseKeepAlive", Stage::Beta),
    gate("PriorityRequest", Stage::Alpha),
];

/// Which gates are on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gates(BTreeMap<&'static str, bool>);

impl Default for Gates {
    fn default() -> Gates {
        Gates(GATES.iter().map(|gate| (gate.name, gate.default())).collect())
    }
}

impl Gates {
    /// Whether a gate is on; false for a name that is no gate.
    #[must_use]
    pub fn enabled(&self, name: &str) -> bool {
        self.0.get(name).copied().unwrap_or(false)
    }

    /// Gates that are not at their default, in the order of the table.
    pub fn switched(&self) -> impl Iterator<Item = (&'static Gate, bool)> {
        let changed = |gate: &Gate| self.enabled(gate.name) != gate.default();
        GATES.iter().filter(move |gate| changed(gate)).map(|gate| (gate, !gate.default()))
    }
}

/// Only what differs from the defaults, so that naming a default changes nothing.
impl fmt::Display for Gates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, (gate, on)) in self.switched().enumerate() {
            let comma = if position == 0 { "" } else { "," };
            write!(f, "{comma}{}={on}", gate.name)?;
        }
        Ok(())
    }
}

/// Reads `A=true,B=false`. `AllAlpha` and `AllBeta` set the gates of a stage that are not named.
///
/// # Errors
/// etcd's texts.
pub fn parse(text: &str) -> Result<Gates, String> {
    let mut named = BTreeMap::new();
    let mut stages = BTreeMap::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let (name, value) = (name.trim(), value.trim());
        if !part.contains('=') {
            return Err(format!("missing bool value for {name}"));
        }
        let on = parse_bool(value).map_err(|_| {
            let why = format!("strconv.ParseBool: parsing {value:?}: invalid syntax");
            format!("invalid value of {name}={value}, err: {why}")
        })?;
        match (name, GATES.iter().find(|gate| gate.name == name)) {
            (_, Some(gate)) => drop(named.insert(gate.name, on)),
            ("AllAlpha" | "AllBeta", None) => drop(stages.insert(name, on)),
            (name, None) => return Err(format!("unrecognized feature gate: {name}")),
        }
    }
    let mut gates = Gates::default();
    for gate in &GATES {
        let stage = match gate.stage {
            Stage::Alpha => "AllAlpha",
            Stage::Beta => "AllBeta",
        };
        if let Some(on) = named.get(gate.name).or_else(|| stages.get(stage)) {
            gates.0.insert(gate.name, *on);
        }
    }
    Ok(gates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_read_as_etcd_reads_them() {
        let cases = [
            ("", Ok("")),
            ("CompactHashCheck=true", Ok("CompactHashCheck=true")),
            ("CompactHashCheck=false", Ok("")),
            (
                " CompactHashCheck = t , FastLeaseKeepAlive=0",
                Ok("CompactHashCheck=true,FastLeaseKeepAlive=false"),
            ),
            ("AllBeta=false", Ok("TxnModeWriteWithSharedBuffer=false,FastLeaseKeepAlive=false")),
            ("AllBeta=false,FastLeaseKeepAlive=true", Ok("TxnModeWriteWithSharedBuffer=false")),
            ("CompactHashCheck", Err("missing bool value for CompactHashCheck")),
            ("X=true", Err("unrecognized feature gate: X")),
            (
                "CompactHashCheck=maybe",
                Err("invalid value of CompactHashCheck=maybe, err: \
                 strconv.ParseBool: parsing \"maybe\": invalid syntax"),
            ),
        ];
        for (text, expected) in cases {
            let found = parse(text).map(|gates| gates.to_string());
            assert_eq!(found.as_deref().map_err(String::as_str), expected, "{text:?}");
        }
        let all = parse("AllAlpha=true").expect("a stage");
        assert_eq!(all.switched().count(), 7);
        assert!(all.enabled("PriorityRequest") && !all.enabled("X"));
    }
}
