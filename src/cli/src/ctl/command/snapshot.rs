//! `snapshot save`: one member's state in a file, checked before it gets its name.
//!
//! The file is written beside its name with `.part` at the end, readable by its owner only, synced
//! and renamed; an incomplete one is removed. The checksum that ends a snapshot must be there and
//! must be right.

use std::fs::{File, OpenOptions};
use std::io::{IsTerminal, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use proto::etcdserverpb::{SnapshotRequest, SnapshotResponse};
use sha2::{Digest, Sha256};
use tonic::Streaming;

use super::Context;
use crate::ctl::args::Snapshot;
use crate::ctl::client::{describe, request};
use crate::ctl::failure::Failure;

/// The length of the checksum at the end.
const CHECKSUM_BYTES: usize = 32;
/// The database before it is a number of these.
const SECTOR_BYTES: u64 = 512;

/// Runs a snapshot command.
pub async fn run(context: &mut Context<'_>, args: &Snapshot) -> Result<(), Failure> {
    let Snapshot::Save(args) = args;
    let [path] = args.arguments.as_slice() else {
        return Err(Failure::bad_arguments("snapshot save expects one argument <filename>"));
    };
    let endpoints = &context.settings.endpoints;
    if endpoints.len() != 1 {
        let text = "snapshot must be requested to one selected node, not multiple";
        return Err(Failure::interrupted(format!("{text} [{}]", endpoints.join(" "))));
    }
    let path = Path::new(path);
    let limit = context.settings.timeout_is_set.then_some(context.settings.command_timeout);
    let saving = save(context, path);
    let version = match limit {
        None => saving.await,
        Some(limit) => match tokio::time::timeout(limit, saving).await {
            Ok(outcome) => outcome,
            Err(_) => Err("context deadline exceeded".to_owned()),
        },
    };
    let version = version.map_err(Failure::interrupted)?;
    context.line(&format!("Snapshot saved at {}", path.display()))?;
    if version.is_empty() {
        return Ok(());
    }
    context.line(&format!("Server version {version}"))
}

/// The file under its temporary name; removed unless it gets its own.
struct Part {
    path: PathBuf,
    file: File,
    named: bool,
}

impl Part {
    fn create(path: &Path) -> Result<Part, String> {
        let mut name = path.as_os_str().to_owned();
        name.push(".part");
        let path = PathBuf::from(name);
        let mut options = OpenOptions::new();
        let opened = options.write(true).create(true).truncate(true).mode(0o600).open(&path);
        let file =
            opened.map_err(|error| format!("could not open {} ({error})", path.display()))?;
        Ok(Part { path, file, named: false })
    }

    fn finish(mut self, path: &Path) -> Result<(), String> {
        let rename = || {
            self.file.sync_all()?;
            std::fs::rename(&self.path, path)?;
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
        };
        rename().map_err(|error| format!("could not save {} ({error})", path.display()))?;
        self.named = true;
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.named {
            // Nothing more can be done about a file that cannot be removed.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

async fn save(context: &Context<'_>, path: &Path) -> Result<String, String> {
    let client = context.client();
    let mut part = Part::create(path)?;
    let (endpoint, channel) = client.any().await.map_err(|failure| failure.text)?;
    let call = client.maintenance(channel).snapshot(request(SnapshotRequest {})).await;
    let blobs = call.map_err(|status| describe(endpoint, &status))?.into_inner();
    let version = receive(endpoint, blobs, &mut part.file).await?;
    part.finish(path)?;
    Ok(version)
}

/// Writes the blobs to the file, and checks their end against the rest.
async fn receive(
    endpoint: &str,
    mut blobs: Streaming<SnapshotResponse>,
    file: &mut File,
) -> Result<String, String> {
    let bar = progress_bar();
    let (mut digest, mut tail) = (Sha256::new(), Vec::new());
    let (mut written, mut version) = (0, String::new());
    while let Some(blob) = blobs.message().await.map_err(|status| describe(endpoint, &status))? {
        file.write_all(&blob.blob).map_err(|error| error.to_string())?;
        written += blob.blob.len() as u64;
        bar.set_length(written + blob.remaining_bytes);
        bar.set_position(written);
        if !blob.version.is_empty() {
            version = blob.version;
        }
        tail.extend_from_slice(&blob.blob);
        let body = tail.len().saturating_sub(CHECKSUM_BYTES);
        digest.update(&tail[..body]);
        tail.drain(..body);
    }
    bar.finish_and_clear();
    if written % SECTOR_BYTES != CHECKSUM_BYTES as u64 {
        return Err(format!("sha256 checksum not found [bytes: {written}]"));
    }
    let found = digest.finalize();
    if found[..] != tail[..] {
        let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
        return Err(format!("expected sha256 {}, got {}", hex(&tail), hex(&found)));
    }
    Ok(version)
}

/// A bar on the terminal; nothing elsewhere.
fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::no_length();
    if !std::io::stderr().is_terminal() {
        bar.set_draw_target(ProgressDrawTarget::hidden());
    }
    let style = "{bar:40} {bytes}/{total_bytes} {bytes_per_sec} eta {eta}";
    bar.with_style(ProgressStyle::with_template(style).expect("the template is well-formed"))
}
