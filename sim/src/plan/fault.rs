//! What goes wrong and when, as data. Each fault ends by itself; what outlives its end (a member
//! that stopped itself, say) is mended by the supervisor or by the healing at the end.

use serde::{Deserialize, Serialize};

use crate::disk::SyncFailure;
use crate::net::LinkFaults;

/// A fault and its time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TimedFault {
    /// Milliseconds after the cluster first served.
    pub at_ms: u64,
    /// What.
    pub fault: Fault,
}

/// A fault. Members are numbered from zero; times are in milliseconds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "fields are members by number and times in milliseconds")]
pub enum Fault {
    /// A member loses power and comes back (P1, S2, S5).
    Crash { member: usize, down_ms: u64 },
    /// A member loses power while a sync is under way (P2).
    CrashInSync { member: usize, down_ms: u64 },
    /// A member loses power several times while it recovers (P5).
    CrashLoop { member: usize, times: u32 },
    /// All members lose power at once (P6).
    PowerLoss { down_ms: u64 },
    /// A member is frozen; the network and the clock go on (P3).
    Pause { member: usize, ms: u64 },
    /// Members on one side do not reach the others (N5).
    Partition { side: Vec<usize>, ms: u64 },
    /// One direction is cut (N6).
    OneWay { from: usize, to: usize, ms: u64 },
    /// All links behave worse (N1 to N4, N10).
    BadLinks { links: LinkFaults, ms: u64 },
    /// A link holds everything back, then lets go at once (N7).
    Clog { from: usize, to: usize, ms: u64 },
    /// Clients do not reach a member, or do not hear its answers (N11).
    ClientCut { member: usize, answers_only: bool, ms: u64 },
    /// A disk does not answer for a while (S1).
    DiskStall { member: usize, ms: u64 },
    /// A disk is slow (S15).
    SlowDisk { member: usize, factor: u32, ms: u64 },
    /// A sync fails; the member must end (S6).
    SyncFailure { member: usize, failure: SyncFailure, down_ms: u64 },
    /// A write fails; the member must end (S7).
    WriteError { member: usize, down_ms: u64 },
    /// Others fill a disk for a while, all but a few bytes (S7).
    DiskFull {
        member: usize,
        #[serde(default)]
        left_bytes: u64,
        ms: u64,
    },
    /// The backend fails; the member must end.
    BackendError { member: usize, down_ms: u64 },
    /// A member loses power between two changes of its backend (P2, BK1).
    CrashInBackend {
        member: usize,
        operations: u32,
        #[serde(default)]
        behind_drop: bool,
        down_ms: u64,
    },
    /// A bit of a member's log rots while it is down (S9).
    BitRot { member: usize, down_ms: u64 },
    /// An operator adds a voter on an empty disk (O3).
    AddVoter { ms: u64 },
    /// An operator adds a learner, and promotes it when it has caught up (O3).
    AddLearner { promote: bool, ms: u64 },
    /// An operator removes a member (O3).
    Remove { member: usize, ms: u64 },
    /// An operator removes whoever leads (O3).
    RemoveLeader { ms: u64 },
    /// A member is lost with its disk, and an operator puts another one in its place (P7).
    Replace { member: usize, as_learner: bool, ms: u64 },
    /// An operator hands leadership to a member (O4).
    Transfer { member: usize, ms: u64 },
}

