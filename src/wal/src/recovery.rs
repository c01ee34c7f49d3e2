//! What a log directory holds after a crash, and what must be done before it is written again.
//!
//! Fed segment by segment, oldest first, so that one segment's bytes are in memory at a time.
//! Recovery itself changes nothing; the operations it gives may be interrupted and recovery run
//! again with the same result (L3).

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base::{Index, Term};
use bytes::Bytes;

use crate::error::WalError;
use crate::frame::{Frame, kind};
use crate::name::{SegmentName, leftovers};
use crate::op::Op;
use crate::read::{Chain, Step};
use crate::replay::{Refusal, Replay};
use crate::suspect::Suspect;
use crate::tail;
use crate::types::{Entry, HardState, Metadata, SnapshotMark};
use crate::writer::Writer;

/// Records of a header: checksum, metadata, and hard state or the mark at zero.
const HEADER_RECORDS: usize = 3;

/// How the last segment ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tail {
    /// With a whole batch, and zeros behind it.
    Clean,
    /// Within its last batch: torn by the crash, or damaged later.
    Torn {
        /// Where the damage begins; cut off there.
        offset: u64,
        /// A sector of it is zero, which is how etcd tells a torn write from damage.
        zero_sector: bool,
    },
}

/// What the log says.
#[derive(Debug)]
pub struct Recovered {
    /// Whose log it is.
    pub metadata: Metadata,
    /// The last hard state.
    pub hard_state: HardState,
    /// The snapshot marks in force in the segments that are left, oldest first.
    pub snapshots: Vec<SnapshotMark>,
    /// The newest of them, none while the log begins at its first entry.
    pub mark: Option<SnapshotMark>,
    /// The entries behind the newest mark.
    pub entries: Vec<Entry>,
    /// How the log ended.
    pub tail: Tail,
    /// What may have been lost, in this crash or in an earlier one that no leader has mended yet.
    pub suspect: Option<Suspect>,
    /// Continues the log, once `ops` are done.
    pub writer: Writer,
    /// Carried out before the first append and before anything is said about the log: what was
    /// read may so far only be in a cache.
    pub ops: Vec<Op>,
}

/// Reads the segments of a log.
pub struct Recovery {
    segments: Vec<SegmentName>,
    /// Segments before a gap, which an interrupted release left; and other files to remove.
    stale: Vec<SegmentName>,
    leftovers: Vec<Op>,
    suspects: Vec<Suspect>,
    replay: Replay,
    chain: Chain,
    read: usize,
    closed_bytes: Vec<u64>,
    header_bytes: u64,
    last_len: u64,
    torn: Option<Torn>,
}

struct Torn {
    zero_sector: bool,
    suspect: Suspect,
}

impl Recovery {
    /// Begins with all names in the log directory.
    ///
    /// # Errors
    /// [`WalError::Empty`] without a segment, [`WalError::Corrupt`] when two claim one place.
    pub fn new(names: &[String]) -> Result<Recovery, WalError> {
        let mut segments: Vec<SegmentName> =
            names.iter().filter_map(|name| SegmentName::parse(name)).collect();
        segments.sort_unstable();
        if segments.is_empty() {
            return Err(WalError::Empty);
        }
        if let Some(pair) = segments.windows(2).find(|pair| pair[0].sequence == pair[1].sequence) {
            let reason = format!("{} has the same sequence number", pair[1]);
            return Err(WalError::Corrupt { file: pair[0].to_string(), offset: 0, reason });
        }
        let joins = |pair: &[SegmentName]| pair[0].sequence + 1 == pair[1].sequence;
        let begin = segments.windows(2).rposition(|pair| !joins(pair)).map_or(0, |at| at + 1);
        let rest = segments.split_off(begin);
        Ok(Recovery {
            replay: Replay::behind(rest[0].first.prev()),
            segments: rest,
            stale: segments,
            leftovers: leftovers(names),
            suspects: names.iter().filter_map(|name| Suspect::parse(name)).collect(),
            chain: Chain { at: 0, crc: None },
            read: 0,
            closed_bytes: Vec::new(),
            header_bytes: 0,
            last_len: 0,
            torn: None,
        })
    }

