//! Compares the compiled descriptors with `wire.txt`, the wire tables of the etcd v3 API as data:
//! files, packages, syntax, services, streaming, HTTP bindings, messages, fields, numbers, types,
//! labels, oneofs, enums, reserved names and version annotations. A line that is missing or extra
//! on either side fails.

use std::collections::BTreeSet;

use protox::prost_reflect::{
    DescriptorPool, DynamicMessage, EnumDescriptor, FieldDescriptor, FileDescriptor, Kind,
    MessageDescriptor, MethodDescriptor, Value,
};

const TABLES: &str = include_str!("../wire.txt");

/// Lines of the tables, continuations joined, each but a `file` line under its package.
fn table_lines() -> BTreeSet<String> {
    let mut joined: Vec<String> = Vec::new();
    for line in TABLES.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match (line.strip_prefix("    "), joined.last_mut()) {
            (Some(rest), Some(last)) => {
                last.push(' ');
                last.push_str(rest);
            }
            _ => joined.push(line.to_owned()),
        }
    }
    let (mut package, mut service) = (String::new(), String::new());
    let count = joined.len();
    let lines: BTreeSet<String> = joined
        .into_iter()
        .map(|line| {
            if let Some(file) = line.strip_prefix("file ") {
                package = file.split(' ').nth(1).expect("a file has a package").to_owned();
                return line;
            }
            if let Some(name) = line.strip_prefix("service ") {
                service = name.to_owned();
            }
            match line.strip_prefix("rpc ") {
                Some(rpc) => format!("rpc {service}.{rpc}"),
                None => format!("{package}: {line}"),
            }
        })
        .collect();
    assert_eq!(lines.len(), count, "a line of the tables is there twice");
    lines
}

/// The same lines, made from the descriptors.
fn descriptor_lines(pool: &DescriptorPool) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for file in pool.files().filter(|file| !file.package_name().starts_with("google.")) {
        lines.extend(file_lines(&file));
    }
    lines
}

fn file_lines(file: &FileDescriptor) -> Vec<String> {
    let package = file.package_name().to_owned();
    let syntax = match file.file_descriptor_proto().syntax() {
        "" => "proto2",
        syntax => syntax,
    };
    let mut lines = vec![format!("file {} {package} {syntax}", file.name())];
    for service in file.services() {
        lines.push(format!("{package}: service {}", service.full_name()));
        lines.extend(service.methods().map(|method| rpc_line(service.full_name(), &method)));
    }
    for message in file.messages() {
        push_message(&mut lines, &message);
    }
    lines.extend(file.enums().map(|each| enum_line(&each)));
    for extension in file.extensions() {
        lines.push(format!(
            "{package}: extension {}={} {} extends {}",
            extension.name(),
            extension.number(),
            kind_name(&extension.kind(), &package),
            extension.containing_message().full_name(),
        ));
    }
    lines
}

fn rpc_line(service: &str, method: &MethodDescriptor) -> String {
    let kind = match (method.is_client_streaming(), method.is_server_streaming()) {
        (false, false) => "unary",
        (false, true) => "server-stream",
        (true, true) => "bidi",
        (true, false) => "client-stream",
    };
    let package = method.parent_service().package_name().to_owned();
    let (input, output) = (method.input(), method.output());
    let (input, output) = (local(input.full_name(), &package), local(output.full_name(), &package));
    let mut paths = http_paths(method).join(" ");
    if paths.is_empty() {
        paths.push('-');
    }
    format!("rpc {service}.{} {kind} {input} {output} {paths}", method.name())
}

/// The paths of a method's HTTP bindings; every binding is `POST` with the whole body.
fn http_paths(method: &MethodDescriptor) -> Vec<String> {
    let options = method.options();
    let Some((_, rule)) =
        options.extensions().find(|(ext, _)| ext.full_name() == "google.api.http")
    else {
        return Vec::new();
    };
    let rule = rule.as_message().expect("the option is a message");
    let more = rule.get_field_by_name("additional_bindings").expect("HttpRule has bindings");
    let more = more.as_list().expect("bindings are repeated").to_vec();
    let more = more.into_iter().map(|each| each.as_message().expect("a rule").clone());
    std::iter::once(rule.clone()).chain(more).map(|rule| http_path(&rule)).collect()
}

fn http_path(rule: &DynamicMessage) -> String {
    let text = |field: &str| match rule.get_field_by_name(field).as_deref() {
        Some(Value::String(text)) => text.clone(),
        other => panic!("{field} of an HTTP rule is {other:?}"),
    };
    assert_eq!(text("body"), "*", "the whole body is the request");
    for field in ["selector", "get", "put", "delete", "patch", "response_body"] {
        assert_eq!(text(field), "", "{field} of an HTTP rule");
    }
    text("post")
}

