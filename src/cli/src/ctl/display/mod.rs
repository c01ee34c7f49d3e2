//! Answers as text, in the form that `--write-out` asks for, byte for byte as `etcdctl` gives them.
//!
//! Each answer implements [`Show`], form by form; a form that `etcdctl` does not have for an answer
//! ends with exit code 4, after the request was made.

mod auth;
mod cluster;
mod downgrade;
mod endpoint;
mod fields;
pub mod json;
mod kv;
mod lease;
mod watch;

use std::io::Write;

use super::failure::Failure;

pub use auth::{AuthStatus, Done, RolePermissions, Roles, UserRoles, Users};
pub use cluster::{Alarms, MemberAdded, MemberChanged, Members, Moved};
pub use downgrade::Downgraded;
pub use endpoint::{Hash, Hashes, Health, Healths, Status, Statuses};
pub use fields::go_hex as lease_id;
pub use lease::{Granted, KeptAlive, Leases, Remaining, Revoked};
pub use watch::Watched;

/// A form of output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// What people read.
    Simple,
    /// A name and a value a line.
    Fields,
    /// One JSON object a line.
    Json,
    /// The encoded message.
    Protobuf,
    /// A table.
    Table,
}

impl Format {
    /// The form of this name.
    pub fn parse(name: &str) -> Result<Format, Failure> {
        Ok(match name {
            "simple" => Format::Simple,
            "fields" => Format::Fields,
            "json" => Format::Json,
            "protobuf" => Format::Protobuf,
            "table" => Format::Table,
            _ => return Err(Failure::bad_feature("unsupported output format")),
        })
    }

    fn name(self) -> &'static str {
        match self {
            Format::Simple => "simple",
            Format::Fields => "fields",
            Format::Json => "json",
            Format::Protobuf => "protobuf",
            Format::Table => "table",
        }
    }
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Display {
    /// The form.
    pub format: Format,
    /// Byte strings and ids in hexadecimal.
    pub hex: bool,
    /// Values without their keys, in the simple form.
    pub value_only: bool,
}

/// An answer that can be printed. A form that is `None` is one that `etcdctl` does not have.
pub trait Show {
    /// For people.
    fn simple(&self, display: Display) -> Option<Vec<u8>>;

    /// A name and a value a line.
    fn fields(&self, _display: Display) -> Option<String> {
        None
    }

    /// One JSON value, without a line end.
    fn json(&self, display: Display) -> Option<String>;

    /// The encoded message.
    fn protobuf(&self) -> Option<Vec<u8>> {
        None
    }

    /// A table.
    fn table(&self) -> Option<String> {
        None
    }
}

impl Display {
    /// Prints an answer.
    pub fn print(self, answer: &impl Show, out: &mut dyn Write) -> Result<(), Failure> {
        let bytes = match self.format {
            Format::Simple => answer.simple(self),
            Format::Fields => answer.fields(self).map(String::into_bytes),
            Format::Json => answer.json(self).map(|json| (json + "\n").into_bytes()),
            Format::Protobuf => answer.protobuf(),
            Format::Table => answer.table().map(String::into_bytes),
        };
        let Some(bytes) = bytes else {
            let text = format!("{} not supported as output format", self.format.name());
            return Err(Failure::bad_feature(text));
        };
        write(out, &bytes)
    }
}

/// Writes out at once; a reader that went away is an I/O failure (6), not a panic.
pub fn write(out: &mut dyn Write, bytes: &[u8]) -> Result<(), Failure> {
    let written = out.write_all(bytes).and_then(|()| out.flush());
    written.map_err(|error| Failure { code: 6, text: error.to_string() })
}

/// Bytes as `\x61\x62`.
fn hex(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().flat_map(|byte| format!("\\x{byte:02x}").into_bytes()).collect()
}
