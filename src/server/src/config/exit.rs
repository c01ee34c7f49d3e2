//! Why the process ends before it serves: with what texts and which exit code.

use std::io::Write;

/// An end of the process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Somebody asked for a text (`--help`, `--version`): standard output, code 0.
    Told(String),
    /// The command line cannot be read: standard error, code 2.
    Usage(String),
    /// A value or the configuration as a whole cannot be used: standard error, code 1.
    Refused(String),
}

impl Exit {
    /// The exit code.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Exit::Told(_) => 0,
            Exit::Usage(_) => 2,
            Exit::Refused(_) => 1,
        }
    }

    /// Writes the text where it belongs.
    pub fn write(&self) {
        // Whoever closed the pipe has read enough.
        let _closed = match self {
            Exit::Told(text) => writeln!(std::io::stdout(), "{text}"),
            Exit::Usage(text) | Exit::Refused(text) => writeln!(std::io::stderr(), "{text}"),
        };
    }
}
