//! Transcripts: what a person types into `etcdctl` and what appears, as files that are run.
//!
//! | line | meaning |
//! |---|---|
//! | `# text` | a comment |
//! | `@3.4,3.5 line` | a line of any kind, only for tools of these versions |
//! | `members N` | only for clusters of this size |
//! | `$ words` | runs the tool; the lines below are its output |
//! | `\| text` | a line of its input |
//! | `[code] text` | it ends with this code and this first line of errors, instead of 0 |
//! | `& name words` | starts the tool beside the rest |
//! | `name> text` | the next line that it prints |
//! | `. name` | ends it |
//!
//! In output `{n}`, `{hex}` and `{any}` stand for digits, hexadecimal digits and anything;
//! `{x:n}` remembers what it stood for, and `{x}` is that from then on, in commands too.

mod pattern;
mod run;
mod step;

use std::collections::BTreeMap;

pub use pattern::{fill, matches};
pub use run::Session;
pub use step::{Script, Step};

/// What names stand for.
pub type Names = BTreeMap<String, String>;
