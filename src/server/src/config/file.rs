//! The configuration file: YAML, of which JSON is a part. Keys are the flags' names, with a few
//! maps; durations are whole nanoseconds; what is no key is ignored. A file replaces the command
//! line and the environment.

use std::path::Path;

use serde_yaml_ng::{Mapping, Value};

use super::flag::{Flag, Kind};
use super::table;
use super::values::Values;

/// Flags that have no key in the file, or not under their own name.
const NO_KEY: [&str; 8] = [
    "raft-read-timeout",
    "raft-write-timeout",
    "client-crl-file",
    "peer-crl-file",
    "config-file",
    "version",
    "discovery-fallback",
    "discovery-insecure-transport",
];

/// Keys within maps: the way to them, and the flag that they mean.
const NESTED: &[(&str, &str)] = &[
    ("client-transport-security.cert-file", "cert-file"),
    ("client-transport-security.key-file", "key-file"),
    ("client-transport-security.client-cert-file", "client-cert-file"),
    ("client-transport-security.client-key-file", "client-key-file"),
    ("client-transport-security.client-cert-auth", "client-cert-auth"),
    ("client-transport-security.trusted-ca-file", "trusted-ca-file"),
    ("client-transport-security.auto-tls", "auto-tls"),
    ("client-transport-security.allowed-hostname", "client-cert-allowed-hostname"),
    ("peer-transport-security.cert-file", "peer-cert-file"),
    ("peer-transport-security.key-file", "peer-key-file"),
    ("peer-transport-security.client-cert-file", "peer-client-cert-file"),
    ("peer-transport-security.client-key-file", "peer-client-key-file"),
    ("peer-transport-security.client-cert-auth", "peer-client-cert-auth"),
    ("peer-transport-security.trusted-ca-file", "peer-trusted-ca-file"),
    ("peer-transport-security.auto-tls", "peer-auto-tls"),
    ("peer-transport-security.allowed-cn", "peer-cert-allowed-cn"),
    ("peer-transport-security.allowed-hostname", "peer-cert-allowed-hostname"),
    ("peer-transport-security.skip-client-san-verification", "peer-skip-client-san-verification"),
    ("socket-options.reuse-port", "socket-reuse-port"),
    ("socket-options.reuse-address", "socket-reuse-address"),
    ("discovery-config.token", "discovery-token"),
    ("discovery-config.client.endpoints", "discovery-endpoints"),
    ("discovery-config.client.request-timeout", "discovery-request-timeout"),
    ("discovery-config.client.dial-timeout", "discovery-dial-timeout"),
    ("discovery-config.client.keepalive-time", "discovery-keepalive-time"),
    ("discovery-config.client.keepalive-timeout", "discovery-keepalive-timeout"),
    ("discovery-config.client.secure.cert", "discovery-cert"),
    ("discovery-config.client.secure.key", "discovery-key"),
    ("discovery-config.client.secure.cacert", "discovery-cacert"),
    ("discovery-config.client.secure.insecure-transport", "discovery-insecure-transport"),
    (
        "discovery-config.client.secure.insecure-skip-tls-verify",
        "discovery-insecure-skip-tls-verify",
    ),
    ("discovery-config.client.auth.username", "discovery-user"),
    ("discovery-config.client.auth.password", "discovery-password"),
];

/// Keys of etcd's file that have no flag.
const WITHOUT_FLAG: [(&str, Kind); 2] =
    [(super::values::CLIENT_ALLOWED_CN, Kind::Texts), (super::values::CLIENT_SKIP_SAN, Kind::Bool)];

/// Reads a file.
///
/// # Errors
/// The file cannot be read, is no YAML, or a value is not one of its key.
pub fn read(path: &Path) -> Result<Values, String> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("open {}: {error}", path.display()))?;
    parse(&text)
}

