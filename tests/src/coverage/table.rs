//! The table, as Markdown.

use std::collections::BTreeSet;
use std::fmt::Write;

use model::schema::{Kind, Schema};

use super::index::{Index, Reason};
use super::measured::Measured;
use crate::repository::root;

/// One section.
pub struct Section {
    /// Its heading.
    pub title: &'static str,
    /// The rows: what, and the tests that show it.
    pub rows: Vec<(String, String)>,
    /// What nothing shows.
    pub holes: Vec<String>,
}

/// The whole table.
pub struct Table {
    /// Its sections.
    pub sections: Vec<Section>,
    /// Rows of the list that are wrong.
    pub broken: Vec<String>,
}

impl Table {
    /// Measures and looks up everything.
    #[must_use]
    pub fn of_repository() -> Table {
        let schema = Schema::of_protocol();
        let measured = Measured::of_repository();
        let (index, mut broken) = Index::of_repository();
        let sections = vec![
            rpcs(&schema, &measured, &index),
            request_fields(&schema, &measured, &index),
            answer_fields(&schema, &measured, &index),
            errors(&measured, &index),
        ];
        let known: BTreeSet<&str> =
            sections.iter().flat_map(|s| &s.rows).map(|(what, _)| what.as_str()).collect();
        let unknown = index.names().filter(|name| !known.contains(name));
        broken.extend(unknown.map(|name| format!("{name}: there is no such row")));
        Table { sections, broken }
    }

    /// What nothing shows.
    #[must_use]
    pub fn holes(&self) -> usize {
        self.sections.iter().map(|section| section.holes.len()).sum()
    }

    /// The text.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::from("# What is tested where\n");
        for Section { title, rows, holes } in &self.sections {
            let _infallible = writeln!(
                text,
                "\n## {title}\n\n{} of {}\n\n| what | shown by |\n|---|---|",
                rows.len() - holes.len(),
                rows.len()
            );
            for (what, shown) in rows {
                let _infallible = writeln!(text, "| `{what}` | {shown} |");
            }
        }
        text
    }
}

/// A section row by row: measured, named, or a hole.
struct Rows<'a> {
    index: &'a Index,
    section: Section,
}

impl<'a> Rows<'a> {
    fn new(title: &'static str, index: &'a Index) -> Rows<'a> {
        Rows { index, section: Section { title, rows: Vec::new(), holes: Vec::new() } }
    }

    fn add(&mut self, what: String, measured: Option<String>) {
        let mut shown: Vec<String> = measured.into_iter().collect();
        for reason in self.index.of(&what) {
            shown.push(match reason {
                Reason::Test { file, function } => format!("`{file}` `{function}`"),
                Reason::Impossible(why) => format!("etcd cannot send it: {why}"),
            });
        }
        if shown.is_empty() {
            self.section.holes.push(what.clone());
            shown.push("**nothing**".into());
        }
        self.section.rows.push((what, shown.join(", ")));
    }
}

/// Whether a service belongs to the API. Reflection is a library's in etcd; here
/// `src/server/tests/reflection.rs` is about it alone.
fn is_api(path: &str) -> bool {
    ["/raft", "/google", "/grpc.reflection"].iter().all(|other| !path.starts_with(other))
}

fn rpcs(schema: &Schema, measured: &Measured, index: &Index) -> Section {
    let mut rows = Rows::new("RPCs", index);
    for method in schema.methods().iter().filter(|method| is_api(&method.path)) {
        let count = measured.calls.get(&method.path);
        rows.add(method.path.clone(), count.map(|count| format!("recorded: {count}")));
    }
    rows.section
}

/// The messages that a message holds, itself included.
fn reach(schema: &Schema, message: &str, found: &mut BTreeSet<String>) {
    if !found.insert(message.to_owned()) {
        return;
    }
    for field in schema.fields(message) {
        if let Kind::Message(inner) = &field.kind {
            reach(schema, inner, found);
        }
    }
}

fn request_fields(schema: &Schema, measured: &Measured, index: &Index) -> Section {
    let mut messages = BTreeSet::new();
    for method in schema.methods().iter().filter(|method| is_api(&method.path)) {
        reach(schema, &method.request, &mut messages);
    }
    let names: Vec<&str> = messages.iter().map(String::as_str).collect();
    let gaps = measured.requests.gaps(&names);
    let mut rows = Rows::new("Fields of requests", index);
    for message in &messages {
        for field in schema.fields(message) {
            let name = format!("{message}.{}", field.name);
            let is_gap = gaps.iter().any(|gap| gap.starts_with(&format!("{name}:")));
            rows.add(name, (!is_gap).then(|| "varied in the recordings".into()));
        }
    }
    rows.section
}

fn answer_fields(schema: &Schema, measured: &Measured, index: &Index) -> Section {
    let mut messages = BTreeSet::new();
    for method in schema.methods().iter().filter(|method| is_api(&method.path)) {
        reach(schema, &method.response, &mut messages);
    }
    let mut rows = Rows::new("Fields of answers", index);
    for message in &messages {
        for field in schema.fields(message) {
            let name = format!("{message}.{}", field.name);
            let is_set = measured.answers.contains(&name);
            rows.add(name, is_set.then(|| "set in the recordings".into()));
        }
    }
    rows.section
}

/// The error texts of `tests/interop/errors.txt`: `code | text`.
fn errors(measured: &Measured, index: &Index) -> Section {
    let path = root().join("tests/interop/errors.txt");
    let text = std::fs::read_to_string(path).expect("the list of errors");
    let mut rows = Rows::new("Errors", index);
    for line in text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let (code, text) = line.split_once(" | ").expect("code | text");
        let code: i32 = code.trim().parse().expect("a number");
        // A watch is refused with the text alone.
        let found = measured.errors.get(text);
        let found = found.filter(|(codes, _)| codes.contains(&code) || codes.contains(&0));
        rows.add(text.to_owned(), found.map(|(_, count)| format!("recorded: {count}")));
    }
    rows.section
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn each_call_field_and_error_is_shown_by_a_test_that_exists() {
        let table = Table::of_repository();
        let holes: Vec<&String> = table.sections.iter().flat_map(|one| &one.holes).collect();
        assert!(holes.is_empty() && table.broken.is_empty(), "{holes:?} {:?}", table.broken);
        let rows: usize = table.sections.iter().map(|section| section.rows.len()).sum();
        assert!(rows >= 377, "only {rows} rows: what is not looked at has no holes");
    }
}
