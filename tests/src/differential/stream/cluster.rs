//! The members: listed, added as learners, moved, promoted too early, removed.

use proto::etcdserverpb as pb;

use super::{OWN, Stream};
use crate::differential::server::PEER_URL;
use crate::differential::step::Call;

const ADD: &str = "/etcdserverpb.Cluster/MemberAdd";
const REMOVE: &str = "/etcdserverpb.Cluster/MemberRemove";
const UPDATE: &str = "/etcdserverpb.Cluster/MemberUpdate";
const PROMOTE: &str = "/etcdserverpb.Cluster/MemberPromote";

/// Addresses that no member can have.
const BAD_URLS: [&[&str]; 12] = [
    &[],
    &[""],
    &["127.0.0.1:1"],
    &["http://127.0.0.1"],
    &["http://127.0.0.1:1/path"],
    &["http://127.0.0.1:1/"],
    &["ftp://127.0.0.1:1"],
    &["http://127.0.0.1:x"],
    &["http://::1:1"],
    &["http://127.0.0.1:1", "nothing"],
    &["HTTP://127.0.0.1"],
    &["http://user@127.0.0.1"],
];

/// Addresses for a learner, with its number of four digits; nobody listens there.
const URLS: [&[&str]; 7] = [
    &["http://127.0.0.1:1NNNN"],
    &["http://127.0.0.1:3NNNN", "http://127.0.0.1:2NNNN"],
    &["https://127.0.0.1:1NNNN"],
    &[" http://127.0.0.1:4NNNN"],
    &["HTTP://127.0.0.1:5NNNN"],
    &["http://user@127.0.0.1:1NNNN"],
    &["http://127.0.0.1:1NNNN?query"],
];

/// Addresses that no learner had before: from those and the second an id is made, and an id that
/// was removed is never taken again.
fn numbered(urls: &[&str], number: u64) -> Vec<String> {
    let number = format!("{number:04}");
    urls.iter().map(|url| url.replace("NNNN", &number)).collect()
}

fn owned(urls: &[&str]) -> Vec<String> {
    urls.iter().map(|url| (*url).to_owned()).collect()
}

impl Stream {
    /// Something about the members.
    pub(super) fn cluster(&mut self) {
        match self.prng.below(10) {
            0..=2 => {
                let linearizable = self.one_in(2);
                let list = pb::MemberListRequest { linearizable };
                self.push(Call::new("/etcdserverpb.Cluster/MemberList", &list));
            }
            3 => self.add_refused(),
            4 => self.unknown_member(),
            5 => {
                // Only a learner can be promoted, and the last voter cannot go.
                self.push(Call::new(PROMOTE, &pb::MemberPromoteRequest { id: OWN }));
                self.push(Call::new(REMOVE, &pb::MemberRemoveRequest { id: OWN }));
                let peer_urls = owned(&[PEER_URL]);
                self.push(Call::new(UPDATE, &pb::MemberUpdateRequest { id: OWN, peer_urls }));
            }
            _ => self.learner_step(),
        }
    }

    fn add_refused(&mut self) {
        let is_learner = self.one_in(2);
        let peer_urls = match self.one_in(4) {
            true => owned(&[PEER_URL]),
            false => owned(self.pick(&BAD_URLS)),
        };
        self.push(Call::new(ADD, &pb::MemberAddRequest { peer_urls, is_learner }));
    }

    fn unknown_member(&mut self) {
        let id = self.pick(&[0, 1, u64::MAX, 12_345]);
        match self.prng.below(3) {
            0 => self.push(Call::new(REMOVE, &pb::MemberRemoveRequest { id })),
            1 => self.push(Call::new(PROMOTE, &pb::MemberPromoteRequest { id })),
            _ => {
                let peer_urls = numbered(self.pick(&URLS), 0);
                self.push(Call::new(UPDATE, &pb::MemberUpdateRequest { id, peer_urls }));
            }
        }
    }

    /// The next step of a learner's life.
    fn learner_step(&mut self) {
        let Some(id) = self.learner else {
            let name = self.name();
            let peer_urls = numbered(self.pick(&URLS), name - OWN);
            let add = pb::MemberAddRequest { peer_urls, is_learner: true };
            let mut add = Call::new(ADD, &add);
            add.binds = Some(name);
            self.learner = Some(name);
            return self.push(add);
        };
        match self.prng.below(5) {
            0 => {
                // One more than there may be.
                let peer_urls = owned(&["http://127.0.0.1:9"]);
                self.push(Call::new(ADD, &pb::MemberAddRequest { peer_urls, is_learner: true }));
            }
            1 => self.push(Call::new(PROMOTE, &pb::MemberPromoteRequest { id })),
            2 | 3 => {
                let peer_urls = match self.one_in(3) {
                    true => owned(&[PEER_URL]),
                    false => numbered(self.pick(&URLS[..3]), 0),
                };
                self.push(Call::new(UPDATE, &pb::MemberUpdateRequest { id, peer_urls }));
            }
            _ => {
                self.learner = None;
                self.push(Call::new(REMOVE, &pb::MemberRemoveRequest { id }));
                // Who was removed stays unknown.
                self.push(Call::new(REMOVE, &pb::MemberRemoveRequest { id }));
                self.push(Call::new(PROMOTE, &pb::MemberPromoteRequest { id }));
            }
        }
    }
}
