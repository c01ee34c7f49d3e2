//! Member lists as JSON, as members tell each other.

use proto::etcdserverpb::Member;
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct JsonMember {
    id: u64,
    #[serde(rename = "peerURLs", default, deserialize_with = "null_is_empty")]
    peer_urls: Vec<String>,
    #[serde(rename = "isLearner", default, skip_serializing_if = "is_false")]
    is_learner: bool,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    name: String,
    #[serde(
        rename = "clientURLs",
        default,
        deserialize_with = "null_is_empty",
        skip_serializing_if = "Vec::is_empty"
    )]
    client_urls: Vec<String>,
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// Go writes an empty list as null.
fn null_is_empty<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Vec<String>, D::Error> {
    Ok(Option::deserialize(from)?.unwrap_or_default())
}

/// The list as JSON with a line end, as Go's encoder writes it.
#[must_use]
pub fn members_to_json(members: &[Member]) -> String {
    let members: Vec<JsonMember> = members
        .iter()
        .map(|member| JsonMember {
            id: member.id,
            peer_urls: member.peer_urls.clone(),
            is_learner: member.is_learner,
            name: member.name.clone(),
            client_urls: member.client_urls.clone(),
        })
        .collect();
    let mut json = serde_json::to_string(&members).expect("members are plain text and numbers");
    json.push('\n');
    json
}

/// The list from JSON; `None` when it is none.
#[must_use]
pub fn members_from_json(json: &[u8]) -> Option<Vec<Member>> {
    let members: Vec<JsonMember> = serde_json::from_slice(json).ok()?;
    let of_wire = |member: JsonMember| Member {
        id: member.id,
        name: member.name,
        peer_urls: member.peer_urls,
        client_urls: member.client_urls,
        is_learner: member.is_learner,
    };
    Some(members.into_iter().map(of_wire).collect())
}
