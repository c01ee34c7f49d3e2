//! The versions that the API and the peers see: etcd's, whose behaviour this is.

/// The server's version.
pub const SERVER: &str = "3.7.1";

/// The highest cluster version that this server takes part in.
pub const CLUSTER: &str = "3.7.0";

/// The lowest cluster version that a peer may have.
pub const MIN_CLUSTER: &str = "3.0.0";

/// The first cluster version whose files name the version of their layout.
const FIRST_STORAGE: (u64, u64) = (3, 6);

/// The version of the layout of files, which follows the cluster's; empty while that is undecided
/// or older than versions of layouts are.
#[must_use]
pub fn storage(cluster: &str) -> &str {
    match minor(cluster).is_some_and(|found| found >= FIRST_STORAGE) {
        true => cluster,
        false => "",
    }
}

/// `X.Y` of a version, as the API names a cluster's; empty for what is no version.
#[must_use]
pub fn short(version: &str) -> String {
    minor(version).map_or(String::new(), |(major, minor)| format!("{major}.{minor}"))
}

/// Whether a cluster, or a server, of version `from` can go back to `to`: by one minor version.
#[must_use]
pub fn is_downgrade(from: (u64, u64), to: (u64, u64)) -> bool {
    from.0 == to.0 && from.1 == to.1 + 1
}

/// Reads a version that a client names, `X.Y` or `X.Y.Z`, by the rules of semantic versions as
/// etcd reads them; what is behind the minor number is checked and does not count.
#[must_use]
pub fn target(text: &str) -> Option<(u64, u64)> {
    semantic(text).or_else(|| semantic(&format!("{text}.0")))
}

fn semantic(text: &str) -> Option<(u64, u64)> {
    let (text, metadata) = text.split_once('+').unwrap_or((text, ""));
    let (text, release) = text.split_once('-').unwrap_or((text, ""));
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    if !metadata.chars().all(is_allowed) || !release.chars().all(is_allowed) {
        return None;
    }
    let mut parts = text.splitn(3, '.').map(number);
    let (major, minor, _patch) = (parts.next()??, parts.next()??, parts.next()??);
    Some((major, minor))
}

/// Digits that fit into 63 bits.
fn number(digits: &str) -> Option<u64> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    let number = is_number.then(|| digits.parse::<i64>().ok()).flatten()?;
    u64::try_from(number).ok()
}

/// Major and minor number; `None` when it is no version.
#[must_use]
pub fn minor(version: &str) -> Option<(u64, u64)> {
    let mut parts = version.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_read_as_etcd_reads_it() {
        for text in ["3.6", "3.6.0", "3.6.9", "3.6.1-rc.1", "3.6.1-alpha+meta", "03.06.0"] {
            assert_eq!(target(text), Some((3, 6)), "{text}");
        }
        let wrong = ["", "3", "3.6.", "3.6.0.0", "v3.6", "3.x", "3.6-rc", "3.6.0+a_b", "-3.6.0"];
        for text in wrong.into_iter().chain(["3..6", "3.6.9223372036854775808", " 3.6"]) {
            assert_eq!(target(text), None, "{text}");
        }
    }

    #[test]
    fn a_downgrade_is_by_one_minor_version() {
        assert!(is_downgrade((3, 7), (3, 6)));
        for (from, to) in [((3, 7), (3, 7)), ((3, 7), (3, 5)), ((3, 7), (3, 8)), ((4, 0), (3, 9))] {
            assert!(!is_downgrade(from, to), "{from:?} to {to:?}");
        }
    }

    #[test]
    fn storage_versions_begin_with_their_first() {
        let found = ["", "3.0.0", "3.5.0", "3.6.0", "3.7.0"].map(storage);
        assert_eq!(found, ["", "", "", "3.6.0", "3.7.0"]);
        assert_eq!([short("3.7.0"), short("")], ["3.7".to_string(), String::new()]);
    }
}
