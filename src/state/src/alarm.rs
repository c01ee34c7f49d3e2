//! Alarms: facts about a member that restrict the whole cluster until they are taken back.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use base::MemberId;
use proto::etcdserverpb::{AlarmMember, AlarmType};

/// The active alarms, by kind and member.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alarms {
    active: BTreeSet<(i32, MemberId)>,
}

impl Alarms {
    /// Raises an alarm; false when it was active already. Kind NONE is never active.
    pub fn activate(&mut self, member: MemberId, kind: i32) -> bool {
        kind != AlarmType::None as i32 && self.active.insert((kind, member))
    }

    /// Takes back exactly this alarm; false when it was not active.
    pub fn deactivate(&mut self, member: MemberId, kind: i32) -> bool {
        self.active.remove(&(kind, member))
    }

    /// The active alarms of a kind, or of all kinds for NONE.
    #[must_use]
    pub fn list(&self, kind: i32) -> Vec<AlarmMember> {
        let wanted = |entry: &&(i32, MemberId)| kind == AlarmType::None as i32 || entry.0 == kind;
        let as_message =
            |&(alarm, member): &(i32, MemberId)| AlarmMember { member_id: member.get(), alarm };
        self.active.iter().filter(wanted).map(as_message).collect()
    }

    /// Whether any member has an alarm of this kind.
    #[must_use]
    pub fn any(&self, kind: AlarmType) -> bool {
        self.active.iter().any(|entry| entry.0 == kind as i32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alarm_is_active_once_and_taken_back_exactly() {
        let mut alarms = Alarms::default();
        let space = AlarmType::Nospace as i32;
        assert!(alarms.activate(MemberId(1), space) && !alarms.activate(MemberId(1), space));
        assert!(!alarms.activate(MemberId(1), AlarmType::None as i32));
        assert!(!alarms.deactivate(MemberId(0), space), "member zero is not a wildcard");
        assert_eq!(alarms.list(0), [AlarmMember { member_id: 1, alarm: space }]);
        assert!(alarms.any(AlarmType::Nospace) && !alarms.any(AlarmType::Corrupt));
        assert!(alarms.deactivate(MemberId(1), space) && alarms.list(0).is_empty());
    }
}
