//! The initial cluster: `name=url,name=url2`, and what must hold between it and the own URLs
//! before a member without data may start.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};

use super::url;

/// Peer URLs by member name, sorted.
pub type InitialCluster = BTreeMap<String, Vec<String>>;

/// Reads an initial cluster; a name that comes again collects its URLs.
///
/// # Errors
/// A URL is none.
pub fn parse(text: &str) -> Result<InitialCluster, String> {
    let mut cluster = InitialCluster::new();
    for part in text.split(',').filter(|part| !part.is_empty()) {
        let (name, url) = part.split_once('=').unwrap_or((part, ""));
        let url = match url {
            "" => return Err("URL scheme must be http, https, unix, or unixs: ".into()),
            url => url::parse_list(url)?,
        };
        cluster.entry(name.to_owned()).or_default().extend(url);
    }
    cluster.values_mut().for_each(|urls| urls.sort_unstable());
    Ok(cluster)
}

/// The initial cluster that a member forms alone.
#[must_use]
pub fn of_member(name: &str, peer_urls: &[String]) -> String {
    let urls: Vec<String> = peer_urls.iter().map(|url| format!("{name}={url}")).collect();
    urls.join(",")
}

/// Checks what a member without data needs: its name in the cluster, no URL twice, and, for a new
/// cluster, the same URLs there and in `--initial-advertise-peer-urls`. A member that joins has
/// announced its URLs before.
///
/// # Errors
/// etcd's texts.
pub fn check(
    cluster: &InitialCluster,
    text: &str,
    name: &str,
    advertised: Option<&[String]>,
) -> Result<(), String> {
    let Some(initial) = cluster.get(name) else {
        let what = "in the initial cluster configuration";
        return Err(format!("couldn't find local name {name:?} {what}"));
    };
    let mut all: Vec<&String> = cluster.values().flatten().collect();
    all.sort_unstable();
    if all.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(format!("initial cluster {text} has duplicate url"));
    }
    advertised.map_or(Ok(()), |advertised| same_urls(name, initial, advertised))
}

fn same_urls(name: &str, initial: &[String], advertised: &[String]) -> Result<(), String> {
    let Err(why) = equal_when_resolved(advertised, initial) else { return Ok(()) };
    let missing = |of: &[String], from: &[String]| -> Vec<String> {
        of.iter().filter(|url| !from.contains(url)).cloned().collect()
    };
    let advertised_text = advertised.join(",");
    let initial_only = missing(initial, advertised);
    if !initial_only.is_empty() {
        let has = of_member(name, &initial_only);
        return Err(format!(
            "--initial-cluster has {has} but missing from \
             --initial-advertise-peer-urls={advertised_text} ({why})"
        ));
    }
    let advertised_only = missing(advertised, initial);
    let own = of_member(name, advertised);
    match advertised_only.is_empty() {
        false => Err(format!(
            "--initial-advertise-peer-urls has {} but missing from --initial-cluster={own}",
            advertised_only.join(",")
        )),
        true => Err(format!(
            "failed to resolve {advertised_text} to match --initial-cluster={own} ({why})"
        )),
    }
}

/// Whether both lists name the same addresses. Names are looked up only where texts differ.
fn equal_when_resolved(a: &[String], b: &[String]) -> Result<(), String> {
    let sorted = |urls: &[String]| {
        let mut urls = urls.to_vec();
        urls.sort_unstable();
        urls
    };
    let (a, b) = (sorted(a), sorted(b));
    if a == b {
        return Ok(());
    }
    if a.len() != b.len() {
        return Err(format!("len({a:?}) != len({b:?})"));
    }
    let (mut resolved_a, mut resolved_b) = (resolve_all(&a)?, resolve_all(&b)?);
    resolved_a.sort_unstable();
    resolved_b.sort_unstable();
    let differs = resolved_a.iter().zip(&resolved_b).find(|((a, _), (b, _))| a != b);
    match differs {
        None => Ok(()),
        Some(((to_a, from_a), (to_b, from_b))) => {
            Err(format!("{to_a:?}(resolved from {from_a:?}) != {to_b:?}(resolved from {from_b:?})"))
        }
    }
}

