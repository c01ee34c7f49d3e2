//! The changes of one key. Most keys have one, which is held in place.

use core::cmp::Ordering;
use core::num::NonZeroU32;

use crate::tree::{Tree, Weight};

/// One change of a key, with all that the index knows about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Main revision of the change.
    pub main: i64,
    /// Main revision of the put that began the key's present life; zero in a deletion.
    pub created: i64,
    /// Puts since then, this one included; zero in a deletion.
    pub version: i64,
    /// Sub revision of the change.
    pub sub: u32,
    /// Bytes of the encoded `KeyValue`, which is never empty: it has a key.
    pub bytes: NonZeroU32,
}

/// When, and how large: what orders the marks of a long history, with room for the size.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    main: i64,
    sub: u32,
    bytes: NonZeroU32,
}

/// The rest of a mark.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    created: i64,
    version: i64,
}

impl PartialEq for Stamp {
    fn eq(&self, other: &Stamp) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Stamp {}

impl PartialOrd for Stamp {
    fn partial_cmp(&self, other: &Stamp) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Stamp {
    fn cmp(&self, other: &Stamp) -> Ordering {
        (self.main, self.sub).cmp(&(other.main, other.sub))
    }
}

impl Weight for Life {
    fn weight(&self) -> u64 {
        1
    }
}

impl Mark {
    /// Whether the change deleted the key.
    #[must_use]
    pub fn is_tombstone(&self) -> bool {
        self.version == 0
    }

    fn split(self) -> (Stamp, Life) {
        let stamp = Stamp { main: self.main, sub: self.sub, bytes: self.bytes };
        (stamp, Life { created: self.created, version: self.version })
    }

    fn join(stamp: &Stamp, life: &Life) -> Mark {
        let Stamp { main, sub, bytes } = *stamp;
        Mark { main, created: life.created, version: life.version, sub, bytes }
    }
}

/// All changes of a key that are not compacted; at least one.
#[derive(Clone, Debug)]
pub enum History {
    /// A single one.
    One(Mark),
    /// Several, ascending.
    Many(Tree<Stamp, Life>),
}

impl Weight for History {
    /// One if the key is alive after its last change.
    fn weight(&self) -> u64 {
        u64::from(!self.last().is_tombstone())
    }
}

impl History {
    /// A key's first change.
    #[must_use]
    pub fn new(mark: Mark) -> History {
        History::One(mark)
    }

    /// The last change.
    #[must_use]
    pub fn last(&self) -> Mark {
        match self {
            History::One(mark) => *mark,
            History::Many(marks) => {
                let (stamp, life) = marks.last().expect("a history is never empty");
                Mark::join(stamp, life)
            }
        }
    }

    /// The last change with a main revision up to `main`.
    #[must_use]
    pub fn at(&self, main: i64) -> Option<Mark> {
        match self {
            History::One(mark) => (mark.main <= main).then_some(*mark),
            History::Many(marks) => {
                let last = self.last();
                if last.main <= main {
                    return Some(last);
                }
                let bound = Stamp { main, sub: u32::MAX, bytes: NonZeroU32::MIN };
                marks.floor(&bound).map(|(stamp, life)| Mark::join(stamp, life))
            }
        }
    }

    /// The first change with a main revision from `main` on.
    #[must_use]
    pub fn from(&self, main: i64) -> Option<Mark> {
        match self {
            History::One(mark) => (mark.main >= main).then_some(*mark),
            History::Many(marks) => {
                let bound = Stamp { main, sub: 0, bytes: NonZeroU32::MIN };
                marks.iter_from(&bound).next().map(|(stamp, life)| Mark::join(stamp, life))
            }
        }
    }

    /// Adds a change behind the last one.
    ///
    /// # Panics
    /// When it is not behind.
    pub fn push(&mut self, mark: Mark) {
        let last = self.last();
        assert!(
            (mark.main, mark.sub) > (last.main, last.sub),
            "change {} of a key follows {}",
            mark.revision(),
            last.revision()
        );
        if let History::One(first) = self {
            let (stamp, life) = first.split();
            let mut marks = Tree::default();
            marks.insert(stamp, life);
            *self = History::Many(marks);
        }
        if let History::Many(marks) = self {
            let (stamp, life) = mark.split();
            marks.insert(stamp, life);
        }
    }

    /// All changes, ascending.
    pub fn marks(&self) -> impl Iterator<Item = Mark> + use<'_> {
        let (one, many) = match self {
            History::One(mark) => (Some(*mark), None),
            History::Many(marks) => (None, Some(marks.iter())),
        };
        one.into_iter().chain(many.into_iter().flatten().map(|(s, l)| Mark::join(s, l)))
    }

    /// Removes the changes before `first`; false when none is left.
    #[must_use]
    pub(super) fn keep_from(&mut self, first: Option<Mark>) -> bool {
        let (Some(first), History::Many(marks)) = (first, &mut *self) else {
            return first.is_some();
        };
        let (stamp, _) = first.split();
        let before = match stamp.sub.checked_sub(1) {
            Some(sub) => Stamp { sub, ..stamp },
            None => Stamp { main: stamp.main - 1, sub: u32::MAX, ..stamp },
        };
        marks.remove_through(&before);
        if marks.weight() == 1 {
            *self = History::One(self.last());
        }
        true
    }

    pub(super) fn check(&self) {
        let mut last: Option<Mark> = None;
        for mark in self.marks() {
            assert!((mark.created == 0) == mark.is_tombstone(), "{mark:?}");
            assert!(mark.created <= mark.main, "{mark:?} was created after it changed");
            if let Some(last) = last {
                assert!((last.main, last.sub) < (mark.main, mark.sub), "{last:?}, {mark:?}");
                let (created, version) = match (last.is_tombstone(), mark.is_tombstone()) {
                    (true, true) => panic!("a deleted key was deleted: {last:?}, {mark:?}"),
                    (true, false) => (mark.main, 1),
                    (false, true) => (0, 0),
                    (false, false) => (last.created, last.version + 1),
                };
                assert_eq!((mark.created, mark.version), (created, version), "after {last:?}");
            }
            last = Some(mark);
        }
        assert!(last.is_some(), "a history is empty");
    }
}
