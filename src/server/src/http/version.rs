//! `/version`, on the client and the peer port.

/// The versions as JSON. The storage version follows the cluster's.
#[must_use]
pub fn versions_json(server: &str, cluster: &str) -> String {
    let storage = or(node::version::storage(cluster), "unknown");
    let cluster = or(cluster, "not_decided");
    format!(r#"{{"etcdserver":"{server}","etcdcluster":"{cluster}","storage":"{storage}"}}"#)
}

fn or<'a>(version: &'a str, otherwise: &'a str) -> &'a str {
    if version.is_empty() { otherwise } else { version }
}

#[cfg(test)]
mod tests {
    use super::versions_json;

    #[test]
    fn an_undecided_cluster_says_so() {
        let decided = r#"{"etcdserver":"3.7.1","etcdcluster":"3.7.0","storage":"3.7.0"}"#;
        assert_eq!(versions_json("3.7.1", "3.7.0"), decided);
        let undecided = r#"{"etcdserver":"3.7.1","etcdcluster":"not_decided","storage":"unknown"}"#;
        assert_eq!(versions_json("3.7.1", ""), undecided);
    }
}