    /// Requires that the log belongs to this member.
    #[must_use]
    pub fn expecting(mut self, metadata: Metadata) -> Recovery {
        self.replay.metadata = Some(metadata);
        self
    }

    /// The files to feed, in this order.
    #[must_use]
    pub fn names(&self) -> Vec<String> {
        self.segments.iter().map(ToString::to_string).collect()
    }

    /// Takes in the next segment.
    ///
    /// # Errors
    /// When the segment is damaged, foreign or of a newer format.
    ///
    /// # Panics
    /// When it is not the next of [`Recovery::names`].
    pub fn segment(&mut self, name: &str, bytes: Bytes) -> Result<(), WalError> {
        let expected = self.segments.get(self.read).map(ToString::to_string);
        assert!(expected.as_deref() == Some(name), "{name} instead of {expected:?}");
        self.read += 1;
        self.chain.at = 0;
        let mut records = 0;
        let mut before = 0;
        loop {
            let at = self.chain.at;
            match self.chain.next(&bytes) {
                Step::Record(frame) => {
                    self.record(&frame, &bytes, records).map_err(|why| refuse(name, at, why))?;
                    records += 1;
                    before = frame.kind;
                    if records == HEADER_RECORDS {
                        self.header_bytes = frame.end as u64;
                    }
                }
                Step::End if tail::is_blank(&bytes, at) => break,
                Step::End => {
                    self.damage(name, &bytes, records, before, "a zero length word".into())?;
                    break;
                }
                Step::Bad(reason) => {
                    self.damage(name, &bytes, records, before, reason)?;
                    break;
                }
            }
        }
        self.end_segment(name, records, bytes.len() as u64)
    }

    fn record(&mut self, frame: &Frame, bytes: &[u8], records: usize) -> Result<(), Refusal> {
        let wrong = |what: &str| Err(Refusal::Corrupt(what.into()));
        match (records, frame.kind) {
            (0, kind::CRC) => Ok(()),
            (0, _) => wrong("the segment does not begin with a checksum"),
            (_, kind::CRC) => wrong("a checksum record within a segment"),
            (1, kind::METADATA) => self.replay.record(frame.kind, &bytes[frame.data.clone()]),
            (1, _) => wrong("no metadata behind the checksum"),
            (_, kind::METADATA) => wrong("metadata within a segment"),
            _ => self.replay.record(frame.kind, &bytes[frame.data.clone()]),
        }
    }

    /// Decides what a damaged frame is.
    fn damage(
        &mut self,
        name: &str,
        bytes: &[u8],
        records: usize,
        before: u64,
        reason: String,
    ) -> Result<(), WalError> {
        let at = self.chain.at;
        let corrupt =
            |reason| Err(WalError::Corrupt { file: name.into(), offset: at as u64, reason });
        if self.read < self.segments.len() {
            return corrupt(format!("{reason}, and a later segment exists"));
        }
        if records < HEADER_RECORDS {
            return corrupt(format!("{reason} in the segment's header"));
        }
        let crc = self.chain.crc.expect("the header was read and set the checksum");
        let survey = tail::survey(bytes, at, crc, self.replay.hard_state);
        if survey.later_batch {
            return corrupt(format!("{reason}, and a later batch is intact"));
        }
        base::mark!("wal: torn tail");
        let continues = survey.entry && before == kind::ENTRY;
        let after = if continues { self.replay.log.last() } else { self.replay.hard_state.commit };
        let suspect = Suspect { first: after.next(), last: survey.last, vote: !survey.entry };
        self.torn = Some(Torn { zero_sector: survey.zero_sector, suspect });
        Ok(())
    }

