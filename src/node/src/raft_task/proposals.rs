//! Proposals on their way to the core. While no leader is known they wait here, as long as their
//! caller does; one that may have left this member is never handed over a second time (P-a).

use std::collections::VecDeque;

use base::{RequestId, Term};
use bytes::Bytes;
use raft::{EntryKind, ProposeError, Raft};

use crate::Outcome;
use crate::convert::decode_change;
use crate::error::ApiError;
use crate::waiters::Waiters;

/// What waits to be proposed.
pub(super) struct Proposals {
    normal: VecDeque<(RequestId, Bytes)>,
    configuration: VecDeque<(RequestId, Bytes)>,
    in_term: Vec<(Term, Bytes)>,
    waiters: Waiters<Outcome>,
    refuse: Option<ApiError>,
}

impl Proposals {
    pub(super) fn new(waiters: Waiters<Outcome>) -> Proposals {
        Proposals {
            normal: VecDeque::new(),
            configuration: VecDeque::new(),
            in_term: Vec::new(),
            waiters,
            refuse: None,
        }
    }

    pub(super) fn push(&mut self, id: RequestId, payload: Bytes) {
        match self.refuse.clone() {
            Some(error) => self.refuse(id, &payload, error),
            None => self.normal.push_back((id, payload)),
        }
    }

    pub(super) fn push_configuration(&mut self, id: RequestId, payload: Bytes) {
        match self.refuse.clone() {
            Some(error) => self.refuse(id, &payload, error),
            None => self.configuration.push_back((id, payload)),
        }
    }

    pub(super) fn push_in_term(&mut self, term: Term, payload: Bytes) {
        if self.refuse.is_none() {
            self.in_term.push((term, payload));
        }
    }

    /// Refuses what waits and whatever comes.
    pub(super) fn refuse_all(&mut self, error: &ApiError) {
        self.refuse = Some(error.clone());
        let waiting: Vec<_> = self.normal.drain(..).chain(self.configuration.drain(..)).collect();
        for (id, payload) in waiting {
            self.refuse(id, &payload, error.clone());
        }
    }

    fn refuse(&self, id: RequestId, payload: &[u8], error: ApiError) {
        // Nobody may be waiting any more.
        let _gone = self.waiters.complete(id, payload, Err(error));
    }

    /// What a leader's clock decided is proposed by that leader in that term, or dropped.
    fn hand_over_in_term(&mut self, raft: &mut Raft) {
        let waiting = std::mem::take(&mut self.in_term);
        if waiting.is_empty() {
            return;
        }
        let status = raft.status();
        let is_decider = |term: Term| status.role == raft::Role::Leader && status.term == term;
        let decided = waiting.into_iter().filter(|(term, _)| is_decider(*term));
        let batch: Vec<Bytes> = decided.map(|(_, payload)| payload).collect();
        if !batch.is_empty() {
            // Refused now, it is decided again later.
            let _again = raft.propose(batch);
        }
    }

    /// Gives the core everything that waits, if it takes proposals now.
    pub(super) fn hand_over(&mut self, raft: &mut Raft) {
        self.hand_over_in_term(raft);
        if !self.normal.is_empty() {
            let batch = self.normal.iter().map(|(_, payload)| payload.clone()).collect();
            match raft.propose(batch) {
                Ok(_) => self.normal.clear(),
                Err(error) if waits(&error) => self.forget_abandoned(),
                Err(_) => {
                    for (id, payload) in std::mem::take(&mut self.normal) {
                        self.refuse(id, &payload, ApiError::TOO_MANY_REQUESTS);
                    }
                }
            }
        }
        while let Some((id, payload)) = self.configuration.pop_front() {
            if !self.hand_over_configuration(raft, id, payload) {
                return;
            }
        }
    }

    /// False when the change must wait.
    fn hand_over_configuration(&mut self, raft: &mut Raft, id: RequestId, payload: Bytes) -> bool {
        let kind = EntryKind::ConfChange;
        let change = decode_change(kind, &payload).expect("the API encodes valid changes");
        match raft.propose_configuration(kind, payload.clone(), &change) {
            Ok(_) => true,
            Err(error) if waits(&error) || matches!(error, ProposeError::ChangePending) => {
                self.configuration.push_front((id, payload));
                false
            }
            Err(_) => {
                self.refuse(id, &payload, ApiError::TOO_MANY_REQUESTS);
                true
            }
        }
    }

    /// What nobody waits for any more is not proposed late.
    fn forget_abandoned(&mut self) {
        let waiters = &self.waiters;
        self.normal.retain(|(id, _)| waiters.is_awaited(*id));
        self.configuration.retain(|(id, _)| waiters.is_awaited(*id));
    }
}

/// Whether a proposal that was refused so may succeed a little later.
fn waits(error: &ProposeError) -> bool {
    matches!(error, ProposeError::NoLeader | ProposeError::Transferring)
}