fn parse(text: &str) -> Result<Values, String> {
    let document: Value = serde_yaml_ng::from_str(text)
        .map_err(|error| format!("the configuration file is not YAML: {error}"))?;
    let root = match document {
        Value::Mapping(root) => root,
        Value::Null => Mapping::new(),
        _ => return Err("the configuration file is not a map of keys".into()),
    };
    let mut values = Values::default();
    for flag in table::all().filter(|flag| has_own_key(flag)) {
        take(&mut values, flag, flag.name, root.get(flag.name))?;
    }
    for (path, name) in NESTED {
        let flag = table::find(name).expect("the flags of nested keys are in the table");
        take(&mut values, flag, path, find(&root, path)?)?;
    }
    for (path, kind) in WITHOUT_FLAG {
        let Some(value) = find(&root, path)?.filter(|value| !value.is_null()) else { continue };
        values.set_without_flag(path, typed_text(path, kind, value)?);
    }
    Ok(values)
}

fn has_own_key(flag: &Flag) -> bool {
    let nested = NESTED.iter().any(|(_, name)| *name == flag.name);
    !nested && !NO_KEY.contains(&flag.name)
}

fn find<'a>(root: &'a Mapping, path: &str) -> Result<Option<&'a Value>, String> {
    let (mut map, mut parts) = (root, path.split('.'));
    let mut part = parts.next().unwrap_or_default();
    for next in parts {
        map = match map.get(part) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Mapping(inner)) => inner,
            Some(_) => return Err(format!("invalid {part}: it is not a map of keys")),
        };
        part = next;
    }
    Ok(map.get(part))
}

fn take(
    values: &mut Values,
    flag: &'static Flag,
    key: &str,
    value: Option<&Value>,
) -> Result<(), String> {
    let Some(value) = value.filter(|value| !value.is_null()) else { return Ok(()) };
    let kind = if is_list(flag) { Kind::Texts } else { flag.kind };
    let text = typed_text(key, kind, value)?;
    let refused = match flag.kind {
        Kind::Urls => format!("unexpected error setting up {key}"),
        _ => format!("{key} in the configuration file"),
    };
    values.set(flag, &text).map_err(|error| format!("{refused}: {error}"))
}

fn typed_text(key: &str, kind: Kind, value: &Value) -> Result<String, String> {
    let refused = || format!("{key} in the configuration file: expected {}", expected(kind));
    text_of(kind, value).ok_or_else(refused)
}

/// The value as it would be on the command line; `None` for another type.
fn text_of(kind: Kind, value: &Value) -> Option<String> {
    match (kind, value) {
        (Kind::Bool, Value::Bool(value)) => Some(value.to_string()),
        (Kind::Int | Kind::Uint | Kind::Uint32, Value::Number(number)) if !number.is_f64() => {
            Some(number.to_string())
        }
        (Kind::Duration, Value::Number(number)) if !number.is_f64() => Some(format!("{number}ns")),
        (Kind::Bool | Kind::Int | Kind::Uint | Kind::Uint32 | Kind::Duration, _) => None,
        (Kind::Texts, Value::Sequence(list)) => {
            let texts: Option<Vec<&str>> = list.iter().map(Value::as_str).collect();
            texts.map(|texts| texts.join(","))
        }
        (Kind::Texts, _) => None,
        (_, Value::String(text)) => Some(text.clone()),
        (_, Value::Number(number)) => Some(number.to_string()),
        (_, Value::Bool(value)) => Some(value.to_string()),
        _ => None,
    }
}

/// Flags that are YAML lists rather than texts with commas.
fn is_list(flag: &Flag) -> bool {
    matches!(flag.kind, Kind::Texts) || ["log-outputs", "discovery-endpoints"].contains(&flag.name)
}

fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::Int | Kind::Uint | Kind::Uint32 => "a whole number",
        Kind::Duration => "a whole number of nanoseconds",
        Kind::Texts => "a list of texts",
        _ => "a text",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_as_etcd_reads_them() {
        let cases = [
            ("name: a", "name", "a"),
            ("name: 3", "name", "3"),
            ("{\"name\": \"a\"}", "name", "a"),
            ("heartbeat-interval: 50", "heartbeat-interval", "50"),
            ("pre-vote: false", "pre-vote", "false"),
            ("quota-backend-bytes: -1", "quota-backend-bytes", "-1"),
            ("grpc-keepalive-timeout: 5000000000", "grpc-keepalive-timeout", "5s"),
            ("auto-compaction-retention: 1", "auto-compaction-retention", "1"),
            (
                "listen-client-urls: http://b:1,http://a:1",
                "listen-client-urls",
                "http://a:1,http://b:1",
            ),
            ("log-outputs: [stderr, x.log]", "log-outputs", "stderr,x.log"),
            ("socket-options: {reuse-port: true}", "socket-reuse-port", "true"),
            ("peer-transport-security:\n  allowed-cn: [a, b]", "peer-cert-allowed-cn", "a,b"),
            ("discovery-config:\n  client:\n    endpoints: [a]", "discovery-endpoints", "a"),
            ("client-transport-security: {auto-tls: true}", "auto-tls", "true"),
            ("client-transport-security:", "auto-tls", "false"),
            ("name:", "name", "default"),
            ("no-such-key: 1", "name", "default"),
            ("", "name", "default"),
        ];
        for (text, name, expected) in cases {
            let values = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            assert_eq!(values.text(name), expected, "{text}");
        }
    }

    #[test]
    fn keys_without_a_flag_are_read() {
        let text = "client-transport-security: {allowed-cn: [a, b], \
                    skip-client-san-verification: true}";
        let values = parse(text).expect("they are keys");
        use super::super::values::{CLIENT_ALLOWED_CN, CLIENT_SKIP_SAN};
        assert_eq!(values.without_flag(CLIENT_ALLOWED_CN), "a,b");
        assert_eq!(values.without_flag(CLIENT_SKIP_SAN), "true");
    }

    #[test]
    fn flags_without_a_key_are_unknown_keys() {
        for name in ["raft-read-timeout", "discovery-fallback", "cert-file", "socket-reuse-port"] {
            let values = parse(&format!("{name}: x")).expect("unknown keys are ignored");
            assert!(!values.is_set(name), "{name}");
        }
    }

    #[test]
    fn values_of_another_type_are_named() {
        let cases = [
            ("pre-vote: x", "pre-vote in the configuration file: expected true or false"),
            ("max-txn-ops: x", "max-txn-ops in the configuration file: expected a whole number"),
            ("max-txn-ops: -1", "max-txn-ops in the configuration file: parse error"),
            (
                "corrupt-check-time: 5s",
                "corrupt-check-time in the configuration file: expected a whole number of \
                 nanoseconds",
            ),
            (
                "log-outputs: stderr",
                "log-outputs in the configuration file: expected a list of texts",
            ),
            ("name: [a]", "name in the configuration file: expected a text"),
            (
                "listen-peer-urls: a",
                "unexpected error setting up listen-peer-urls: URL scheme must be http, https, \
                 unix, or unixs: a",
            ),
            (
                "peer-transport-security: 3",
                "invalid peer-transport-security: it is not a map of keys",
            ),
            (
                "client-transport-security: {allowed-cn: a}",
                "client-transport-security.allowed-cn in the configuration file: expected a list \
                 of texts",
            ),
            ("[1]", "the configuration file is not a map of keys"),
        ];
        for (text, expected) in cases {
            assert_eq!(parse(text).err().as_deref(), Some(expected), "{text}");
        }
        assert!(parse("a: [").is_err_and(|error| error.contains("is not YAML")));
    }

    #[test]
    fn every_flag_with_a_key_can_be_read_from_it() {
        let keyed = table::all().filter(|flag| has_own_key(flag)).count();
        assert_eq!(keyed + NESTED.len() + NO_KEY.len() - 1, 111, "a flag has no way into a file");
    }
}
