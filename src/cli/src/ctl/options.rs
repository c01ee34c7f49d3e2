//! The texts of `options` and `version`.

/// The version of etcd's tools whose behaviour this one has.
const ETCD_VERSION: &str = "3.7.1";
/// The version of the API.
const API_VERSION: &str = "3.7";

/// etcd's lines, which scripts read, then this program's own.
pub fn version() -> String {
    let own = env!("CARGO_PKG_VERSION");
    format!(
        "etcdctl version: {ETCD_VERSION}\nAPI version: {API_VERSION}\ncairnctl version: {own}\n"
    )
}

/// The global flags.
pub const TEXT: &str = include_str!("options.txt");
