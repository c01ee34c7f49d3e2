//! What a member may have lost with the end of its log, kept as the name of an empty file.
//!
//! Cutting a damaged tail removes the evidence. If the member forgot its doubt in the next crash it
//! could vote as if it had never acknowledged what it lost. The doubt is therefore a file name:
//! created and made durable before the cut, removed once a leader has caught the member up. An
//! empty file has no content that could be torn. etcd ignores the file.

use alloc::format;
use alloc::string::String;

use base::Index;

use crate::name::parse_hex;

const SUFFIX: &str = ".suspect";

/// Entries, and perhaps a vote, that may have been durable and are gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Suspect {
    /// The lowest index that may have been lost or replaced.
    pub first: Index,
    /// The highest such index, when what is left behind the damage tells.
    pub last: Option<Index>,
    /// Whether a term or vote may have been lost too.
    pub vote: bool,
}

impl Suspect {
    /// The doubt that covers both.
    #[must_use]
    pub(crate) fn union(self, other: Suspect) -> Suspect {
        Suspect {
            first: self.first.min(other.first),
            last: self.last.zip(other.last).map(|(one, two)| one.max(two)),
            vote: self.vote || other.vote,
        }
    }

    pub(crate) fn file_name(&self) -> String {
        let last = self.last.map_or(u64::MAX, Index::get);
        format!("{:016x}-{last:016x}-{}{SUFFIX}", self.first.get(), u8::from(self.vote))
    }

    pub(crate) fn parse(name: &str) -> Option<Suspect> {
        let mut parts = name.strip_suffix(SUFFIX)?.split('-');
        let (first, last) = (parse_hex(parts.next()?)?, parse_hex(parts.next()?)?);
        let vote = match (parts.next()?, parts.next()) {
            ("0", None) => false,
            ("1", None) => true,
            _ => return None,
        };
        let last = (last != u64::MAX).then_some(Index(last));
        Some(Suspect { first: Index(first), last, vote })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_doubt_survives_as_a_name_and_joins_with_another() {
        let known = Suspect { first: Index(7), last: Some(Index(9)), vote: false };
        let open = Suspect { first: Index(8), last: None, vote: true };
        for suspect in [known, open] {
            assert_eq!(Suspect::parse(&suspect.file_name()), Some(suspect));
        }
        assert_eq!(known.union(open), Suspect { first: Index(7), last: None, vote: true });
        assert_eq!(Suspect::parse("0000000000000007.suspect"), None);
    }
}
