//! Leases.
//!
//! In the protobuf form `etcdctl` prints no more than the header of most of these answers: its own
//! structs hide the message. That is kept, since scripts may count on it.

use prost::Message;
use proto::etcdserverpb as pb;

use super::fields::{self, go_hex};
use super::json::{self, Object};
use super::{Display, Show};
use crate::ctl::text::{base64, quote};

/// The answer to `lease grant`.
#[derive(Debug)]
pub struct Granted(pub pb::LeaseGrantResponse);

/// The answer to `lease revoke`, with the lease.
#[derive(Debug)]
pub struct Revoked(pub i64, pub pb::LeaseRevokeResponse);

/// The answer to `lease keep-alive`.
#[derive(Debug)]
pub struct KeptAlive(pub pb::LeaseKeepAliveResponse);

/// The answer to `lease timetolive`, and whether keys were asked for.
#[derive(Debug)]
pub struct Remaining(pub pb::LeaseTimeToLiveResponse, pub bool);

/// The answer to `lease list`.
#[derive(Debug)]
pub struct Leases(pub pb::LeaseLeasesResponse);

fn header_bytes(header: &Option<pb::ResponseHeader>) -> Option<Vec<u8>> {
    Some(header.unwrap_or_default().encode_to_vec())
}

fn id_and_ttl(header: Option<&pb::ResponseHeader>, id: i64, ttl: i64, display: Display) -> String {
    fields::header(header, display) + &fields::lease("ID", id, display) + &fields::line("TTL", ttl)
}

impl Show for Granted {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let text = format!("lease {} granted with TTL({}s)\n", go_hex(self.0.id), self.0.ttl);
        Some(text.into_bytes())
    }

    fn fields(&self, display: Display) -> Option<String> {
        Some(id_and_ttl(self.0.header.as_ref(), self.0.id, self.0.ttl, display))
    }

    fn json(&self, _display: Display) -> Option<String> {
        let object = Object::default()
            .flattened(self.0.header.as_ref())
            .always("ID", self.0.id)
            .always("TTL", self.0.ttl)
            .raw("Error", &json::text(self.0.error.as_bytes()));
        Some(object.end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        header_bytes(&self.0.header)
    }
}

impl Show for Revoked {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        Some(format!("lease {} revoked\n", go_hex(self.0)).into_bytes())
    }

    fn fields(&self, display: Display) -> Option<String> {
        Some(fields::header(self.1.header.as_ref(), display))
    }

    fn json(&self, _display: Display) -> Option<String> {
        Some(Object::default().header(self.1.header.as_ref()).end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.1.encode_to_vec())
    }
}

impl Show for KeptAlive {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let text = format!("lease {} keepalived with TTL({})\n", go_hex(self.0.id), self.0.ttl);
        Some(text.into_bytes())
    }

    fn fields(&self, display: Display) -> Option<String> {
        Some(id_and_ttl(self.0.header.as_ref(), self.0.id, self.0.ttl, display))
    }

    fn json(&self, _display: Display) -> Option<String> {
        let object = Object::default()
            .flattened(self.0.header.as_ref())
            .always("ID", self.0.id)
            .always("TTL", self.0.ttl);
        Some(object.end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        header_bytes(&self.0.header)
    }
}

impl Show for Remaining {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let pb::LeaseTimeToLiveResponse { id, ttl, granted_ttl, keys, .. } = &self.0;
        let id = go_hex(*id);
        if *granted_ttl == 0 && *ttl == -1 {
            return Some(format!("lease {id} already expired\n").into_bytes());
        }
        let mut text =
            format!("lease {id} granted with TTL({granted_ttl}s), remaining({ttl}s)").into_bytes();
        if self.1 {
            text.extend(b", attached keys([");
            text.extend(keys.join(&b' '));
            text.extend(b"])");
        }
        text.push(b'\n');
        Some(text)
    }

    fn fields(&self, display: Display) -> Option<String> {
        let answer = &self.0;
        let keys = answer.keys.iter().map(|key| fields::line("Key", quote::quote(key)));
        let head = id_and_ttl(answer.header.as_ref(), answer.id, answer.ttl, display);
        Some(head + &fields::line("GrantedTTL", answer.granted_ttl) + &keys.collect::<String>())
    }

    fn json(&self, _display: Display) -> Option<String> {
        let keys = self.0.keys.iter().map(|key| format!("\"{}\"", base64::encode(key)));
        let keys = match self.0.keys.is_empty() {
            true => "null".to_owned(),
            false => json::array(keys),
        };
        let object = Object::default()
            .flattened(self.0.header.as_ref())
            .always("id", self.0.id)
            .always("ttl", self.0.ttl)
            .always("granted-ttl", self.0.granted_ttl)
            .raw("keys", &keys);
        Some(object.end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        header_bytes(&self.0.header)
    }
}

impl Show for Leases {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let count = format!("found {} leases\n", self.0.leases.len());
        let ids = self.0.leases.iter().map(|lease| go_hex(lease.id) + "\n");
        Some((count + &ids.collect::<String>()).into_bytes())
    }

    fn fields(&self, display: Display) -> Option<String> {
        let ids = self.0.leases.iter().map(|lease| fields::lease("ID", lease.id, display));
        Some(fields::header(self.0.header.as_ref(), display) + &ids.collect::<String>())
    }

    fn json(&self, _display: Display) -> Option<String> {
        let leases =
            self.0.leases.iter().map(|lease| Object::default().always("id", lease.id).end());
        let object =
            Object::default().flattened(self.0.header.as_ref()).raw("leases", &json::array(leases));
        Some(object.end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        header_bytes(&self.0.header)
    }
}
