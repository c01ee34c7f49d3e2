//! Answers in the form that `--write-out` asks for.

use bbolt::etcd_layout::{HashKv, Status};
use serde::Serialize;
use std::io::Write;

use super::Failure;
use super::format::{go_json, human_bytes};
use super::table::table;

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// Values in a line, separated by commas.
    Simple,
    /// A name and a value a line.
    Fields,
    /// One JSON object.
    Json,
    /// Known, but none of these answers is a message.
    Protobuf,
    /// A table.
    Table,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct StatusJson<'a> {
    hash: u32,
    revision: i64,
    total_key: u64,
    total_size: u64,
    version: &'a str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct HashKvJson {
    hash: u32,
    hash_revision: i64,
    compact_revision: i64,
}

impl Output {
    /// The form with this name.
    pub fn parse(name: &str) -> Result<Output, Failure> {
        match name {
            "simple" => Ok(Output::Simple),
            "fields" => Ok(Output::Fields),
            "json" => Ok(Output::Json),
            "protobuf" => Ok(Output::Protobuf),
            "table" => Ok(Output::Table),
            _ => Err(Failure::bad_feature("unsupported output format")),
        }
    }

    /// Prints what `snapshot status` found.
    pub fn status(self, status: &Status, out: &mut dyn Write) -> Result<(), Failure> {
        let cells = [
            format!("{:x}", status.hash),
            status.revision.to_string(),
            status.total_keys.to_string(),
            human_bytes(status.total_bytes),
            status.version.clone(),
        ];
        let header = ["hash", "revision", "total keys", "total size", "version"];
        let fields = [
            ("Hash", status.hash.to_string()),
            ("Revision", status.revision.to_string()),
            ("Keys", status.total_keys.to_string()),
            ("Size", status.total_bytes.to_string()),
            ("Version", status.version.clone()),
        ];
        let json = StatusJson {
            hash: status.hash,
            revision: status.revision,
            total_key: status.total_keys,
            total_size: status.total_bytes,
            version: &status.version,
        };
        self.print(&header, &cells, &fields, &json, out)
    }

    /// Prints what `hashkv` found.
    pub fn hash_kv(self, hash: &HashKv, out: &mut dyn Write) -> Result<(), Failure> {
        let cells = [hash.hash.to_string(), hash.hash_revision.to_string()];
        let cells = [cells.as_slice(), &[hash.compact_revision.to_string()]].concat();
        let header = ["hash", "hash revision", "compact revision"];
        let names = ["Hash", "Hash revision", "Compact revision"];
        let fields: Vec<_> = names.into_iter().zip(cells.iter().cloned()).collect();
        let json = HashKvJson {
            hash: hash.hash,
            hash_revision: hash.hash_revision,
            compact_revision: hash.compact_revision,
        };
        self.print(&header, &cells, &fields, &json, out)
    }

    fn print(
        self,
        header: &[&str],
        cells: &[String],
        fields: &[(&str, String)],
        json: &impl Serialize,
        out: &mut dyn Write,
    ) -> Result<(), Failure> {
        let text = match self {
            Output::Simple => cells.join(", ") + "\n",
            Output::Fields => {
                fields.iter().map(|(name, value)| format!("\"{name}\" : {value}\n")).collect()
            }
            Output::Json => go_json(json) + "\n",
            Output::Table => table(header, &[cells.to_vec()]),
            Output::Protobuf => {
                return Err(Failure::bad_feature("protobuf not supported as output format"));
            }
        };
        out.write_all(text.as_bytes()).map_err(Failure::error)
    }
}
