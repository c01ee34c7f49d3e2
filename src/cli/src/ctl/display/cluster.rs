//! Members, alarms and the leader.

use prost::Message;
use proto::etcdserverpb as pb;

use super::json::{self, Object};
use super::{Display, Show, fields};
use crate::utl::table::table;

/// The answer to `member list`.
#[derive(Debug)]
pub struct Members(pub pb::MemberListResponse);

/// The answer to `member add`, with the name and URLs that were asked for.
#[derive(Debug)]
pub struct MemberAdded {
    /// The answer.
    pub answer: pb::MemberAddResponse,
    /// The name that the new member will have.
    pub name: String,
    /// Its peer URLs as they were given.
    pub peer_urls: String,
}

/// The answer to `member remove`, `update` or `promote`.
#[derive(Debug)]
pub struct MemberChanged {
    /// The member.
    pub id: u64,
    /// What happened to it: `removed from`, `updated in` or `promoted in`.
    pub change: &'static str,
    /// The header of the answer.
    pub header: Option<pb::ResponseHeader>,
    /// The members after it.
    pub members: Vec<pb::Member>,
    /// The encoded answer.
    pub encoded: Vec<u8>,
}

/// The answer to `alarm list` and `alarm disarm`.
#[derive(Debug)]
pub struct Alarms(pub pb::AlarmResponse);

/// The answer to `move-leader`, with the old and the new leader.
#[derive(Debug)]
pub struct Moved(pub u64, pub u64, pub pb::MoveLeaderResponse);

const MEMBER_COLUMNS: [&str; 6] =
    ["ID", "Status", "Name", "Peer Addrs", "Client Addrs", "Is Learner"];

fn row(member: &pb::Member) -> Vec<String> {
    vec![
        format!("{:x}", member.id),
        if member.name.is_empty() { "unstarted" } else { "started" }.to_owned(),
        member.name.clone(),
        member.peer_urls.join(","),
        member.client_urls.join(","),
        member.is_learner.to_string(),
    ]
}

fn member_json(
    header: Option<&pb::ResponseHeader>,
    added: Option<&pb::Member>,
    members: &[pb::Member],
    hex: bool,
) -> String {
    let all = members.iter().map(|member| json::member(member, hex));
    let added = added.map(|member| json::member(member, hex));
    let object = match hex {
        true => Object::default().raw("header", &json::hex_header(header)),
        false => Object::default().header(header),
    };
    let object = object.optional("member", added);
    match hex {
        true => object.raw("members", &json::array(all)).end(),
        false => object.list("members", all).end(),
    }
}

impl Show for Members {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let lines = self.0.members.iter().map(|member| row(member).join(", ") + "\n");
        Some(lines.collect::<String>().into_bytes())
    }

    fn fields(&self, display: Display) -> Option<String> {
        let mut text = fields::header(self.0.header.as_ref(), display);
        for member in &self.0.members {
            text += &fields::id("ID", member.id, display);
            text += &fields::quoted("Name", member.name.as_bytes());
            for url in &member.peer_urls {
                text += &fields::quoted("PeerURL", url.as_bytes());
            }
            for url in &member.client_urls {
                text += &fields::quoted("ClientURL", url.as_bytes());
            }
            text += &fields::line("IsLearner", member.is_learner);
            text.push('\n');
        }
        Some(text)
    }

    fn json(&self, display: Display) -> Option<String> {
        Some(member_json(self.0.header.as_ref(), None, &self.0.members, display.hex))
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }

    fn table(&self) -> Option<String> {
        let rows: Vec<_> = self.0.members.iter().map(row).collect();
        Some(table(&MEMBER_COLUMNS, &rows))
    }
}

impl MemberAdded {
    /// The settings with which the new member is started.
    fn settings(&self) -> String {
        let new = self.answer.member.as_ref().map_or(0, |member| member.id);
        let mut cluster = Vec::new();
        for member in &self.answer.members {
            let name = if member.id == new { &self.name } else { &member.name };
            cluster.extend(member.peer_urls.iter().map(|url| format!("{name}={url}")));
        }
        let quote = |text: &str| crate::ctl::text::quote::quote(text.as_bytes());
        format!(
            "\nETCD_NAME={}\nETCD_INITIAL_CLUSTER={}\nETCD_INITIAL_ADVERTISE_PEER_URLS={}\n\
             ETCD_INITIAL_CLUSTER_STATE=\"existing\"\n",
            quote(&self.name),
            quote(&cluster.join(",")),
            quote(&self.peer_urls),
        )
    }
}

impl Show for MemberAdded {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let member = self.answer.member.clone().unwrap_or_default();
        let learner = if member.is_learner { " as learner" } else { "" };
        let cluster = cluster_id(self.answer.header.as_ref());
        let line = format!("Member {:16x} added{learner} to cluster {cluster:16x}\n", member.id);
        Some((line + &self.settings()).into_bytes())
    }

    fn json(&self, display: Display) -> Option<String> {
        let pb::MemberAddResponse { header, member, members } = &self.answer;
        Some(member_json(header.as_ref(), member.as_ref(), members, display.hex))
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.answer.encode_to_vec())
    }
}

fn cluster_id(header: Option<&pb::ResponseHeader>) -> u64 {
    header.map_or(0, |header| header.cluster_id)
}

impl Show for MemberChanged {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let cluster = cluster_id(self.header.as_ref());
        let line = format!("Member {:16x} {} cluster {cluster:16x}\n", self.id, self.change);
        Some(line.into_bytes())
    }

    fn json(&self, display: Display) -> Option<String> {
        Some(member_json(self.header.as_ref(), None, &self.members, display.hex))
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.encoded.clone())
    }
}

impl Show for Alarms {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let lines = self.0.alarms.iter().map(|member| {
            let id = (member.member_id != 0).then(|| format!("memberID:{}", member.member_id));
            let alarm = (member.alarm != 0).then(|| format!("alarm:{}", name(member)));
            let parts: Vec<_> = id.into_iter().chain(alarm).collect();
            parts.join(" ") + "\n"
        });
        Some(lines.collect::<String>().into_bytes())
    }

    fn fields(&self, display: Display) -> Option<String> {
        let mut text = fields::header(self.0.header.as_ref(), display);
        for member in &self.0.alarms {
            text += &fields::id("MemberID", member.member_id, display);
            text += &fields::line("AlarmType", name(member));
            text.push('\n');
        }
        Some(text)
    }

    fn json(&self, _display: Display) -> Option<String> {
        let alarms = self.0.alarms.iter().map(|member| {
            let object = Object::default().number("memberID", member.member_id);
            object.number("alarm", member.alarm).end()
        });
        Some(Object::default().header(self.0.header.as_ref()).list("alarms", alarms).end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.0.encode_to_vec())
    }
}

fn name(member: &pb::AlarmMember) -> &'static str {
    member.alarm().as_str_name()
}

impl Show for Moved {
    fn simple(&self, _display: Display) -> Option<Vec<u8>> {
        let text = format!("Leadership transferred from {:x} to {:x}\n", self.0, self.1);
        Some(text.into_bytes())
    }

    fn json(&self, _display: Display) -> Option<String> {
        Some(Object::default().header(self.2.header.as_ref()).end())
    }

    fn protobuf(&self) -> Option<Vec<u8>> {
        Some(self.2.encode_to_vec())
    }
}
