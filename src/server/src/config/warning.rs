//! What is said once the log runs: nothing that is found on the way stops the start.

/// A warning with its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The text.
    pub message: String,
    /// The flag or variable that it is about; empty for none. Never its value.
    pub about: String,
}

impl Warning {
    pub(super) fn new(message: &str, about: impl Into<String>) -> Warning {
        Warning { message: message.into(), about: about.into() }
    }

    pub(super) fn ignored_flag(name: &str) -> Warning {
        Warning::new("flag is no longer supported - ignoring", name)
    }

    /// Writes it to the log.
    pub fn log(&self) {
        match self.about.as_str() {
            "" => tracing::warn!("{}", self.message),
            about => tracing::warn!(about, "{}", self.message),
        }
    }
}
