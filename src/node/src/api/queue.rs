//! What Lock and Election share: keys that queue under a prefix in the order of their creation.
//!
//! An entrant's key is `<name>/<lease in hexadecimal>` and lives no longer than that lease. Whose
//! key is the oldest has the turn; everybody else waits on a watch of the one right before, so that
//! an end wakes one entrant only, and looks again after each: the one right before may have left
//! from the middle.
//!
//! All calls are the member's own, with the caller's credentials and without the gate. A call that
//! took a place runs as a task, so that a client that goes away in the middle of it leaves no place
//! behind: the task sees that nobody waits for the answer, and gives the place up.

mod key_watch;

use std::time::Duration;

use bytes::Bytes;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use proto::etcdserverpb::request_op::Request;
use proto::mvccpb::KeyValue;
use tokio::sync::oneshot;

use super::{Answer, Api, Caller};
use crate::env::Env;
use crate::error::{ApiError, Code};

pub(super) use self::key_watch::{KeyWatch, Seen, Told};

/// The time to live of a lease that is granted for a call without one.
const OWN_LEASE_TTL_SECONDS: i64 = 60;

/// How long a place is tried to be given up while the cluster cannot be written to, and the time
/// between two tries.
const LEAVE_MAX: Duration = Duration::from_secs(60);
const LEAVE_RETRY: Duration = Duration::from_millis(500);

/// A key in a queue.
#[derive(Clone, Debug)]
pub(super) struct Place {
    /// The entrant's key.
    pub(super) key: Bytes,
    /// The revision that created it, which no other entrant's key has.
    pub(super) revision: i64,
    /// The header of the transaction that took the place.
    pub(super) header: pb::ResponseHeader,
    /// Whether this call created it; else the same lease had it before.
    pub(super) is_new: bool,
    /// What the other reads of that transaction found, in their order.
    pub(super) found: Vec<Vec<KeyValue>>,
}

/// Who takes a place and waits for the turn.
pub(super) trait Entrant: Send + Sync + 'static {
    /// Takes a place.
    fn join(&self) -> impl Future<Output = Result<Place, ApiError>> + Send;

    /// Waits for the turn and answers the call.
    fn turn(&self, place: &Place) -> impl Future<Output = Answer> + Send;
}

/// The prefix of all keys of a queue.
pub(super) fn prefix_of(name: &Bytes) -> Bytes {
    [&name[..], b"/"].concat().into()
}

/// The key of a lease's entrant; a negative lease has a sign, as Go writes it.
pub(super) fn key_of(name: &Bytes, lease: i64) -> Bytes {
    let sign = if lease < 0 { "-" } else { "" };
    [&name[..], format!("/{sign}{:x}", lease.unsigned_abs()).as_bytes()].concat().into()
}

/// The end of the range of all keys with a prefix that ends in `/`.
pub(super) fn end_of(prefix: &Bytes) -> Bytes {
    let (last, rest) = prefix.split_last().expect("a prefix ends in a slash");
    assert_eq!(*last, b'/', "prefix {prefix:?}");
    [rest, b"0"].concat().into()
}

/// The oldest key of a queue.
pub(super) fn first_of(prefix: &Bytes) -> pb::RangeRequest {
    pb::RangeRequest {
        key: prefix.clone(),
        range_end: end_of(prefix),
        limit: 1,
        sort_order: SortOrder::Ascend.into(),
        sort_target: SortTarget::Create.into(),
        ..Default::default()
    }
}

/// The newest key of a queue among those older than `revision`.
fn last_before(prefix: &Bytes, revision: i64) -> pb::RangeRequest {
    pb::RangeRequest {
        sort_order: SortOrder::Descend.into(),
        max_create_revision: revision - 1,
        ..first_of(prefix)
    }
}

/// Compares the revision that created a key; zero for one that does not exist.
pub(super) fn is_created_at(key: &Bytes, revision: i64) -> pb::Compare {
    pb::Compare {
        result: CompareResult::Equal.into(),
        target: CompareTarget::Create.into(),
        key: key.clone(),
        target_union: Some(TargetUnion::CreateRevision(revision)),
        ..Default::default()
    }
}

