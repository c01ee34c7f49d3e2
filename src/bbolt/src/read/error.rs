//! What can be wrong with a file.

use core::fmt;

/// Why a read did not succeed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ReadError<E> {
    /// The source of the bytes failed; nothing is known about the file.
    Source(E),
    /// Neither meta page is one: this is not a bbolt file, or both were destroyed.
    NotADatabase,
    /// The meta page is of a newer version of the format.
    Version {
        /// The version that it names.
        found: u32,
    },
    /// The file ends before its last page: it was cut.
    CutShort {
        /// The length that the meta page asks for.
        bytes_wanted: u64,
        /// The length there is.
        bytes_found: u64,
    },
    /// A page is not what it must be.
    Corrupt {
        /// The page; 0 for a bucket that is stored within an entry.
        page: u64,
        /// What is wrong with it.
        flaw: Flaw,
    },
}

/// What is wrong with a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Flaw {
    /// It lies before the first or behind the last page of the file.
    OutOfRange,
    /// It names another page as itself.
    WrongNumber {
        /// What it says.
        found: u64,
    },
    /// It is of a kind that does not belong here.
    WrongKind {
        /// Its flags.
        flags: u16,
    },
    /// It extends beyond the end of the file.
    TooLong,
    /// An element points outside the page.
    ElementOutside {
        /// Which.
        element: u16,
    },
    /// An element has an empty key.
    EmptyKey {
        /// Which.
        element: u16,
    },
    /// A key is not greater than the one before it.
    KeyOrder {
        /// Which.
        element: u16,
    },
    /// A key lies outside the range that the parent page gives this one.
    KeyRange {
        /// Which.
        element: u16,
    },
    /// A branch page has no children.
    NoChildren,
    /// The tree is deeper than the number of pages allows.
    TooDeep,
    /// A walk met more pages than the file has: pages refer to each other in a circle.
    Circle,
    /// The page is used in two places.
    UsedTwice,
    /// The page is in use and in the free list.
    UsedAndFree,
    /// The page is in the free list twice.
    FreedTwice,
    /// The page is neither used nor free.
    Lost,
    /// The value of a bucket entry is too short to be a bucket.
    ShortBucket {
        /// Which.
        element: u16,
    },
}

impl<E: fmt::Display> fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Source(error) => write!(f, "{error}"),
            ReadError::NotADatabase => write!(f, "invalid database"),
            ReadError::Version { found } => {
                write!(f, "version mismatch: format {found} is newer than this program")
            }
            ReadError::CutShort { bytes_wanted, bytes_found } => write!(
                f,
                "the file is cut short: {bytes_wanted} bytes are expected, {bytes_found} found"
            ),
            ReadError::Corrupt { page, flaw } => write!(f, "page {page}: {flaw}"),
        }
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Flaw::OutOfRange => write!(f, "out of bounds"),
            Flaw::WrongNumber { found } => write!(f, "identifies itself as page {found}"),
            Flaw::WrongKind { flags } => write!(f, "unexpected page type (flags: {flags:x})"),
            Flaw::TooLong => write!(f, "extends beyond the end of the file"),
            Flaw::ElementOutside { element } => {
                write!(f, "element {element} lies outside the page")
            }
            Flaw::EmptyKey { element } => write!(f, "element {element} has an empty key"),
            Flaw::KeyOrder { element } => {
                write!(f, "key of element {element} is not greater than the one before")
            }
            Flaw::KeyRange { element } => {
                write!(f, "key of element {element} is outside the range of the parent page")
            }
            Flaw::NoChildren => write!(f, "branch page without children"),
            Flaw::TooDeep => write!(f, "tree is too deep"),
            Flaw::Circle => write!(f, "pages refer to each other in a circle"),
            Flaw::UsedTwice => write!(f, "multiple references"),
            Flaw::UsedAndFree => write!(f, "reachable freed"),
            Flaw::FreedTwice => write!(f, "already freed"),
            Flaw::Lost => write!(f, "unreachable unfreed"),
            Flaw::ShortBucket { element } => {
                write!(f, "bucket in element {element} is shorter than a bucket's header")
            }
        }
    }
}

impl<E: core::error::Error + 'static> core::error::Error for ReadError<E> {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            ReadError::Source(error) => Some(error),
            _ => None,
        }
    }
}
