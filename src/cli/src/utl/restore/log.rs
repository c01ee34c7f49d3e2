//! The first records of a restored member's log: the same as if the members had been added one
//! after the other, and a snapshot had been taken behind them.

use base::{ClusterId, MemberId};
use prost::Message;
use proto::raftpb::{ConfChange, ConfChangeType, ConfState, Entry, EntryType};

use super::super::cluster::Cluster;

/// The records of the log, in terms of Raft.
#[derive(Clone, Debug)]
pub struct FirstRecords {
    /// Whose log it is.
    pub member: MemberId,
    /// Of which cluster.
    pub cluster: ClusterId,
    /// One configuration change a member, from index 1 on, in term 1.
    pub entries: Vec<Entry>,
    /// Who was voted for in term 1: the member with the smallest identifier.
    pub vote: MemberId,
    /// The voters behind the entries; the log has a snapshot record there.
    pub conf_state: ConfState,
}

impl FirstRecords {
    /// The term of all records.
    pub const TERM: u64 = 1;

    /// The records for the member `name`.
    ///
    /// # Panics
    /// When there is no such member, which a [`Cluster`] rules out for the name it was made with.
    #[must_use]
    pub fn of(cluster: &Cluster, name: &str) -> FirstRecords {
        let member = cluster.member(name).expect("a cluster has the member it was made for");
        let entry = |(position, member): (usize, &super::super::Member)| {
            let change = ConfChange {
                r#type: Some(ConfChangeType::ConfChangeAddNode as i32),
                node_id: Some(member.id.get()),
                context: Some(member.json().into_bytes().into()),
                id: None,
            };
            Entry {
                term: Some(FirstRecords::TERM),
                index: Some(position as u64 + 1),
                r#type: Some(EntryType::EntryConfChange as i32),
                data: Some(change.encode_to_vec().into()),
            }
        };
        let voters: Vec<u64> = cluster.members.iter().map(|member| member.id.get()).collect();
        FirstRecords {
            member: member.id,
            cluster: cluster.id,
            entries: cluster.members.iter().enumerate().map(entry).collect(),
            vote: MemberId(voters[0]),
            conf_state: ConfState { voters, ..ConfState::default() },
        }
    }

    /// The index of the last entry, which is committed and applied.
    #[must_use]
    pub fn commit(&self) -> u64 {
        self.entries.len() as u64
    }
}
