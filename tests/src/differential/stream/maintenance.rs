//! What a member is asked about itself, and alarms.

use proto::etcdserverpb as pb;
use proto::etcdserverpb::AlarmType;
use proto::etcdserverpb::alarm_request::AlarmAction;
use proto::etcdserverpb::downgrade_request::DowngradeAction;
use proto::grpc::health::v1::{HealthCheckRequest, HealthListRequest};

use super::{OWN, Stream};
use crate::differential::step::Call;

const ALARM: &str = "/etcdserverpb.Maintenance/Alarm";

/// Versions to go down to: none is ever allowed by these words alone but the last two.
const VERSIONS: [&str; 16] = [
    "", "x", "3", "3.7", "3.7.0", "3.8.0", "3.5", "3.5.0", "3.6.0.1", "v3.6.0", " 3.6", "3.6.x",
    "2.6", "3.6.1", "3.6", "3.6.0",
];

impl Stream {
    pub(super) fn hash_kv(&mut self) {
        let (now, compacted) = (self.revision, self.compacted);
        let revisions =
            [0, 0, now, now - 1, now - 2, now + 1, compacted, compacted + 1, compacted - 1, -1, 1];
        let revision = self.pick(&revisions);
        self.push(Call::new("/etcdserverpb.Maintenance/HashKV", &pb::HashKvRequest { revision }));
    }

    pub(super) fn maintenance(&mut self) {
        match self.prng.below(6) {
            0 => self.push(Call::new("/etcdserverpb.Maintenance/Status", &pb::StatusRequest {})),
            1 => {
                let defragment = pb::DefragmentRequest {};
                self.push(Call::new("/etcdserverpb.Maintenance/Defragment", &defragment));
            }
            2 => self.push(Call::new("/etcdserverpb.Maintenance/Hash", &pb::HashRequest {})),
            3 => {
                let target_id = self.pick(&[0, 1, OWN, self.learner.unwrap_or(7), u64::MAX]);
                let move_leader = pb::MoveLeaderRequest { target_id };
                self.push(Call::new("/etcdserverpb.Maintenance/MoveLeader", &move_leader));
            }
            _ => self.downgrade(),
        }
    }

    /// Whether the cluster could go down, and what never makes it go.
    fn downgrade(&mut self) {
        let (action, versions) = match self.prng.below(4) {
            0 => (DowngradeAction::Enable as i32, &VERSIONS[..13]),
            1 => (DowngradeAction::Cancel as i32, &VERSIONS[..]),
            _ => (DowngradeAction::Validate as i32, &VERSIONS[..]),
        };
        let action = if self.one_in(10) { 9 } else { action };
        let version = self.pick(versions).to_owned();
        let downgrade = pb::DowngradeRequest { action, version };
        self.push(Call::new("/etcdserverpb.Maintenance/Downgrade", &downgrade));
    }

    /// An alarm asked for, or raised and later taken back. An action or a kind that etcd does not
    /// know ends its process when it is to be raised.
    pub(super) fn alarm(&mut self) {
        let member_id = self.pick(&[0, 1, OWN, u64::MAX]);
        let raised = !self.due.is_empty();
        match self.prng.below(if raised { 3 } else { 6 }) {
            0 | 1 => {
                let alarm = self.pick(&[0, 1, 2, 7]);
                self.push(alarm_call(AlarmAction::Get, alarm, member_id));
            }
            2 => {
                let alarm = self.pick(&[0, 1, 2, 7]);
                self.push(alarm_call(AlarmAction::Deactivate, alarm, member_id));
            }
            3 => self.two_alarms(),
            _ => {
                let (alarm, member_id) = self.raisable();
                self.push(alarm_call(AlarmAction::Activate, alarm, member_id));
                if self.one_in(3) {
                    self.push(alarm_call(AlarmAction::Activate, alarm, member_id));
                }
                self.push(Call::new("/etcdserverpb.Maintenance/Status", &pb::StatusRequest {}));
                self.push(alarm_call(AlarmAction::Get, 0, 0));
                let later = self.prng.between(4, 25) as u32;
                self.due.push((later, alarm_call(AlarmAction::Deactivate, alarm, member_id)));
            }
        }
    }

    /// An alarm of a member. Never that the member itself has no space: Cairn takes that back by
    /// itself, since it has.
    fn raisable(&mut self) -> (i32, u64) {
        let alarm = self.pick(&[0, 1, 2]);
        let members = [0, 1, u64::MAX, OWN];
        let known = if alarm == AlarmType::Nospace as i32 { &members[..3] } else { &members };
        (alarm, self.pick(known))
    }

    /// Requests under two alarms. Nobody asks for the alarms meanwhile, nor for the status: the
    /// order in which etcd lists several is that of a map of Go.
    fn two_alarms(&mut self) {
        let mut alarms = [self.raisable(), self.raisable()];
        for (alarm, member_id) in alarms {
            self.push(alarm_call(AlarmAction::Activate, alarm, member_id));
        }
        if self.one_in(2) {
            alarms.reverse();
        }
        for (alarm, member_id) in alarms {
            for _ in 0..4 {
                self.request();
            }
            self.push(alarm_call(AlarmAction::Deactivate, alarm, member_id));
        }
    }

    /// gRPC's own service of health.
    pub(super) fn health(&mut self) {
        let service = self.pick(&["", "", "etcdserverpb.KV", "nothing"]).to_owned();
        let check = HealthCheckRequest { service };
        match self.prng.below(4) {
            0 => self.push(Call::new("/grpc.health.v1.Health/List", &HealthListRequest {})),
            1 => {
                let mut watch = Call::new("/grpc.health.v1.Health/Watch", &check);
                watch.takes = Some(1);
                self.push(watch);
            }
            _ => self.push(Call::new("/grpc.health.v1.Health/Check", &check)),
        }
    }
}

fn alarm_call(action: AlarmAction, alarm: i32, member_id: u64) -> Call {
    let action = action as i32;
    Call::new(ALARM, &pb::AlarmRequest { action, member_id, alarm })
}
