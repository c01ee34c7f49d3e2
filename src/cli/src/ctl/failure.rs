//! How a command ends without success: a text for people and `etcdctl`'s exit code for scripts.

use std::fmt::Display;

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text}")]
pub struct Failure {
    /// The exit code.
    pub code: u8,
    /// The text, printed after `Error: `; nothing is printed when it is empty.
    pub text: String,
}

/// `etcdctl`'s exit codes.
impl Failure {
    /// 1: the request failed.
    pub fn error(text: impl Display) -> Failure {
        Failure { code: 1, text: text.to_string() }
    }

    /// 2: no connection, or a stream on one failed.
    pub fn bad_connection(text: impl Display) -> Failure {
        Failure { code: 2, text: text.to_string() }
    }

    /// 3: what came on standard input cannot be understood.
    pub fn invalid_input(text: impl Display) -> Failure {
        Failure { code: 3, text: text.to_string() }
    }

    /// 4: a flag has a value that is not supported.
    pub fn bad_feature(text: impl Display) -> Failure {
        Failure { code: 4, text: text.to_string() }
    }

    /// 5: interrupted, by the server or by an incomplete snapshot.
    pub fn interrupted(text: impl Display) -> Failure {
        Failure { code: 5, text: text.to_string() }
    }

    /// 128: wrong arguments.
    pub fn bad_arguments(text: impl Display) -> Failure {
        Failure { code: 128, text: text.to_string() }
    }

    /// What `etcdctl` can and this program cannot yet.
    pub fn not_supported(what: impl Display) -> Failure {
        Failure { code: 1, text: format!("not supported yet: {what}") }
    }

    /// Ends with this code; everything was said before.
    pub fn silent(code: u8) -> Failure {
        Failure { code, text: String::new() }
    }
}
