//! The marker of a data directory: which format, which cluster, which member. It is written before
//! anything else, so that a directory of another program, of another cluster or of a newer format
//! is recognised before a byte of it is touched.

use base::{ClusterId, MemberId};
use serde::{Deserialize, Serialize};

use crate::env::{Disk, DiskError, DiskErrorKind, DiskFile};

/// The format of directories written by this version.
pub const FORMAT: u32 = 1;

/// The marker's name in the data directory.
pub const FILE: &str = "cairn.json";

const TEMPORARY: &str = "cairn.json.tmp";

/// Longest marker that is read; a longer file is not a marker.
const BYTES_MAX: u64 = 64 << 10;

/// What the marker says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Marker {
    /// The directory's format.
    pub format: u32,
    /// The cluster, hexadecimal.
    pub cluster: String,
    /// The member, hexadecimal.
    pub member: String,
    /// The version that created the directory.
    #[serde(rename = "created-by")]
    pub created_by: String,
    /// The member's name at its first start; absent in older directories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The cluster token at its first start; absent in older directories.
    #[serde(rename = "cluster-token", default, skip_serializing_if = "Option::is_none")]
    pub cluster_token: Option<String>,
    /// Whether the member joined a running cluster: its log then begins empty.
    #[serde(default, skip_serializing_if = "core::ops::Not::not")]
    pub joined: bool,
    /// Whether a log was begun: from then on a directory without one has lost it. Absent until the
    /// first start is done, and in older directories until their next start.
    #[serde(rename = "log-begun", default, skip_serializing_if = "core::ops::Not::not")]
    pub log_begun: bool,
}

/// Why a data directory cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MarkerError {
    /// The disk failed.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// etcd's files without our marker.
    #[error(
        "the data directory was made by etcd, or by another program, and was left unchanged; \
         to move its data over, save a snapshot from the running etcd (etcdctl snapshot save FILE) \
         and restore it (cairnutl snapshot restore FILE --data-dir DIR)"
    )]
    Foreign,
    /// A newer format.
    #[error(
        "the data directory has format {found}, this version reads up to {FORMAT}; \
         start it with the version that wrote it ({created_by}) or a newer one"
    )]
    Newer {
        /// The directory's format.
        found: u32,
        /// The version that created it.
        created_by: String,
    },
    /// The marker cannot be read.
    #[error("{FILE} in the data directory is damaged ({0}); restore it from a backup")]
    Damaged(String),
}

impl Marker {
    /// A marker of this version.
    #[must_use]
    pub fn new(cluster: ClusterId, member: MemberId) -> Marker {
        Marker {
            format: FORMAT,
            cluster: cluster.to_string(),
            member: member.to_string(),
            created_by: format!("cairn {}", env!("CARGO_PKG_VERSION")),
            name: None,
            cluster_token: None,
            joined: false,
            log_begun: false,
        }
    }

    /// The cluster.
    #[must_use]
    pub fn cluster_id(&self) -> Option<ClusterId> {
        u64::from_str_radix(&self.cluster, 16).ok().map(ClusterId)
    }

    /// The member.
    #[must_use]
    pub fn member_id(&self) -> Option<MemberId> {
        u64::from_str_radix(&self.member, 16).ok().map(MemberId)
    }
}

/// Reads the marker; `None` for a directory that holds nothing of ours or anybody's.
///
/// # Errors
/// The directory is foreign, newer or damaged, or the disk failed.
pub async fn read<D: Disk>(disk: &D) -> Result<Option<Marker>, MarkerError> {
    let file = match disk.open(FILE).await {
        Ok(file) => file,
        Err(error) if error.kind == DiskErrorKind::NotFound => {
            let names = disk.list("").await?;
            let foreign =
                names.iter().any(|e| e.is_dir && (e.name == "member" || e.name == "proxy"));
            return if foreign { Err(MarkerError::Foreign) } else { Ok(None) };
        }
        Err(error) => return Err(error.into()),
    };
    let len = file.len().await?;
    if len > BYTES_MAX {
        return Err(MarkerError::Damaged(format!("{len} bytes long")));
    }
    let bytes = file.read_at(0, len as usize).await?;
    parse(&bytes).map(Some)
}

fn parse(bytes: &[u8]) -> Result<Marker, MarkerError> {
    #[derive(Deserialize)]
    struct Format {
        format: u32,
        #[serde(rename = "created-by", default)]
        created_by: String,
    }
    let damaged = |error: serde_json::Error| MarkerError::Damaged(error.to_string());
    // A newer format may have other fields, so the number is read by itself first.
    let Format { format, created_by } = serde_json::from_slice(bytes).map_err(damaged)?;
    if format > FORMAT {
        return Err(MarkerError::Newer { found: format, created_by });
    }
    let marker: Marker = serde_json::from_slice(bytes).map_err(damaged)?;
    if marker.cluster_id().is_none() || marker.member_id().is_none() {
        return Err(MarkerError::Damaged("an id is not hexadecimal".into()));
    }
    Ok(marker)
}

/// Writes the marker durably, whole or not at all.
///
/// # Errors
/// The disk failed; the directory is as it was, but for a temporary file.
pub async fn write<D: Disk>(disk: &D, marker: &Marker) -> Result<(), MarkerError> {
    let mut text = serde_json::to_vec_pretty(marker).expect("a marker is plain text and numbers");
    text.push(b'\n');
    match disk.remove(TEMPORARY).await {
        Ok(()) => {}
        Err(error) if error.kind == DiskErrorKind::NotFound => {}
        Err(error) => return Err(error.into()),
    }
    let file = disk.create(TEMPORARY).await?;
    file.write_at(0, &text).await?;
    file.sync().await?;
    disk.rename(TEMPORARY, FILE).await?;
    disk.sync_dir("").await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_or_damaged_marker_is_told_apart() {
        let marker = Marker::new(ClusterId(0xabc), MemberId(0x12));
        let text = serde_json::to_vec(&marker).expect("plain data");
        assert_eq!(parse(&text), Ok(marker.clone()));
        let joined = Marker { joined: true, name: Some("m".into()), log_begun: true, ..marker };
        let text = serde_json::to_vec(&joined).expect("plain data");
        assert_eq!(parse(&text), Ok(joined));
        let newer = br#"{"format":2,"created-by":"cairn 9","surprise":[1]}"#;
        let expected = MarkerError::Newer { found: 2, created_by: "cairn 9".into() };
        assert_eq!(parse(newer), Err(expected));
        assert!(matches!(parse(b"{"), Err(MarkerError::Damaged(_))));
        let odd = br#"{"format":1,"cluster":"x","member":"1","created-by":""}"#;
        assert!(matches!(parse(odd), Err(MarkerError::Damaged(_))));
    }
}
