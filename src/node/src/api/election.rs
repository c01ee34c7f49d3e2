//! The election service: whose key under the election's name is the oldest leads, and the key's
//! value is what the leader proclaims.

mod observe;

use bytes::Bytes;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::request_op::Request;
use proto::v3electionpb as epb;
use tokio::sync::mpsc;

use self::observe::Observer;
use super::header::encoded;
use super::queue::{
    Entrant, Place, failed, first_of, is_created_at, joining, key_of, leaving, op, prefix_of,
};
use super::{Answer, Api, Caller};
use crate::env::Env;
use crate::error::{ApiError, Code};

const NOT_LEADER: ApiError = ApiError::new(Code::Unknown, "election: not leader");
const NO_LEADER: ApiError = ApiError::new(Code::Unknown, "election: no leader");
const LEADER_MISSING: ApiError = ApiError::new(Code::Unknown, "\"leader\" field must be provided");

/// Leaders that an observer has not taken yet.
const LEADERS_WAITING_MAX: usize = 16;

/// Who wants to lead.
struct Campaigning<E: Env> {
    api: Api<E>,
    caller: Caller,
    name: Bytes,
    lease: i64,
    value: Bytes,
}

impl<E: Env> Entrant for Campaigning<E> {
    async fn join(&self) -> Result<Place, ApiError> {
        let key = key_of(&self.name, self.lease);
        let txn = joining(&key, self.value.clone(), self.lease, None);
        self.api.take_place(&self.caller, &key, txn).await
    }

    async fn turn(&self, place: &Place) -> Answer {
        let found = place.found.first().and_then(|found| found.first());
        if found.is_some_and(|found| found.value != self.value) {
            let Campaigning { api, caller, lease, value, .. } = self;
            api.proclaim_at(caller, &place.key, place.revision, *lease, value.clone()).await?;
        }
        let prefix = prefix_of(&self.name);
        self.api.wait_for_turn(&self.caller, &prefix, place.revision).await?;
        let leader = epb::LeaderKey {
            name: self.name.clone(),
            key: place.key.clone(),
            rev: place.revision,
            lease: self.lease,
        };
        let response = epb::CampaignResponse { header: Some(place.header), leader: Some(leader) };
        Ok(encoded(&response))
    }
}

impl<E: Env> Api<E> {
    /// Election.Campaign: waits until the caller leads; a call that is given up leaves the queue.
    /// The header is that of the call's first step. As in etcd, a lease that ends while the call
    /// waits does not fail it: only what the leader does next does.
    ///
    /// # Errors
    /// As etcd, with code Unknown.
    pub async fn campaign(&self, caller: &Caller, request: epb::CampaignRequest) -> Answer {
        let caller = self.recipe_caller(caller)?;
        let lease = self.recipe_lease(&caller, request.lease).await.map_err(failed)?;
        let campaigning = Campaigning {
            api: self.clone(),
            caller: caller.clone(),
            name: request.name,
            lease,
            value: request.value,
        };
        self.queue_up(&caller, campaigning).await.map_err(failed)
    }

    /// Election.Proclaim: changes the leader's value. Without a lease the key gets a new one that
    /// nobody keeps alive, as in etcd.
    ///
    /// # Errors
    /// As etcd, with code Unknown: among them `election: not leader`.
    pub async fn proclaim(&self, caller: &Caller, request: epb::ProclaimRequest) -> Answer {
        let caller = self.recipe_caller(caller)?;
        let leader = request.leader.ok_or(LEADER_MISSING)?;
        let lease = self.recipe_lease(&caller, leader.lease).await.map_err(failed)?;
        let proclaimed =
            self.proclaim_at(&caller, &leader.key, leader.rev, lease, request.value).await;
        let header = Some(proclaimed.map_err(failed)?);
        Ok(encoded(&epb::ProclaimResponse { header }))
    }

    async fn proclaim_at(
        &self,
        caller: &Caller,
        key: &Bytes,
        revision: i64,
        lease: i64,
        value: Bytes,
    ) -> Result<pb::ResponseHeader, ApiError> {
        let put = pb::PutRequest { key: key.clone(), value, lease, ..Default::default() };
        let txn = pb::TxnRequest {
            compare: vec![is_created_at(key, revision)],
            success: vec![op(Request::RequestPut(put))],
            failure: Vec::new(),
        };
        let answer = self.transact(caller, txn).await?;
        match answer.succeeded {
            true => Ok(answer.header.unwrap_or_default()),
            false => Err(NOT_LEADER),
        }
    }

    /// Election.Leader
    ///
    /// # Errors
    /// As etcd, with code Unknown: among them `election: no leader`.
    pub async fn leader(&self, caller: &Caller, request: epb::LeaderRequest) -> Answer {
        let caller = self.recipe_caller(caller)?;
        let oldest = first_of(&prefix_of(&request.name));
        let (header, kv) = self.read(&caller, oldest).await.map_err(failed)?;
        let kv = Some(kv.ok_or(NO_LEADER)?);
        Ok(encoded(&epb::LeaderResponse { header: Some(header), kv }))
    }

    /// Election.Observe: encoded `LeaderResponse`s: the leader, each change of its value, each
    /// leader after it. As in etcd, the stream ends without an error when the leader cannot be
    /// read.
    ///
    /// # Errors
    /// `no leader` for a caller that demands one of the cluster; `server stopped`.
    pub async fn observe(
        &self,
        caller: &Caller,
        request: epb::LeaderRequest,
    ) -> Result<mpsc::Receiver<Answer>, ApiError> {
        let caller = self.recipe_caller(caller)?;
        let (leaders, taken) = mpsc::channel(LEADERS_WAITING_MAX);
        let observer =
            Observer { api: self.clone(), caller, prefix: prefix_of(&request.name), leaders };
        self.inner.env.spawn("observe", observer.run());
        Ok(taken)
    }

    /// Election.Resign: deletes the leader's key; one that is no longer the leader's is no error.
    ///
    /// # Errors
    /// As etcd, with code Unknown.
    pub async fn resign(&self, caller: &Caller, request: epb::ResignRequest) -> Answer {
        let caller = self.recipe_caller(caller)?;
        let leader = request.leader.ok_or(LEADER_MISSING)?;
        // etcd opens a session here too, which takes a lease when there is none.
        self.recipe_lease(&caller, leader.lease).await.map_err(failed)?;
        let resigned = self.transact(&caller, leaving(&leader.key, leader.rev)).await;
        let header = resigned.map_err(failed)?.header;
        Ok(encoded(&epb::ResignResponse { header }))
    }
}
