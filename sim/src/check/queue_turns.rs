//! Q1 One turn: who is told that it holds a lock or leads an election has the oldest key of the
//! queue, in the order of revisions. A lock's key exists at the revision that the answer names, and
//! no older one does; when a campaign is answered, every older key has ended. So two turns overlap
//! only where the first one's key is gone already: its lease has ended, and its fenced writes fail.
//!
//! Judged by the events of the committed log. Not judged here: that the turn comes (Q2, by the
//! clients at the end of a run), and that a lease ends in time (E1, E2).

use std::collections::BTreeMap;

use bytes::Bytes;
use proto::mvccpb::event::EventType;

use super::timeline::Timeline;
use super::{Tally, Verdict, violated};

/// What a client was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// It holds the lock at a revision.
    HeldAt(i64),
    /// It leads, by a key that was created at a revision.
    SinceCreated(i64),
}

/// From creation to deletion, exclusive.
#[derive(Clone, Copy, Debug)]
struct Stay {
    created: i64,
    ended: Option<i64>,
}

/// The stays of all keys, as far as the log was read.
#[derive(Debug, Default)]
pub struct Queues {
    read: i64,
    stays: BTreeMap<Bytes, Vec<Stay>>,
}

impl Queues {
    fn read(&mut self, timeline: &Timeline) {
        let current = timeline.oracle().revision();
        for (revision, event) in timeline.events(self.read + 1, current) {
            let kv = event.kv.as_ref().expect("events have a pair");
            let stays = self.stays.entry(kv.key.clone()).or_default();
            if event.r#type() == EventType::Delete {
                let open = stays.last_mut().expect("what is deleted was created");
                open.ended = Some(revision);
            } else if kv.create_revision == revision {
                stays.push(Stay { created: revision, ended: None });
            }
        }
        self.read = current;
    }

    /// Judges an answer about a key of the queue with a prefix.
    pub fn has_turn(
        &mut self,
        timeline: &Timeline,
        tally: &Tally,
        prefix: &[u8],
        key: &Bytes,
        turn: Turn,
    ) -> Verdict {
        tally.hit("Q1");
        self.read(timeline);
        let (at, created) = match turn {
            Turn::HeldAt(at) => (at, None),
            Turn::SinceCreated(created) => (self.read, Some(created)),
        };
        let own = self.stays.get(key).into_iter().flatten().find(|stay| match created {
            Some(created) => stay.created == created,
            None => stay.created <= at && stay.ended.is_none_or(|ended| ended > at),
        });
        let Some(own) = own else {
            return violated!("Q1", "{key:?} has its turn at revision {at} and does not exist");
        };
        let queue = self.stays.range(Bytes::copy_from_slice(prefix)..);
        let queue = queue.take_while(|(key, _)| key.starts_with(prefix));
        for (other, stays) in queue {
            let older = |stay: &&Stay| stay.created < own.created;
            let stands = |stay: &&Stay| stay.ended.is_none_or(|ended| ended > at);
            if let Some(stay) = stays.iter().filter(older).find(stands) {
                return violated!(
                    "Q1",
                    "{key:?} of revision {} has its turn at {at}, {other:?} stands before it: \
                     {stay:?}",
                    own.created
                );
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use prost::Message;
    use proto::etcdserverpb::{DeleteRangeRequest, InternalRaftRequest, PutRequest};

    use super::*;
    use model::Settings;

    fn put(key: &'static str) -> InternalRaftRequest {
        let put = PutRequest { key: key.into(), ..Default::default() };
        InternalRaftRequest { put: Some(put), ..Default::default() }
    }

    fn delete(key: &'static str) -> InternalRaftRequest {
        let delete = DeleteRangeRequest { key: key.into(), ..Default::default() };
        InternalRaftRequest { delete_range: Some(delete), ..Default::default() }
    }

    /// Two queue, the first one leaves: revisions 2, 3 and 4.
    fn judged(key: &'static str, turn: Turn) -> Verdict {
        let mut timeline = Timeline::new(Settings::default(), None);
        for (request, index) in [put("q/a"), put("q/b"), delete("q/a")].iter().zip(1..) {
            timeline.rule(index, 1, &request.encode_to_vec(), 0);
        }
        let mut queues = Queues::default();
        queues.has_turn(&timeline, &Tally::default(), b"q/", &Bytes::from(key), turn)
    }

    #[test]
    fn a_turn_before_an_older_key_has_gone_breaks_q1() {
        judged("q/a", Turn::HeldAt(3)).expect("the first");
        judged("q/b", Turn::HeldAt(4)).expect("the first one has left");
        judged("q/b", Turn::SinceCreated(3)).expect("it has left by now");
        assert_eq!(judged("q/b", Turn::HeldAt(3)).expect_err("too early").check, "Q1");
    }

    #[test]
    fn a_turn_of_a_key_that_is_gone_breaks_q1() {
        assert_eq!(judged("q/a", Turn::HeldAt(4)).expect_err("deleted").check, "Q1");
        assert_eq!(judged("q/c", Turn::SinceCreated(3)).expect_err("never there").check, "Q1");
    }
}
