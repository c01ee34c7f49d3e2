//! One observer of an election.
//!
//! Each leader is read and then followed from the next revision on, so that nothing falls in
//! between. What a slow client does not take stays in the watch as a cursor; when that is
//! overtaken by a compaction, the leader is read anew.

use bytes::Bytes;
use prost::Message;
use proto::etcdserverpb::ResponseHeader;
use proto::mvccpb::KeyValue;
use proto::v3electionpb::LeaderResponse;
use tokio::sync::mpsc;

use super::super::header::encoded;
use super::super::queue::{KeyWatch, Seen, Told, end_of, first_of};
use super::super::{Answer, Api, Caller};
use crate::env::Env;
use crate::error::ApiError;

/// An observer.
pub(super) struct Observer<E: Env> {
    pub(super) api: Api<E>,
    pub(super) caller: Caller,
    pub(super) prefix: Bytes,
    pub(super) leaders: mpsc::Sender<Answer>,
}

/// Nobody listens any more, or nothing more can be told.
struct Ended;

impl<E: Env> Observer<E> {
    /// Runs until nobody listens, or the member stops.
    pub(super) async fn run(self) {
        loop {
            let Ok((revision, key)) = self.find().await else { return };
            if self.follow(key, revision).await.is_err() {
                return;
            }
        }
    }

    /// Waits for a leader and tells of it: its key, and the revision behind which to follow it.
    async fn find(&self) -> Result<(i64, Bytes), Ended> {
        loop {
            let oldest = self.api.read(&self.caller, first_of(&self.prefix)).await;
            let (mut header, found) = oldest.map_err(|_| Ended)?;
            let leader = match found {
                Some(leader) => leader,
                None => match self.first_put(header.revision + 1).await? {
                    Some(leader) => {
                        header = self.api.header(leader.mod_revision);
                        leader
                    }
                    None => continue,
                },
            };
            let (revision, key) = (header.revision, leader.key.clone());
            self.tell(header, leader).await?;
            return Ok((revision, key));
        }
    }

    /// The first key that is put; none when that was compacted meanwhile.
    async fn first_put(&self, from: i64) -> Result<Option<KeyValue>, Ended> {
        let mut watch = KeyWatch::open(&self.api, self.prefix.clone(), end_of(&self.prefix), from);
        while let Some(told) = self.next(&mut watch).await? {
            if let Some(put) = told.events.iter().find(|event| !event.is_delete) {
                return decoded(&put.kv).map(Some);
            }
        }
        Ok(None)
    }

    /// Tells what the leader proclaims until its key is deleted.
    async fn follow(&self, key: Bytes, told_revision: i64) -> Result<(), Ended> {
        let mut watch = KeyWatch::open(&self.api, key, Bytes::new(), told_revision + 1);
        while let Some(told) = self.next(&mut watch).await? {
            for event in &told.events {
                if event.is_delete {
                    return Ok(());
                }
                self.tell(self.api.header(told.revision), decoded(&event.kv)?).await?;
            }
        }
        Ok(())
    }

    /// The next events; none when they were compacted.
    async fn next(&self, watch: &mut KeyWatch<E>) -> Result<Option<Told>, Ended> {
        let seen = tokio::select! {
            biased;
            () = self.leaders.closed() => return Err(Ended),
            seen = watch.next() => seen,
        };
        match seen {
            Ok(Seen::Events(told)) => Ok(Some(told)),
            Ok(Seen::Compacted) => Ok(None),
            Err(error) => {
                // A client that has gone needs no reason.
                let _gone = self.leaders.try_send(Err(error));
                Err(Ended)
            }
        }
    }

    async fn tell(&self, header: ResponseHeader, leader: KeyValue) -> Result<(), Ended> {
        let response = LeaderResponse { header: Some(header), kv: Some(leader) };
        let shared = &self.api.inner.shared;
        let sent = tokio::select! {
            biased;
            () = shared.wait_stopped() => self.leaders.try_send(Err(ApiError::STOPPED)).is_ok(),
            sent = self.leaders.send(Ok(encoded(&response))) => sent.is_ok(),
        };
        match sent && !shared.is_stopping() {
            true => Ok(()),
            false => Err(Ended),
        }
    }
}

/// An event's pair, which this member encoded itself.
fn decoded(kv: &Bytes) -> Result<KeyValue, Ended> {
    KeyValue::decode(kv.clone()).map_err(|_| Ended)
}
