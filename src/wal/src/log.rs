//! The entries that recovery has read: contiguous from a base, suffixes replaced as they were.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base::{Index, Term};

use crate::types::Entry;

/// Entries behind `base`. Invariant: `entries[i].index == base.0 + 1 + i`, and terms never fall.
#[derive(Clone, Debug, Default)]
pub(crate) struct Log {
    /// What the entries continue, and its term when a mark told it; none before the first record
    /// that tells where the retained log begins.
    pub base: Option<(Index, Option<Term>)>,
    pub entries: Vec<Entry>,
}

impl Log {
    pub(crate) fn behind(index: Index, term: Term) -> Log {
        Log { base: Some((index, Some(term))), entries: Vec::new() }
    }

    /// The last index, zero when nothing is known.
    pub(crate) fn last(&self) -> Index {
        let base = self.base.map_or(Index::ZERO, |(index, _)| index);
        base.plus(self.entries.len() as u64)
    }

    /// The term of an entry, or of the base.
    pub(crate) fn term(&self, index: Index) -> Option<Term> {
        let (base, term) = self.base?;
        if index == base {
            return term;
        }
        let at = index.get().checked_sub(base.get() + 1)?;
        self.entries.get(usize::try_from(at).ok()?).map(|entry| entry.term)
    }

    /// Appends an entry, or replaces one and drops all behind it.
    pub(crate) fn put(&mut self, entry: Entry, commit: Index) -> Result<(), String> {
        let (base, _) = *self.base.get_or_insert((entry.index.prev(), None));
        if entry.index <= base {
            // Below what a mark covers, in a segment that is kept for followers.
            return Ok(());
        }
        if entry.index > self.last().next() {
            return Err(format!("entry {} follows entry {}", entry.index, self.last()));
        }
        let keep = entry.index.since(base) as usize - 1;
        if let Some(old) = self.entries.get(keep)
            && entry.index <= commit
            && old.term != entry.term
        {
            return Err(format!(
                "entry {} of term {} was committed at {commit} and is replaced by term {}",
                entry.index, old.term, entry.term
            ));
        }
        let before = self.term(entry.index.prev()).unwrap_or(Term::ZERO);
        if entry.term < before || entry.term.is_zero() {
            return Err(format!("entry {} has term {} after {before}", entry.index, entry.term));
        }
        self.entries.truncate(keep);
        self.entries.push(entry);
        Ok(())
    }

    /// The log behind a mark: what is left of this one when its entry at the mark has the mark's
    /// term, else nothing, for then all its entries contradict the snapshot.
    pub(crate) fn cut_at(mut self, index: Index, term: Term) -> Log {
        if self.term(index) != Some(term) {
            return Log::behind(index, term);
        }
        let base = self.base.map_or(Index::ZERO, |(base, _)| base);
        self.entries.drain(..index.since(base) as usize);
        Log { base: Some((index, Some(term))), entries: self.entries }
    }
}
