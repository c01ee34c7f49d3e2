//! A downgrade of the cluster, as the log has it: whether one is under way, and to which version.
//! The leader lowers the cluster's version to it, and ends it once every member runs that version.

use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

/// The last word about downgrades, in the shape of the JSON that etcd keeps in its store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Downgrade {
    /// `X.Y.0`; empty while none is under way.
    #[serde(rename = "target-version", default)]
    pub target_version: String,
    /// Whether one is under way.
    #[serde(default)]
    pub enabled: bool,
}

impl Downgrade {
    /// What a request to set it says: one that ends a downgrade names no version.
    #[must_use]
    pub fn set(enabled: bool, version: &str) -> Downgrade {
        match enabled {
            true => Downgrade { target_version: version.into(), enabled },
            false => Downgrade::default(),
        }
    }

    /// The JSON in etcd's store.
    #[must_use]
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("a text and a flag are JSON")
    }

    /// Reads the JSON in etcd's store.
    #[must_use]
    pub fn from_json(json: &[u8]) -> Option<Downgrade> {
        serde_json::from_slice(json).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_json_is_etcds() {
        let cases = [
            (Downgrade::set(true, "3.6.0"), r#"{"target-version":"3.6.0","enabled":true}"#),
            (Downgrade::set(false, "3.6.0"), r#"{"target-version":"","enabled":false}"#),
        ];
        for (downgrade, json) in cases {
            assert_eq!(downgrade.to_json(), json.as_bytes());
            assert_eq!(Downgrade::from_json(json.as_bytes()), Some(downgrade));
        }
        assert_eq!(Downgrade::from_json(b"3.6.0"), None);
    }
}
