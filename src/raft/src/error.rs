//! Why a request was refused. Nothing was changed by a refused request.

use core::error::Error;
use core::fmt;

/// Why a proposal was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProposeError {
    /// No leader is known; try again after an election.
    NoLeader,
    /// Leadership is being handed over; try again with the next leader.
    Transferring,
    /// Too many bytes are uncommitted; try again when some are committed.
    UncommittedFull,
    /// This leader loses its vote by a change in the log and is about to step down.
    NotMember,
    /// An earlier configuration change is not yet applied; try again then.
    ChangePending,
    /// The configuration is joint: only the change that leaves it is possible.
    AlreadyJoint,
    /// The configuration is not joint: there is nothing to leave.
    NotJoint,
    /// The change cannot be carried out, for instance because no voter would remain.
    InvalidChange,
}

impl fmt::Display for ProposeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ProposeError::NoLeader => "no leader is known",
            ProposeError::Transferring => "leadership is being transferred",
            ProposeError::UncommittedFull => "too many bytes are uncommitted",
            ProposeError::NotMember => "the leader is no longer a voter",
            ProposeError::ChangePending => "a configuration change is not yet applied",
            ProposeError::AlreadyJoint => "the configuration is joint and must be left first",
            ProposeError::NotJoint => "the configuration is not joint",
            ProposeError::InvalidChange => "the configuration change cannot be carried out",
        })
    }
}

impl Error for ProposeError {}

/// Why a read barrier was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// No leader is known; try again after an election.
    NoLeader,
    /// Too many reads wait for confirmation; try again later.
    TooMany,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReadError::NoLeader => "no leader is known",
            ReadError::TooMany => "too many reads wait for confirmation",
        })
    }
}

impl Error for ReadError {}

/// Why leadership is not handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferError {
    /// No leader is known.
    NoLeader,
    /// The transferee is not a voter.
    NotVoter,
    /// The transferee leads already.
    AlreadyLeader,
}

impl fmt::Display for TransferError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TransferError::NoLeader => "no leader is known",
            TransferError::NotVoter => "the transferee is not a voter",
            TransferError::AlreadyLeader => "the transferee is the leader",
        })
    }
}

impl Error for TransferError {}

/// What became of an accepted proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proposed {
    /// This leader appended it. Whether it commits is not yet known.
    Appended {
        /// The term of the entries.
        term: base::Term,
        /// The index of the first entry.
        first: base::Index,
        /// The index of the last entry.
        last: base::Index,
    },
    /// It was sent to the leader and may be lost on the way; it is never sent twice.
    Forwarded {
        /// The leader it was sent to.
        leader: base::MemberId,
    },
}
