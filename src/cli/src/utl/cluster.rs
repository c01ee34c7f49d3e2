//! The members of a new cluster, named on the command line, and the identifiers that follow.
//!
//! A member's identifier is the beginning of the SHA-1 over its peer URLs, sorted and joined, and
//! the cluster's token; the cluster's that of the SHA-1 over its members' identifiers. Every member
//! computes the same ones from the same flags, which is how separately restored members find each
//! other.

use base::{ClusterId, MemberId};
use serde::Serialize;
use sha1::{Digest, Sha1};
use std::collections::BTreeMap;

use super::format::go_json;

/// A member of the new cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its identifier.
    pub id: MemberId,
    /// Its name.
    pub name: String,
    /// Its peer URLs, sorted.
    pub peer_urls: Vec<String>,
}

/// The new cluster; members ascend by identifier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cluster {
    /// Its identifier.
    pub id: ClusterId,
    /// Its members.
    pub members: Vec<Member>,
}

/// The flags do not describe a cluster that this member is part of. The texts are etcd's.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum ClusterError {
    /// A URL has another scheme than the four that there are.
    #[error("URL scheme must be http, https, unix, or unixs: {0}")]
    Scheme(String),
    /// A URL that begins with an address instead of a scheme.
    #[error("parse {0:?}: first path segment in URL cannot contain colon")]
    NoScheme(String),
    /// A URL without a port.
    #[error("URL address does not have the form \"host:port\": {0}")]
    Address(String),
    /// A URL with a path.
    #[error("URL must not contain a path: {0}")]
    Path(String),
    /// The cluster does not name this member.
    #[error("couldn't find local name {0:?} in the initial cluster configuration")]
    NotAMember(String),
    /// The cluster gives this member other URLs than it advertises.
    #[error(
        "--initial-cluster has {missing} but missing from --initial-advertise-peer-urls={given}"
    )]
    NotAdvertised {
        /// What the cluster has.
        missing: String,
        /// What the member advertises.
        given: String,
    },
    /// The member advertises URLs that the cluster does not give it.
    #[error(
        "--initial-advertise-peer-urls has {missing} but missing from --initial-cluster={given}"
    )]
    NotInCluster {
        /// What the member advertises.
        missing: String,
        /// What the cluster has.
        given: String,
    },
    /// Two members have the same URL.
    #[error("initial cluster {0} has duplicate url")]
    DuplicateUrl(String),
    /// Two members have the same identifier, hence the same URLs.
    #[error("member exists with identical ID {0}")]
    DuplicateId(MemberId),
}

/// A member as the backend and the log store it.
#[derive(Serialize)]
struct MemberJson<'a> {
    id: u64,
    #[serde(rename = "peerURLs")]
    peer_urls: &'a [String],
    #[serde(skip_serializing_if = "str::is_empty")]
    name: &'a str,
}

impl Member {
    /// The member as JSON, for the backend and the log.
    #[must_use]
    pub fn json(&self) -> String {
        go_json(&MemberJson { id: self.id.get(), peer_urls: &self.peer_urls, name: &self.name })
    }
}

impl Cluster {
    /// The cluster that `--initial-cluster` describes, from the view of the member `name` with
    /// these advertised peer URLs.
    ///
    /// # Errors
    /// When a URL is not one, when `name` is not among the members or is given other URLs, or when
    /// two members share a URL.
    pub fn new(
        initial_cluster: &str,
        token: &str,
        name: &str,
        advertised: &str,
    ) -> Result<Cluster, ClusterError> {
        let advertised = urls(advertised.split(','))?;
        let named = parse(initial_cluster)?;
        let own = named.get(name).ok_or_else(|| ClusterError::NotAMember(name.to_owned()))?;
        same_urls(name, own, &advertised)?;
        no_duplicates(&named)?;
        let mut members: Vec<Member> =
            named.into_iter().map(|(name, urls)| member(name, urls, token)).collect();
        members.sort_by_key(|member| member.id);
        for pair in members.windows(2) {
            if pair[0].id == pair[1].id {
                return Err(ClusterError::DuplicateId(pair[0].id));
            }
        }
        let ids: Vec<u8> =
            members.iter().flat_map(|member| member.id.get().to_be_bytes()).collect();
        Ok(Cluster { id: ClusterId(first_word(&ids)), members })
    }

    /// The member with this name.
    #[must_use]
    pub fn member(&self, name: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.name == name)
    }
}

fn member(name: String, peer_urls: Vec<String>, token: &str) -> Member {
    let id = MemberId(first_word((peer_urls.concat() + token).as_bytes()));
    Member { id, name, peer_urls }
}

/// The first eight bytes of the SHA-1, as a number.
fn first_word(bytes: &[u8]) -> u64 {
    let digest = Sha1::digest(bytes);
    let mut word = [0; 8];
    word.copy_from_slice(&digest[..8]);
    u64::from_be_bytes(word)
}

/// `name=url,name=url,…`; a name may come more than once.
fn parse(initial_cluster: &str) -> Result<BTreeMap<String, Vec<String>>, ClusterError> {
    let mut named: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for part in initial_cluster.split(',').filter(|part| !part.is_empty()) {
        let (name, url) = part.split_once('=').unwrap_or((part, ""));
        named.entry(name).or_default().push(url);
    }
    named.into_iter().map(|(name, given)| Ok((name.to_owned(), urls(given.into_iter())?))).collect()
}

/// Sound URLs, sorted.
fn urls<'a>(given: impl Iterator<Item = &'a str>) -> Result<Vec<String>, ClusterError> {
    let mut urls = given.map(url).collect::<Result<Vec<String>, ClusterError>>()?;
    urls.sort();
    Ok(urls)
}

