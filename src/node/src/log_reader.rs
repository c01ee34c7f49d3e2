//! Reads entries that left the memory cache from the log files, for followers that lag and for an
//! applier that replays. It runs beside the log writer on a thread of its own and only reads.

use base::{Index, mark};
use raft::{Entry, Fetch, Unavailable};
use tokio::sync::mpsc;

use crate::convert::entry_kind_of;
use crate::env::{Disk, DiskError, DiskErrorKind, DiskFile, Env};
use crate::log_writer::files::DIRECTORY;
use crate::raft_task::input::Notice;

/// Runs until nobody can ask it any more.
pub(crate) async fn run<E: Env>(
    env: E,
    mut requests: mpsc::UnboundedReceiver<Fetch>,
    notices: mpsc::UnboundedSender<Notice>,
) {
    while let Some(fetch) = requests.recv().await {
        mark!("log: entries read back for a follower");
        let entries = match read(&env, &fetch).await {
            Ok(entries) if entries.is_empty() => Err(Unavailable),
            Ok(entries) => Ok(entries),
            // Released between the listing and the opening.
            Err(error) if error.kind == DiskErrorKind::NotFound => Err(Unavailable),
            Err(error) => {
                env.fail_stop(&format!("the log cannot be read: {error}"));
                return;
            }
        };
        let _stopped = notices.send(Notice::Fetched { fetch: fetch.id, entries });
    }
}

/// The wanted entries from the first on, as many as the bound admits; none when the first is gone.
async fn read<E: Env>(env: &E, fetch: &Fetch) -> Result<Vec<Entry>, DiskError> {
    let names = env.disk().list(DIRECTORY).await?;
    let mut segments: Vec<_> =
        names.iter().filter_map(|entry| wal::SegmentName::parse(&entry.name)).collect();
    segments.sort_unstable();
    // The last segment that begins at or below the wanted index, and all behind it.
    let start = segments.partition_point(|segment| segment.first <= fetch.first).saturating_sub(1);
    let mut found = Found { fetch, entries: Vec::new(), bytes: 0 };
    // All later segments are read, however early the range is complete: an entry that a new
    // leader replaced stands in an older segment than the one that replaced it.
    for segment in segments.iter().skip(start) {
        let file = env.disk().open(&format!("{DIRECTORY}/{segment}")).await?;
        let len = file.len().await?;
        let bytes = file.read_at(0, len as usize).await?;
        for entry in wal::read_entries(&bytes, fetch.first, fetch.last) {
            found.add(entry);
        }
    }
    Ok(found.entries)
}

/// Entries collected so far, contiguous from the wanted index.
struct Found<'a> {
    fetch: &'a Fetch,
    entries: Vec<Entry>,
    bytes: usize,
}

impl Found<'_> {
    fn next(&self) -> Index {
        self.entries.last().map_or(self.fetch.first, |entry| entry.index.next())
    }

    /// Adds an entry; one that stands at or below the end replaces what stood there, as a later
    /// record in the log does.
    fn add(&mut self, entry: wal::Entry) {
        let Some(kind) = entry_kind_of(entry.kind) else { return };
        if entry.index < self.fetch.first || entry.index > self.next() {
            return;
        }
        let keep = entry.index.since(self.fetch.first) as usize;
        for replaced in self.entries.drain(keep..) {
            self.bytes -= replaced.data.len();
        }
        if self.bytes >= self.fetch.bytes_max {
            return;
        }
        self.bytes += entry.data.len();
        self.entries.push(Entry { term: entry.term, index: entry.index, kind, data: entry.data });
    }
}
