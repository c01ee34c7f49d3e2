//! The descriptors of all files, by name, by what they define and by what they extend.
//!
//! Files are handed out as the compiler encoded them: decoding and encoding them again would lose
//! the options that other packages define, such as the HTTP bindings.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::LazyLock;

use bytes::{Buf, Bytes};
use prost::Message;
use prost::encoding::{WireType, decode_key, decode_varint};
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorProto,
};

static FILES: LazyLock<Files> = LazyLock::new(|| Files::read(proto::FILE_DESCRIPTOR_SET));

/// All files.
#[derive(Default)]
pub(super) struct Files {
    files: Vec<File>,
    names: BTreeMap<String, usize>,
    /// Full names of whatever a file defines, down to fields and enum values.
    symbols: BTreeMap<String, usize>,
    /// By the full name of the extended message, then by number.
    extensions: BTreeMap<String, BTreeMap<i32, usize>>,
}

struct File {
    encoded: Bytes,
    imports: Vec<String>,
}

impl Files {
    /// Those of this server.
    pub(super) fn all() -> &'static Files {
        &FILES
    }

    fn read(set: &'static [u8]) -> Files {
        let mut files = Files::default();
        for encoded in split(Bytes::from_static(set)) {
            let file = FileDescriptorProto::decode(encoded.clone()).expect("built with the crate");
            files.add(encoded, &file);
        }
        files
    }

    fn add(&mut self, encoded: Bytes, file: &FileDescriptorProto) {
        let number = self.files.len();
        self.files.push(File { encoded, imports: file.dependency.clone() });
        self.names.insert(file.name().to_owned(), number);
        let scope = file.package();
        for message in &file.message_type {
            self.add_message(number, scope, message);
        }
        for each in &file.enum_type {
            self.add_enum(number, scope, each);
        }
        self.add_extensions(number, scope, &file.extension);
        for service in &file.service {
            let name = self.define(number, scope, service.name());
            for method in &service.method {
                self.define(number, &name, method.name());
            }
        }
    }

    fn add_message(&mut self, number: usize, scope: &str, message: &DescriptorProto) {
        let name = self.define(number, scope, message.name());
        for field in &message.field {
            self.define(number, &name, field.name());
        }
        for oneof in &message.oneof_decl {
            self.define(number, &name, oneof.name());
        }
        for nested in &message.nested_type {
            self.add_message(number, &name, nested);
        }
        for each in &message.enum_type {
            self.add_enum(number, &name, each);
        }
        self.add_extensions(number, &name, &message.extension);
    }

    /// The values of an enum are named beside it, not within it.
    fn add_enum(&mut self, number: usize, scope: &str, each: &EnumDescriptorProto) {
        self.define(number, scope, each.name());
        for value in &each.value {
            self.define(number, scope, value.name());
        }
    }

    fn add_extensions(&mut self, number: usize, scope: &str, extensions: &[FieldDescriptorProto]) {
        for extension in extensions {
            self.define(number, scope, extension.name());
            let extended = extension.extendee().trim_start_matches('.').to_owned();
            self.extensions.entry(extended).or_default().insert(extension.number(), number);
        }
    }

    fn define(&mut self, number: usize, scope: &str, name: &str) -> String {
        let full = if scope.is_empty() { name.to_owned() } else { format!("{scope}.{name}") };
        self.symbols.insert(full.clone(), number);
        full
    }

    /// The file with a path.
    pub(super) fn named(&self, name: &str) -> Option<usize> {
        self.names.get(name).copied()
    }

    /// The file that defines a symbol.
    pub(super) fn with_symbol(&self, name: &str) -> Option<usize> {
        self.symbols.get(name).copied()
    }

    /// The extensions of a message with the files that define them; `None` when there is no such
    /// message.
    pub(super) fn extensions_of(&self, name: &str) -> Option<BTreeMap<i32, usize>> {
        match self.extensions.get(name) {
            Some(extensions) => Some(extensions.clone()),
            None => self.symbols.get(name).map(|_| BTreeMap::new()),
        }
    }

    /// A file and all that it imports, each once, nearest first.
    pub(super) fn with_imports(&self, file: usize) -> Vec<usize> {
        let (mut found, mut queue) = (Vec::new(), VecDeque::from([file]));
        let mut seen = BTreeSet::from([file]);
        while let Some(file) = queue.pop_front() {
            found.push(file);
            let imports = self.files[file].imports.iter().filter_map(|name| self.named(name));
            queue.extend(imports.filter(|import| seen.insert(*import)));
        }
        found
    }

    /// A file as it was compiled.
    pub(super) fn encoded(&self, file: usize) -> Bytes {
        self.files[file].encoded.clone()
    }
}

/// The files of an encoded `FileDescriptorSet`, which has no other field.
fn split(mut set: Bytes) -> Vec<Bytes> {
    let mut files = Vec::new();
    while set.has_remaining() {
        let (field, wire_type) = decode_key(&mut set).expect("built with the crate");
        assert_eq!((field, wire_type), (1, WireType::LengthDelimited), "a set of files");
        let length = decode_varint(&mut set).expect("built with the crate");
        files.push(set.split_to(usize::try_from(length).expect("a length in memory")));
    }
    files
}