impl Fault {
    /// The name under which it is counted.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Fault::Crash { .. } => "fault: P1 crash",
            Fault::CrashInSync { .. } => "fault: P2 crash in sync",
            Fault::CrashLoop { .. } => "fault: P5 crash in recovery",
            Fault::PowerLoss { .. } => "fault: P6 power loss",
            Fault::Pause { .. } => "fault: P3 pause",
            Fault::Partition { .. } => "fault: N5 partition",
            Fault::OneWay { .. } => "fault: N6 one-way cut",
            Fault::BadLinks { .. } => "fault: N1-N4 bad links",
            Fault::Clog { .. } => "fault: N7 clog and flood",
            Fault::ClientCut { .. } => "fault: N11 client cut",
            Fault::DiskStall { .. } => "fault: S1 disk stall",
            Fault::SlowDisk { .. } => "fault: S15 slow disk",
            Fault::SyncFailure { .. } => "fault: S6 fsync error",
            Fault::WriteError { .. } => "fault: S7 write error",
            Fault::DiskFull { .. } => "fault: S7 disk full",
            Fault::BackendError { .. } => "fault: backend error",
            Fault::CrashInBackend { .. } => "fault: P2 crash in backend",
            Fault::BitRot { .. } => "fault: S9 bit rot",
            Fault::AddVoter { .. } => "fault: O3 add voter",
            Fault::AddLearner { .. } => "fault: O3 add learner",
            Fault::Remove { .. } => "fault: O3 remove",
            Fault::RemoveLeader { .. } => "fault: O3 remove leader",
            Fault::Replace { .. } => "fault: P7 replace",
            Fault::Transfer { .. } => "fault: O4 transfer",
        }
    }

    /// The members that it hits, by number.
    pub fn targets(&mut self) -> Vec<&mut usize> {
        match self {
            Fault::Crash { member, .. }
            | Fault::CrashInSync { member, .. }
            | Fault::CrashLoop { member, .. }
            | Fault::Pause { member, .. }
            | Fault::ClientCut { member, .. }
            | Fault::DiskStall { member, .. }
            | Fault::SlowDisk { member, .. }
            | Fault::SyncFailure { member, .. }
            | Fault::WriteError { member, .. }
            | Fault::DiskFull { member, .. }
            | Fault::BackendError { member, .. }
            | Fault::CrashInBackend { member, .. }
            | Fault::BitRot { member, .. }
            | Fault::Remove { member, .. }
            | Fault::Replace { member, .. }
            | Fault::Transfer { member, .. } => vec![member],
            Fault::OneWay { from, to, .. } | Fault::Clog { from, to, .. } => vec![from, to],
            Fault::Partition { side, .. } => side.iter_mut().collect(),
            Fault::PowerLoss { .. }
            | Fault::BadLinks { .. }
            | Fault::AddVoter { .. }
            | Fault::AddLearner { .. }
            | Fault::RemoveLeader { .. } => Vec::new(),
        }
    }

    /// Whether it does nothing but end a member's process.
    #[must_use]
    pub fn is_death(&self) -> bool {
        matches!(
            self,
            Fault::Crash { .. }
                | Fault::CrashInSync { .. }
                | Fault::CrashLoop { .. }
                | Fault::PowerLoss { .. }
                | Fault::SyncFailure { .. }
                | Fault::WriteError { .. }
                | Fault::BackendError { .. }
                | Fault::CrashInBackend { .. }
                | Fault::BitRot { .. }
        )
    }

    /// How long it is on, in milliseconds.
    #[must_use]
    pub fn lasts_ms(&self) -> u64 {
        match *self {
            Fault::Crash { down_ms, .. }
            | Fault::CrashInSync { down_ms, .. }
            | Fault::PowerLoss { down_ms }
            | Fault::SyncFailure { down_ms, .. }
            | Fault::WriteError { down_ms, .. }
            | Fault::BackendError { down_ms, .. }
            | Fault::CrashInBackend { down_ms, .. }
            | Fault::BitRot { down_ms, .. } => down_ms,
            Fault::CrashLoop { times, .. } => u64::from(times) * 200,
            Fault::Pause { ms, .. }
            | Fault::Partition { ms, .. }
            | Fault::OneWay { ms, .. }
            | Fault::BadLinks { ms, .. }
            | Fault::Clog { ms, .. }
            | Fault::ClientCut { ms, .. }
            | Fault::DiskStall { ms, .. }
            | Fault::SlowDisk { ms, .. }
            | Fault::DiskFull { ms, .. }
            | Fault::AddVoter { ms }
            | Fault::AddLearner { ms, .. }
            | Fault::Remove { ms, .. }
            | Fault::RemoveLeader { ms }
            | Fault::Replace { ms, .. }
            | Fault::Transfer { ms, .. } => ms,
        }
    }
}