fn push_message(lines: &mut Vec<String>, message: &MessageDescriptor) {
    if message.is_map_entry() {
        return;
    }
    let package = message.package_name();
    let name = local(message.full_name(), package);
    let since = bracketed(version(&message.options(), "etcd_version_msg"));
    let mut line = format!("{package}: message {name}{since}: {}", fields(message));
    let raw = message.descriptor_proto();
    for range in &raw.reserved_range {
        assert_eq!(range.end(), range.start() + 1, "one number is reserved at a time");
        line.push_str(&format!(" · reserved {}", range.start()));
    }
    if !raw.reserved_name.is_empty() {
        line.push_str(&format!(" names \"{}\"", raw.reserved_name.join("\" \"")));
    }
    lines.push(line);
    lines.extend(message.child_enums().map(|each| enum_line(&each)));
    for child in message.child_messages() {
        push_message(lines, &child);
    }
}

/// Fields in the order of declaration, oneofs grouped.
fn fields(message: &MessageDescriptor) -> String {
    let mut groups: Vec<(Option<String>, Vec<String>)> = Vec::new();
    for raw in &message.descriptor_proto().field {
        let field = message.get_field_by_name(raw.name()).expect("the field is declared");
        let oneof = field.containing_oneof().map(|oneof| oneof.name().to_owned());
        match groups.last_mut() {
            Some((Some(open), members)) if oneof.as_ref() == Some(open) => {
                members.push(field_text(&field));
            }
            _ => groups.push((oneof, vec![field_text(&field)])),
        }
    }
    if groups.is_empty() {
        return "(no fields)".into();
    }
    let groups: Vec<String> = groups
        .into_iter()
        .map(|(oneof, members)| match oneof {
            Some(oneof) => format!("oneof {oneof} {{ {} }}", members.join(" | ")),
            None => members.concat(),
        })
        .collect();
    groups.join("; ")
}

fn field_text(field: &FieldDescriptor) -> String {
    let package = field.parent_message().package_name().to_owned();
    let label = if field.is_map() {
        let Kind::Message(entry) = field.kind() else { panic!("a map has an entry") };
        let key = kind_name(&entry.map_entry_key_field().kind(), &package);
        let value = kind_name(&entry.map_entry_value_field().kind(), &package);
        return format!("{}={} map {key} {value}", field.name(), field.number());
    } else if field.is_list() {
        "rep "
    } else if field.supports_presence()
        && field.containing_oneof().is_none()
        && field.parent_file().syntax() == protox::prost_reflect::Syntax::Proto2
    {
        "opt "
    } else {
        ""
    };
    let since = match version(&field.options(), "etcd_version_field") {
        Some(version) => format!(" ({version})"),
        None => String::new(),
    };
    let kind = kind_name(&field.kind(), &package);
    format!("{}={} {label}{kind}{since}", field.name(), field.number())
}

fn enum_line(each: &EnumDescriptor) -> String {
    let package = each.package_name();
    let name = local(each.full_name(), package);
    let since = bracketed(version(&each.options(), "etcd_version_enum"));
    let values: Vec<String> = each
        .values()
        .map(|value| match version(&value.options(), "etcd_version_enum_value") {
            Some(version) => format!("{}={} ({version})", value.name(), value.number()),
            None => format!("{}={}", value.name(), value.number()),
        })
        .collect();
    format!("{package}: enum {name}{since}: {}", values.join(", "))
}

fn version(options: &DynamicMessage, extension: &str) -> Option<String> {
    let (_, value) = options
        .extensions()
        .find(|(each, _)| each.full_name() == format!("versionpb.{extension}"))?;
    Some(value.as_str().expect("a version is a string").to_owned())
}

fn bracketed(version: Option<String>) -> String {
    version.map_or_else(String::new, |version| format!(" [{version}]"))
}

fn kind_name(kind: &Kind, package: &str) -> String {
    match kind {
        Kind::Message(message) => local(message.full_name(), package),
        Kind::Enum(each) => local(each.full_name(), package),
        scalar => format!("{scalar:?}").to_lowercase(),
    }
}

/// A full name without the package it is used in.
fn local(full_name: &str, package: &str) -> String {
    full_name.strip_prefix(&format!("{package}.")).unwrap_or(full_name).to_owned()
}

#[test]
fn descriptors_equal_the_wire_tables() {
    let pool = DescriptorPool::decode(proto::FILE_DESCRIPTOR_SET).expect("the set decodes");
    let (tables, compiled) = (table_lines(), descriptor_lines(&pool));
    let missing: Vec<&String> = tables.difference(&compiled).collect();
    let extra: Vec<&String> = compiled.difference(&tables).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing {missing:#?}\nextra {extra:#?}");
}

#[test]
fn tables_have_the_size_of_the_api() {
    let mut lines = table_lines();
    // The packages of gRPC itself are no part of it.
    lines.retain(|line| !line.contains("grpc."));
    let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    assert_eq!((count(": service "), count("rpc ")), (8, 49), "services and methods");
    assert_eq!((count(": message "), count(": enum ")), (143, 14));
    let bindings: usize = lines.iter().map(|line| line.matches(" /v3/").count()).sum();
    assert_eq!(bindings, 51, "HTTP bindings");
}