/// An operation of a transaction.
pub(super) fn op(request: Request) -> pb::RequestOp {
    pb::RequestOp { request: Some(request) }
}

/// The transaction that takes a place, or finds the one that the lease has; `reads` are made in
/// either case.
pub(super) fn joining(
    key: &Bytes,
    value: Bytes,
    lease: i64,
    reads: Option<pb::RangeRequest>,
) -> pb::TxnRequest {
    let put = pb::PutRequest { key: key.clone(), value, lease, ..Default::default() };
    let get = pb::RangeRequest { key: key.clone(), ..Default::default() };
    let reads: Vec<_> = reads.into_iter().map(|read| op(Request::RequestRange(read))).collect();
    let with = |first| [vec![op(first)], reads.clone()].concat();
    pb::TxnRequest {
        compare: vec![is_created_at(key, 0)],
        success: with(Request::RequestPut(put)),
        failure: with(Request::RequestRange(get)),
    }
}

/// How etcd's server-side recipes tell any error of the calls that they make: the text stays, the
/// code is lost. Only a member that stops is told apart, so that clients go elsewhere.
pub(super) fn failed(error: ApiError) -> ApiError {
    match error == ApiError::STOPPED {
        true => error,
        false => ApiError { code: Code::Unknown, ..error },
    }
}

impl<E: Env> Api<E> {
    /// Refuses what no recipe begins under; gives the caller as whom its calls are made. Whether
    /// there is a leader is asked at the beginning only.
    pub(super) fn recipe_caller(&self, caller: &Caller) -> Result<Caller, ApiError> {
        self.require_leader(caller)?;
        match self.inner.shared.is_stopping() {
            true => Err(ApiError::STOPPED),
            false => Ok(Caller { require_leader: false, ..caller.clone() }),
        }
    }

    /// The lease of a call: the given one, or for none a new one that nobody keeps alive.
    pub(super) async fn recipe_lease(&self, caller: &Caller, lease: i64) -> Result<i64, ApiError> {
        if lease != 0 {
            return Ok(lease);
        }
        let grant = pb::LeaseGrantRequest { ttl: OWN_LEASE_TTL_SECONDS, id: 0 };
        let granted: pb::LeaseGrantResponse = decoded(self.lease_grant(caller, grant).await?)?;
        Ok(granted.id)
    }

    /// Range, decoded.
    pub(super) async fn read(
        &self,
        caller: &Caller,
        range: pb::RangeRequest,
    ) -> Result<(pb::ResponseHeader, Option<KeyValue>), ApiError> {
        let answer: pb::RangeResponse = decoded(self.range(caller, range).await?)?;
        Ok((answer.header.unwrap_or_default(), answer.kvs.into_iter().next()))
    }

    /// DeleteRange, decoded.
    pub(super) async fn delete_one(
        &self,
        caller: &Caller,
        delete: pb::DeleteRangeRequest,
    ) -> Result<pb::DeleteRangeResponse, ApiError> {
        decoded(self.delete_range(caller, delete).await?)
    }

    /// Txn, decoded.
    pub(super) async fn transact(
        &self,
        caller: &Caller,
        txn: pb::TxnRequest,
    ) -> Result<pb::TxnResponse, ApiError> {
        decoded(self.txn(caller, txn).await?)
    }

    /// Takes a place with a transaction that [`joining`] made.
    pub(super) async fn take_place(
        &self,
        caller: &Caller,
        key: &Bytes,
        txn: pb::TxnRequest,
    ) -> Result<Place, ApiError> {
        use pb::response_op::Response;
        let answer = self.transact(caller, txn).await?;
        let header = answer.header.unwrap_or_default();
        let mut found = Vec::new();
        for response in answer.responses {
            if let Some(Response::ResponseRange(range)) = response.response {
                found.push(range.kvs);
            }
        }
        let revision = match answer.succeeded {
            true => header.revision,
            false => {
                let own = found.first().and_then(|kvs| kvs.first());
                own.map_or(0, |own| own.create_revision)
            }
        };
        assert!(revision > 0, "a place in a queue without a revision: {key:?}");
        Ok(Place { key: key.clone(), revision, header, is_new: answer.succeeded, found })
    }

