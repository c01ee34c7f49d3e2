//! Users, roles and whether they count.

use prost::Message;
use proto::authpb::Permission;
use proto::authpb::permission::Type;
use proto::etcdserverpb as pb;

use super::json::{self, Object};
use super::{Display, Show, fields};
use crate::ctl::command::prefix_end;
use crate::ctl::text::quote::quote;

/// The answer to a change: it is done.
#[derive(Debug)]
pub struct Done {
    /// What was done, for people.
    pub said: Vec<u8>,
    /// The header of the answer.
    pub header: Option<pb::ResponseHeader>,
    /// The encoded answer.
    pub encoded: Vec<u8>,
}

/// The answer to `auth status`.
#[derive(Debug)]
pub struct AuthStatus(pub pb::AuthStatusResponse);

/// The answer to `user get`, with the name.
#[derive(Debug)]
pub struct UserRoles(pub String, pub pb::AuthUserGetResponse);

/// The answer to `user list`.
#[derive(Debug)]
pub struct Users(pub pb::AuthUserListResponse);

/// The answer to `role list`.
#[derive(Debug)]
pub struct Roles(pub pb::AuthRoleListResponse);

/// The answer to `role get`, with the name.
#[derive(Debug)]
pub struct RolePermissions(pub String, pub pb::AuthRoleGetResponse);

impl Show for Done {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        Some([&self.said[..], b"\n"].concat())
    }

    fn fields(&self, display: Display) -> Option<String> {
        Some(fields::header(self.header.as_ref(), display))
    }

    fn json(&self, _display: Display) -> Option<String> {
        Some(Object::default().header(self.header.as_ref()).end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.encoded.clone())
    }
}

impl Show for AuthStatus {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let pb::AuthStatusResponse { enabled, auth_revision, .. } = self.0;
        let text = format!("Authentication Status: {enabled}\nAuthRevision: {auth_revision}\n");
        Some(text.into_bytes())
    }

    fn json(&self, _display: Display) -> Option<String> {
        let object = Object::default()
            .header(self.0.header.as_ref())
            .flag("enabled", self.0.enabled)
            .number("authRevision", self.0.auth_revision);
        Some(object.end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

fn lines(names: &[String]) -> Vec<u8> {
    names.iter().map(|name| format!("{name}\n")).collect::<String>().into_bytes()
}

fn names(header: Option<&pb::ResponseHeader>, field: &str, names: &[String]) -> String {
    let names = names.iter().map(|name| json::text(name.as_bytes()));
    Object::default().header(header).list(field, names).end()
}

impl Show for UserRoles {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let roles = self.1.roles.iter().map(|role| format!(" {role}"));
        let text = format!("User: {}\nRoles:{}\n", self.0, roles.collect::<String>());
        Some(text.into_bytes())
    }

    fn json(&self, _display: Display) -> Option<String> {
        Some(names(self.1.header.as_ref(), "roles", &self.1.roles))
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.1.encode_to_vec())
    }
}

impl Show for Users {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        Some(lines(&self.0.users))
    }

    fn json(&self, _display: Display) -> Option<String> {
        Some(names(self.0.header.as_ref(), "users", &self.0.users))
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

impl Show for Roles {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        Some(lines(&self.0.roles))
    }

    fn fields(&self, display: Display) -> Option<String> {
        let roles = self.0.roles.iter().map(|role| format!(" {}", quote(role.as_bytes())));
        let header = fields::header(self.0.header.as_ref(), display);
        Some(format!("{header}\"Roles\" :{}\n", roles.collect::<String>()))
    }

    fn json(&self, _display: Display) -> Option<String> {
        Some(names(self.0.header.as_ref(), "roles", &self.0.roles))
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

/// A permission of a role, a line.
fn permission(permission: &Permission) -> Vec<u8> {
    let (key, end) = (&permission.key[..], &permission.range_end[..]);
    let mut line = b"\t".to_vec();
    match end {
        b"" => line.extend(key),
        b"\0" => line.extend([b"[", key, b", <open ended>"].concat()),
        _ => line.extend([b"[", key, b", ", end, b")"].concat()),
    }
    if !end.is_empty() && !key.is_empty() && prefix_end(key) == end {
        line.extend([b" (prefix ", key, b")"].concat());
    }
    line.push(b'\n');
    line
}

impl Show for RolePermissions {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let mut text = format!("Role {}\n", self.0).into_bytes();
        let whole = self.0 == "root" && self.1.perm.is_empty();
        for (title, other) in [("KV Read:\n", Type::Write), ("KV Write:\n", Type::Read)] {
            text.extend(title.as_bytes());
            if whole {
                text.extend(b"\t[, <open ended>\n");
            }
            let shown = self.1.perm.iter().filter(|held| held.perm_type != other as i32);
            shown.for_each(|held| text.extend(permission(held)));
        }
        Some(text)
    }

    fn fields(&self, display: Display) -> Option<String> {
        let mut text = fields::header(self.1.header.as_ref(), display);
        for held in &self.1.perm {
            // Go puts a space of its own before the name.
            text += &fields::line("PermType", format_args!(" {}", held.perm_type().as_str_name()));
            text += &fields::quoted("Key", &held.key);
            text += &fields::quoted("RangeEnd", &held.range_end);
        }
        Some(text)
    }

    fn json(&self, _display: Display) -> Option<String> {
        let held = self.1.perm.iter().map(|held| {
            Object::default()
                .number("permType", held.perm_type)
                .bytes("key", &held.key)
                .bytes("range_end", &held.range_end)
                .end()
        });
        Some(Object::default().header(self.1.header.as_ref()).list("perm", held).end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.1.encode_to_vec())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ctl::display::Format;

    #[test]
    fn permissions_are_shown_as_keys_ranges_and_prefixes() {
        let held = |kind: Type, key: &'static str, end: &'static str| Permission {
            perm_type: kind as i32,
            key: key.into(),
            range_end: end.into(),
        };
        let perm = vec![
            held(Type::Read, "a", ""),
            held(Type::Readwrite, "b/", "b0"),
            held(Type::Write, "c", "\0"),
            held(Type::Write, "d", "f"),
        ];
        let answer = RolePermissions("r".into(), pb::AuthRoleGetResponse { header: None, perm });
        let display = Display { format: Format::Simple, hex: false, value_only: false };
        let text = "Role r\nKV Read:\n\ta\n\t[b/, b0) (prefix b/)\n\
                    KV Write:\n\t[b/, b0) (prefix b/)\n\t[c, <open ended>\n\t[d, f)\n";
        assert_eq!(answer.simple(display), Some(text.as_bytes().to_vec()));
        let json = answer.json(display).expect("it has this form");
        assert!(json.starts_with(r#"{"perm":[{"key":"YQ=="},{"permType":2,"key":"#), "{json}");
        let fields = answer.fields(display).expect("it has this form");
        assert!(fields.contains("\"PermType\" :  READ\n\"Key\" : \"a\"\n"), "{fields}");
    }
}
