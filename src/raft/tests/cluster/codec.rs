//! Configuration changes as text, for scripts: `v4` adds a voter, `l4` a learner, `r4` removes,
//! `u4` updates; a leading `j` or `e` makes the change joint, leaving by itself or explicitly.

use bytes::Bytes;
use raft::{ConfChange, ConfChangeKind, ConfChangeStep, EntryKind, MemberId, Transition};

/// Writes a change as text.
pub fn encode(change: &ConfChange) -> Bytes {
    let mut words = Vec::new();
    match change.transition {
        Transition::Auto => {}
        Transition::JointImplicit => words.push("j".to_string()),
        Transition::JointExplicit => words.push("e".to_string()),
    }
    for step in &change.steps {
        let letter = match step.kind {
            ConfChangeKind::AddVoter => 'v',
            ConfChangeKind::RemoveMember => 'r',
            ConfChangeKind::UpdateMember => 'u',
            ConfChangeKind::AddLearner => 'l',
        };
        words.push(format!("{letter}{}", step.member));
    }
    Bytes::from(words.join(" "))
}

/// Reads a change from text; the empty text leaves a joint configuration.
pub fn decode(_kind: EntryKind, data: &[u8]) -> Option<ConfChange> {
    let mut change = ConfChange::default();
    for word in std::str::from_utf8(data).ok()?.split_whitespace() {
        let kind = match word.as_bytes()[0] {
            b'j' => {
                change.transition = Transition::JointImplicit;
                continue;
            }
            b'e' => {
                change.transition = Transition::JointExplicit;
                continue;
            }
            b'v' => ConfChangeKind::AddVoter,
            b'r' => ConfChangeKind::RemoveMember,
            b'u' => ConfChangeKind::UpdateMember,
            b'l' => ConfChangeKind::AddLearner,
            _ => return None,
        };
        let member = MemberId(u64::from_str_radix(&word[1..], 16).ok()?);
        change.steps.push(ConfChangeStep { kind, member });
    }
    Some(change)
}
