//! Identifiers as types, so that a term is never passed where an index is meant.
//!
//! All are plain integers on the wire; the newtypes cost nothing and order as their integers do.

use core::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $int:ty, $format:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $int);

        impl $name {
            /// The zero value, which on the wire means "none".
            pub const ZERO: $name = $name(0);

            /// The plain integer.
            pub const fn get(self) -> $int {
                self.0
            }

            /// Whether this is the zero value, "none" on the wire.
            pub const fn is_zero(self) -> bool {
                self.0 == 0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $format, self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, $format, self.0)
            }
        }

        impl From<$int> for $name {
            fn from(value: $int) -> $name {
                $name(value)
            }
        }
    };
}

id!(
    /// A Raft term: the logical clock of elections. Zero is before the first election.
    Term, u64, "{}"
);
id!(
    /// A position in the Raft log. The first entry has index 1; zero is before the log.
    Index, u64, "{}"
);
id!(
    /// A member of the cluster, derived as etcd derives it; printed in hexadecimal.
    MemberId, u64, "{:x}"
);
id!(
    /// A cluster, derived from its first members; printed in hexadecimal.
    ClusterId, u64, "{:x}"
);
id!(
    /// A proposal of one member, unique among its live proposals.
    RequestId, u64, "{:x}"
);
id!(
    /// A lease; printed in hexadecimal as etcdctl does.
    LeaseId, i64, "{:x}"
);

impl Index {
    /// The index after this one.
    ///
    /// # Panics
    /// At the end of the 64-bit range, which no log reaches.
    #[must_use]
    pub const fn next(self) -> Index {
        self.plus(1)
    }

    /// The index `count` after this one; panics on overflow.
    #[must_use]
    pub const fn plus(self, count: u64) -> Index {
        match self.0.checked_add(count) {
            Some(value) => Index(value),
            None => panic!("log index overflows"),
        }
    }

    /// The index before this one; zero stays zero.
    #[must_use]
    pub const fn prev(self) -> Index {
        Index(self.0.saturating_sub(1))
    }

    /// How many entries lie after `earlier` up to this one; panics when `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Index) -> u64 {
        match self.0.checked_sub(earlier.0) {
            Some(value) => value,
            None => panic!("index is before the one it is measured from"),
        }
    }
}

impl Term {
    /// The term after this one; panics on overflow.
    #[must_use]
    pub const fn next(self) -> Term {
        match self.0.checked_add(1) {
            Some(value) => Term(value),
            None => panic!("term overflows"),
        }
    }
}