/// Each URL with its host as an address, and the URL as it was.
fn resolve_all(urls: &[String]) -> Result<Vec<(String, String)>, String> {
    urls.iter().map(|url| Ok((resolve(url)?, url.clone()))).collect()
}

/// A URL with its host as an address. Blocks while a name is looked up.
pub(crate) fn resolve(url: &str) -> Result<String, String> {
    let Some((host, port)) = url::host_port(url) else { return Ok(url.to_owned()) };
    let scheme = url.split("://").next().unwrap_or_default();
    let port_number: u16 = port.parse().unwrap_or_default();
    let mut found = (host, port_number)
        .to_socket_addrs()
        .map_err(|error| format!("failed to resolve {url:?}: {error}"))?;
    // The first IPv4 address is what a name stands for, where it has one.
    let addresses: Vec<SocketAddr> = found.by_ref().collect();
    let address = addresses.iter().find(|address| address.is_ipv4()).or(addresses.first());
    match address {
        Some(address) => Ok(format!("{scheme}://{address}")),
        None => Err(format!("failed to resolve {url:?}: no address")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(cluster: &str, name: &str, advertised: &[&str]) -> Result<(), String> {
        let advertised: Vec<String> = advertised.iter().map(|url| (*url).to_owned()).collect();
        check(&parse(cluster)?, cluster, name, Some(&advertised))
    }

    #[test]
    fn names_collect_their_urls() {
        let cluster = parse("b=http://b:2,a=http://a:1,b=http://b:1,").expect("a cluster");
        let urls: Vec<String> = cluster.values().flatten().cloned().collect();
        assert_eq!(urls, ["http://a:1", "http://b:1", "http://b:2"]);
        for text in ["a=", "a", "a=b:1", "a=http://x"] {
            assert!(parse(text).is_err(), "{text}");
        }
        assert_eq!(parse("").map(|cluster| cluster.len()), Ok(0));
    }

    #[test]
    fn member_without_data_needs_a_cluster_that_fits() {
        let one = "a=http://127.0.0.1:1,b=http://127.0.0.1:2";
        type Case<'a> = (&'a str, &'a str, &'a [&'a str], Result<(), &'a str>);
        let cases: [Case<'_>; 7] = [
            (one, "a", &["http://127.0.0.1:1"], Ok(())),
            (
                one,
                "c",
                &["http://127.0.0.1:1"],
                Err("couldn't find local name \"c\" in the initial cluster configuration"),
            ),
            (
                "a=http://127.0.0.1:1,b=http://127.0.0.1:1",
                "a",
                &["http://127.0.0.1:1"],
                Err("initial cluster a=http://127.0.0.1:1,b=http://127.0.0.1:1 has duplicate url"),
            ),
            (
                one,
                "a",
                &["http://127.0.0.1:3"],
                Err("--initial-cluster has a=http://127.0.0.1:1 but missing from \
                 --initial-advertise-peer-urls=http://127.0.0.1:3 \
                 (\"http://127.0.0.1:3\"(resolved from \"http://127.0.0.1:3\") != \
                 \"http://127.0.0.1:1\"(resolved from \"http://127.0.0.1:1\"))"),
            ),
            (
                one,
                "a",
                &["http://127.0.0.1:1", "http://127.0.0.1:3"],
                Err("--initial-advertise-peer-urls has http://127.0.0.1:3 but missing from \
                 --initial-cluster=a=http://127.0.0.1:1,a=http://127.0.0.1:3"),
            ),
            ("a=http://localhost:1", "a", &["http://127.0.0.1:1"], Ok(())),
            ("a=unix://x", "a", &["unix://x"], Ok(())),
        ];
        for (cluster, name, advertised, expected) in cases {
            let found = checked(cluster, name, advertised);
            assert_eq!(found.as_ref().map_err(String::as_str), expected.as_ref().map_err(|e| *e));
        }
    }
}
