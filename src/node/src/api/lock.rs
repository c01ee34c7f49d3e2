//! The lock service: who has the oldest key under the lock's name holds it.

use bytes::Bytes;
use proto::etcdserverpb as pb;
use proto::v3lockpb::{LockRequest, LockResponse, UnlockRequest, UnlockResponse};

use super::header::encoded;
use super::queue::{Entrant, Place, failed, first_of, joining, key_of, prefix_of};
use super::{Answer, Api, Caller};
use crate::env::Env;
use crate::error::{ApiError, Code};

const SESSION_EXPIRED: ApiError = ApiError::new(Code::Unknown, "mutex: session is expired");

/// Who wants a lock.
struct Locking<E: Env> {
    api: Api<E>,
    caller: Caller,
    name: Bytes,
    lease: i64,
}

impl<E: Env> Entrant for Locking<E> {
    async fn join(&self) -> Result<Place, ApiError> {
        let key = key_of(&self.name, self.lease);
        let owner = first_of(&prefix_of(&self.name));
        let txn = joining(&key, Bytes::new(), self.lease, Some(owner));
        self.api.take_place(&self.caller, &key, txn).await
    }

    async fn turn(&self, place: &Place) -> Answer {
        let owner = place.found.last().and_then(|owner| owner.first());
        if owner.is_none_or(|owner| owner.create_revision == place.revision) {
            return Ok(locked(place.header, &place.key));
        }
        let prefix = prefix_of(&self.name);
        self.api.wait_for_turn(&self.caller, &prefix, place.revision).await?;
        // The lease may have ended meanwhile, and the key with it.
        let own = pb::RangeRequest { key: place.key.clone(), ..Default::default() };
        match self.api.read(&self.caller, own).await? {
            (header, Some(_)) => Ok(locked(header, &place.key)),
            (_, None) => Err(SESSION_EXPIRED),
        }
    }
}

fn locked(header: pb::ResponseHeader, key: &Bytes) -> Bytes {
    encoded(&LockResponse { header: Some(header), key: key.clone() })
}

impl<E: Env> Api<E> {
    /// Lock.Lock: waits until the lock is the caller's; a call that is given up leaves the queue.
    ///
    /// # Errors
    /// As etcd, with code Unknown; `mutex: session is expired` when the lease ended meanwhile.
    pub async fn lock(&self, caller: &Caller, request: LockRequest) -> Answer {
        let caller = self.recipe_caller(caller)?;
        let lease = self.recipe_lease(&caller, request.lease).await.map_err(failed)?;
        let locking =
            Locking { api: self.clone(), caller: caller.clone(), name: request.name, lease };
        self.queue_up(&caller, locking).await.map_err(failed)
    }

    /// Lock.Unlock: deletes the key, whoever's it is; one that does not exist is no error.
    ///
    /// # Errors
    /// As etcd, with code Unknown.
    pub async fn unlock(&self, caller: &Caller, request: UnlockRequest) -> Answer {
        let caller = self.recipe_caller(caller)?;
        let delete = pb::DeleteRangeRequest { key: request.key, ..Default::default() };
        let deleted = self.delete_one(&caller, delete).await.map_err(failed)?;
        Ok(encoded(&UnlockResponse { header: deleted.header }))
    }
}