    /// Waits until no key of the queue is older than `revision`.
    pub(super) async fn wait_for_turn(
        &self,
        caller: &Caller,
        prefix: &Bytes,
        revision: i64,
    ) -> Result<(), ApiError> {
        loop {
            let (header, before) = self.read(caller, last_before(prefix, revision)).await?;
            let Some(before) = before else { return Ok(()) };
            // It existed at the header's revision, so that its end can only come behind it.
            let mut watch = KeyWatch::open(self, before.key, Bytes::new(), header.revision + 1);
            while let Seen::Events(told) = watch.next().await? {
                if told.events.iter().any(|event| event.is_delete) {
                    break;
                }
            }
        }
    }

    /// Runs a call that takes a place. When the caller goes away, or the call fails while it waits,
    /// the place is given up.
    pub(super) async fn queue_up<Q: Entrant>(&self, caller: &Caller, entrant: Q) -> Answer {
        let (answer, told) = oneshot::channel();
        let (api, caller) = (self.clone(), caller.clone());
        self.inner.env.spawn("queue", async move {
            if let Some(place) = serve(entrant, answer).await {
                api.leave(&caller, &place).await;
            }
        });
        told.await.unwrap_or(Err(ApiError::STOPPED))
    }

    /// Deletes the key of a place if it still is that place.
    async fn leave(&self, caller: &Caller, place: &Place) {
        let deadline = self.inner.env.now() + LEAVE_MAX;
        loop {
            let left = self.transact(caller, leaving(&place.key, place.revision)).await;
            let may_succeed = left.as_ref().is_err_and(passes);
            let now = self.inner.env.now();
            if !may_succeed || now >= deadline || self.inner.shared.is_stopping() {
                return;
            }
            self.inner.env.sleep_until(now + LEAVE_RETRY).await;
        }
    }
}

/// Whether what refused a call may be over when it is made again.
fn passes(error: &ApiError) -> bool {
    let passing = [ApiError::TOO_MANY_REQUESTS, ApiError::AUTH_OLD_REVISION];
    error.code == Code::Unavailable || passing.contains(error)
}

/// The transaction that gives a place up.
pub(super) fn leaving(key: &Bytes, revision: i64) -> pb::TxnRequest {
    let delete = pb::DeleteRangeRequest { key: key.clone(), ..Default::default() };
    pb::TxnRequest {
        compare: vec![is_created_at(key, revision)],
        success: vec![op(Request::RequestDeleteRange(delete))],
        failure: Vec::new(),
    }
}

/// Takes a place and waits for the turn; gives back a place that is to be given up.
async fn serve<Q: Entrant>(entrant: Q, mut answer: oneshot::Sender<Answer>) -> Option<Place> {
    let place = match entrant.join().await {
        Ok(place) => place,
        Err(error) => {
            // The caller may have gone.
            let _gone = answer.send(Err(error));
            return None;
        }
    };
    if answer.is_closed() {
        // A place that the lease had before this call may be one that it holds something by.
        return place.is_new.then_some(place);
    }
    let turn = tokio::select! {
        biased;
        () = answer.closed() => return Some(place),
        turn = entrant.turn(&place) => turn,
    };
    let failed = turn.is_err();
    let unheard = answer.send(turn).is_err();
    (failed || unheard && place.is_new).then_some(place)
}

/// An answer that this member encoded itself.
fn decoded<M: prost::Message + Default>(answer: Bytes) -> Result<M, ApiError> {
    M::decode(answer).map_err(|error| {
        ApiError::with_text(Code::Internal, format!("an answer cannot be decoded: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::{end_of, key_of, prefix_of};

    #[test]
    fn keys_are_written_as_etcd_writes_them() {
        let name = Bytes::from_static(b"my/lock");
        assert_eq!(key_of(&name, 0x0abc), "my/lock/abc");
        assert_eq!(key_of(&name, -1), "my/lock/-1");
        assert_eq!(key_of(&name, i64::MIN), "my/lock/-8000000000000000");
        assert_eq!(key_of(&Bytes::new(), 7), "/7");
        assert_eq!(end_of(&prefix_of(&name)), "my/lock0");
    }
}