fn url(given: &str) -> Result<String, ClusterError> {
    let given = given.trim();
    let (scheme, rest) = given.split_once("://").unwrap_or((given, ""));
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "http" | "https" => {}
        "unix" | "unixs" => return Ok(format!("{scheme}://{rest}")),
        _ if given.starts_with(|c: char| c.is_ascii_digit()) && given.contains(':') => {
            return Err(ClusterError::NoScheme(given.to_owned()));
        }
        _ => return Err(ClusterError::Scheme(given.to_owned())),
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (address, tail) = rest.split_at(end);
    // The port is behind the last colon; an IPv6 address stands in brackets.
    let host = address.rsplit_once(':').map(|(host, _)| host);
    let sound = host.is_some_and(|host| !host.contains(':') || host.ends_with(']'));
    if !sound {
        return Err(ClusterError::Address(given.to_owned()));
    }
    if tail.starts_with('/') {
        return Err(ClusterError::Path(given.to_owned()));
    }
    Ok(format!("{scheme}://{rest}"))
}

fn same_urls(name: &str, own: &[String], advertised: &[String]) -> Result<(), ClusterError> {
    let without = |from: &[String], other: &[String]| -> Vec<String> {
        from.iter().filter(|url| !other.contains(url)).cloned().collect()
    };
    let prefixed = |urls: &[String]| -> String {
        let urls: Vec<String> = urls.iter().map(|url| format!("{name}={url}")).collect();
        urls.join(",")
    };
    let missing = without(own, advertised);
    if !missing.is_empty() {
        let (missing, given) = (prefixed(&missing), advertised.join(","));
        return Err(ClusterError::NotAdvertised { missing, given });
    }
    let missing = without(advertised, own);
    if !missing.is_empty() {
        let (missing, given) = (missing.join(","), prefixed(own));
        return Err(ClusterError::NotInCluster { missing, given });
    }
    Ok(())
}

fn no_duplicates(named: &BTreeMap<String, Vec<String>>) -> Result<(), ClusterError> {
    let mut all: Vec<&String> = named.values().flatten().collect();
    all.sort();
    if all.windows(2).any(|pair| pair[0] == pair[1]) {
        let pairs: Vec<String> = named
            .iter()
            .flat_map(|(name, urls)| urls.iter().map(move |url| format!("{name}={url}")))
            .collect();
        return Err(ClusterError::DuplicateUrl(pairs.join(",")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO: &str = "n1=http://127.0.0.1:23801,n2=http://127.0.0.1:23803";

    #[test]
    fn identifiers_are_those_that_etcd_derives() {
        let cluster = Cluster::new(TWO, "etcd-cluster", "n1", "http://127.0.0.1:23801");
        let cluster = cluster.expect("the flags agree");
        assert_eq!(cluster.id.to_string(), "18a854586ea9b0d0");
        let members: Vec<String> = cluster.members.iter().map(Member::json).collect();
        assert_eq!(
            members,
            [
                r#"{"id":3990370604368066554,"peerURLs":["http://127.0.0.1:23803"],"name":"n2"}"#,
                r#"{"id":13668033151171901709,"peerURLs":["http://127.0.0.1:23801"],"name":"n1"}"#,
            ]
        );
    }

    #[test]
    fn flags_that_do_not_agree_are_refused_in_etcds_words() {
        let cases = [
            (
                TWO,
                "n3",
                "http://127.0.0.1:1",
                "couldn't find local name \"n3\" in the initial \
              cluster configuration",
            ),
            (
                TWO,
                "n1",
                "http://127.0.0.1:1",
                "--initial-cluster has n1=http://127.0.0.1:23801 but \
              missing from --initial-advertise-peer-urls=http://127.0.0.1:1",
            ),
            (
                TWO,
                "n1",
                "http://127.0.0.1:1,http://127.0.0.1:23801",
                "--initial-advertise-peer-urls \
              has http://127.0.0.1:1 but missing from --initial-cluster=n1=http://127.0.0.1:23801",
            ),
            (
                TWO,
                "n1",
                "127.0.0.1:1",
                "parse \"127.0.0.1:1\": first path segment in URL cannot \
              contain colon",
            ),
            (
                TWO,
                "n1",
                "localhost:1",
                "URL scheme must be http, https, unix, or unixs: localhost:1",
            ),
            (
                TWO,
                "n1",
                "http://localhost",
                "URL address does not have the form \"host:port\": \
              http://localhost",
            ),
            (TWO, "n1", "http://localhost:1/", "URL must not contain a path: http://localhost:1/"),
            (
                "a=http://h:1,b=http://h:1",
                "a",
                "http://h:1",
                "initial cluster \
              a=http://h:1,b=http://h:1 has duplicate url",
            ),
        ];
        for (cluster, name, advertised, expected) in cases {
            let error = Cluster::new(cluster, "t", name, advertised).expect_err(expected);
            assert_eq!(error.to_string(), expected);
        }
    }

    #[test]
    fn members_may_have_several_urls_of_every_kind() {
        let flags = "a=http://[::1]:2380,a=unix://a.sock,b=HTTPS://h:1";
        let cluster = Cluster::new(flags, "t", "a", "unix://a.sock, http://[::1]:2380");
        let cluster = cluster.expect("the flags agree");
        let a = cluster.member("a").expect("it is a member");
        assert_eq!(a.peer_urls, ["http://[::1]:2380", "unix://a.sock"]);
        assert_eq!(cluster.member("b").expect("a member").peer_urls, ["https://h:1"]);
    }
}
