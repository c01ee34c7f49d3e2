//! One key as a register: what single-key puts, reads and deletes may answer.
//!
//! The revisions that other keys used are not known here, so the register keeps a floor that the
//! revisions of answers must not fall below, and learns the revision of a write whose own answer
//! was lost from the first read that shows it.

use bytes::Bytes;
use proto::etcdserverpb::{DeleteRangeResponse, InternalRaftRequest, PutResponse, RangeResponse};
use proto::mvccpb::KeyValue;

use super::linearizable::{Call, Outcome};
use super::search::Model;
use crate::oracle::StateHasher;
use crate::{Error, Response};

/// The value of the key as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pair {
    value: Bytes,
    version: i64,
    lease: i64,
    /// Not known while only a lost answer would have told.
    created: Option<i64>,
    modified: Option<i64>,
}

/// The state of one key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State {
    pair: Option<Pair>,
    /// No later answer may carry a lower revision.
    floor: i64,
}

impl State {
    /// The state of a key at a revision.
    pub fn of(kv: Option<&KeyValue>, floor: i64) -> State {
        let pair = kv.map(|kv| Pair {
            value: kv.value.clone(),
            version: kv.version,
            lease: kv.lease,
            created: Some(kv.create_revision),
            modified: Some(kv.mod_revision),
        });
        State { pair, floor }
    }

    /// The state after an answer showed this pair, if it can be the one that is there.
    fn showing(&self, kv: Option<&KeyValue>) -> Option<State> {
        let (pair, kv) = match (&self.pair, kv) {
            (None, None) => return Some(self.clone()),
            (Some(pair), Some(kv)) => (pair, kv),
            _ => return None,
        };
        let same = pair.value == kv.value && pair.version == kv.version && pair.lease == kv.lease;
        let fits = |known: Option<i64>, shown: i64| known.is_none_or(|known| known == shown);
        let dated = fits(pair.created, kv.create_revision) && fits(pair.modified, kv.mod_revision);
        let pair = Pair {
            created: Some(kv.create_revision),
            modified: Some(kv.mod_revision),
            ..pair.clone()
        };
        (same && dated).then_some(State { pair: Some(pair), floor: self.floor })
    }

    fn raised(mut self, revision: i64) -> Option<State> {
        let legal = revision >= self.floor;
        self.floor = self.floor.max(revision);
        legal.then_some(self)
    }

    fn put(&self, request: &InternalRaftRequest, revision: Option<i64>) -> Option<State> {
        let put = request.put.as_ref()?;
        let old = self.pair.as_ref();
        let pair = Pair {
            value: put.value.clone(),
            version: old.map_or(0, |pair| pair.version) + 1,
            lease: put.lease,
            created: old.map_or(revision, |pair| pair.created),
            modified: revision,
        };
        let floor = revision.unwrap_or(self.floor + 1);
        (floor > self.floor).then_some(State { pair: Some(pair), floor })
    }

    fn answered(&self, call: &Call, response: &Response) -> Option<State> {
        match response {
            Response::Range(answer) => self.range(answer),
            Response::Put(answer) => self.answered_put(call, answer),
            Response::DeleteRange(answer) => self.answered_delete(call, answer),
            _ => None,
        }
    }

    fn range(&self, answer: &RangeResponse) -> Option<State> {
        let legal = answer.kvs.len() <= 1 && answer.count == answer.kvs.len() as i64;
        let shown = self.showing(answer.kvs.first())?;
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        if legal { shown.raised(revision) } else { None }
    }

    fn answered_put(&self, call: &Call, answer: &PutResponse) -> Option<State> {
        let wants = call.request.put.as_ref()?.prev_kv;
        let before = if wants { self.showing(answer.prev_kv.as_ref())? } else { self.clone() };
        before.put(&call.request, answer.header.as_ref().map(|header| header.revision))
    }

    fn answered_delete(&self, call: &Call, answer: &DeleteRangeResponse) -> Option<State> {
        let wants = call.request.delete_range.as_ref()?.prev_kv;
        let before = if wants { self.showing(answer.prev_kvs.first())? } else { self.clone() };
        let present = before.pair.is_some();
        let revision = answer.header.as_ref().map_or(0, |header| header.revision);
        let rises = !present || revision > self.floor;
        let legal = answer.deleted == i64::from(present) && rises;
        let after = State { pair: None, floor: self.floor };
        if legal { after.raised(revision) } else { None }
    }

    fn unknown(&self, call: &Call) -> Option<State> {
        if call.request.delete_range.is_some() {
            let floor = self.floor + i64::from(self.pair.is_some());
            return Some(State { pair: None, floor });
        }
        self.put(&call.request, None)
    }
}

/// The specification of a register.
#[derive(Clone, Copy, Debug)]
pub struct Register;

impl Model for Register {
    type State = State;

    fn step(&self, state: &State, call: &Call) -> Option<State> {
        match &call.outcome {
            Outcome::Unknown => state.unknown(call),
            Outcome::Answered { response: Ok(response), .. } => state.answered(call, response),
            Outcome::Answered { response: Err(error), .. } => refused(state, call, *error),
        }
    }

    fn fingerprint(&self, state: &State) -> u64 {
        let mut hasher = StateHasher::default();
        hasher.fact("floor", &[state.floor], &[]);
        if let Some(pair) = &state.pair {
            let dates = [pair.created.unwrap_or(-1), pair.modified.unwrap_or(-1)];
            hasher.fact("pair", &[pair.version, pair.lease, dates[0], dates[1]], &[&pair.value]);
        }
        hasher.finish()
    }
}

/// The requests that a register takes are refused for an empty key only.
fn refused(state: &State, call: &Call, error: Error) -> Option<State> {
    let empty = key(&call.request).is_some_and(|key| key.is_empty());
    (empty && error == Error::EmptyKey).then(|| state.clone())
}

/// The one key that a request touches, if it is one that a register takes.
pub fn key(request: &InternalRaftRequest) -> Option<&Bytes> {
    if let Some(put) = &request.put {
        let plain = !put.ignore_value && !put.ignore_lease && put.lease == 0;
        return plain.then_some(&put.key);
    }
    if let Some(delete) = &request.delete_range {
        return delete.range_end.is_empty().then_some(&delete.key);
    }
    let range = request.range.as_ref()?;
    let plain = proto::etcdserverpb::RangeRequest {
        key: range.key.clone(),
        serializable: range.serializable,
        ..Default::default()
    };
    (*range == plain).then_some(&range.key)
}