    fn end_segment(&mut self, name: &str, records: usize, len: u64) -> Result<(), WalError> {
        let at = self.chain.at as u64;
        let missing = records < 2 || (self.read > 1 && records < HEADER_RECORDS);
        if missing {
            let reason = "the segment's header is missing".into();
            return Err(WalError::Corrupt { file: name.into(), offset: at, reason });
        }
        if records < HEADER_RECORDS {
            self.header_bytes = at;
        }
        match self.read == self.segments.len() {
            true => self.last_len = len,
            false => self.closed_bytes.push(len),
        }
        Ok(())
    }

    /// The verdict, with the writer of segments of `segment_bytes`.
    ///
    /// # Errors
    /// When entries are missing.
    ///
    /// # Panics
    /// When not all of [`Recovery::names`] were fed.
    pub fn finish(self, segment_bytes: u64) -> Result<Recovered, WalError> {
        let (read, wanted) = (self.read, self.segments.len());
        assert!(read == wanted, "{read} of {wanted} segments were read");
        self.replay.check().map_err(|reason| WalError::Gap { reason })?;
        let offset = self.chain.at as u64;
        let (ops, suspects) = self.repairs(offset, segment_bytes);
        let mark = self.replay.marks.iter().rev().find(|mark| !mark.index.is_zero()).cloned();
        let metadata = self.replay.metadata.expect("each header has metadata");
        let (base, _) = self.replay.log.base.unwrap_or((Index::ZERO, Some(Term::ZERO)));
        let tail = match &self.torn {
            None => Tail::Clean,
            Some(torn) => Tail::Torn { offset, zero_sector: torn.zero_sector },
        };
        let writer = Writer {
            metadata,
            segment_bytes,
            segments: self.segments,
            closed_bytes: self.closed_bytes,
            offset,
            header_bytes: self.header_bytes,
            crc: self.chain.crc.expect("the header was read and set the checksum"),
            overhang: 0,
            hard_state: self.replay.hard_state,
            last: self.replay.log.last(),
            mark: base,
            prepared: None,
            suspects: suspects.clone(),
        };
        Ok(Recovered {
            metadata,
            hard_state: self.replay.hard_state,
            snapshots: self.replay.marks,
            mark,
            entries: self.replay.log.entries,
            tail,
            suspect: suspects.into_iter().reduce(Suspect::union),
            writer,
            ops,
        })
    }

    /// What must be done to the files, and what stays suspect. The doubt is durable before its
    /// cause is cut off.
    fn repairs(&self, offset: u64, segment_bytes: u64) -> (Vec<Op>, Vec<Suspect>) {
        let mut ops = self.leftovers.clone();
        ops.extend(self.stale.iter().map(|segment| Op::Remove { name: segment.to_string() }));
        let mut suspects = self.suspects.clone();
        let last = self.segments.last().expect("there is a segment");
        let name = last.to_string();
        if let Some(torn) = &self.torn {
            if !suspects.contains(&torn.suspect) {
                ops.push(Op::Create { name: torn.suspect.file_name(), allocate: 0 });
                suspects.push(torn.suspect);
            }
            ops.push(Op::SyncDir);
            ops.push(Op::Truncate { name: name.clone(), len: offset });
        }
        if self.torn.is_some() || self.last_len < segment_bytes {
            ops.push(Op::Allocate { name: name.clone(), len: segment_bytes });
        }
        ops.push(Op::Sync { name });
        ops.push(Op::SyncDir);
        (ops, suspects)
    }
}

fn refuse(file: &str, at: usize, refusal: Refusal) -> WalError {
    let (file, offset) = (file.to_string(), at as u64);
    match refusal {
        Refusal::Corrupt(reason) => WalError::Corrupt { file, offset, reason },
        Refusal::Newer(what) => WalError::NewerFormat { file, offset, what },
        Refusal::Foreign { expected, found } => WalError::Foreign { expected, found },
    }
}
