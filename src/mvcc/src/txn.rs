//! Transactions: which branches run, whether they may, and what they do.
//!
//! In three phases, as in etcd: every compare, nested ones included, is evaluated against the state
//! before; then the operations of the chosen branches are checked against it; only then they run,
//! in order, each seeing those before it. So a transaction that is refused has changed nothing.

mod compare;

use alloc::vec::Vec;

use proto::etcdserverpb::{PutRequest, RangeRequest, RequestOp, TxnRequest, request_op};

use crate::LeaseLookup;
use crate::answer::{OpAnswer, TxnAnswer};
use crate::backend::{Backend, BackendError, BackendSnapshot};
use crate::error::{KvError, ReadError};
use crate::image::Image;
use crate::store::Write;

/// For each transaction, in the order in which they are met, whether its compares hold.
type Path = Vec<bool>;

/// Walks a path.
struct Steps<'a>(core::slice::Iter<'a, bool>);

impl Steps<'_> {
    fn next(&mut self) -> bool {
        *self.0.next().expect("the path has a step for each transaction on it")
    }
}

fn branch(request: &TxnRequest, succeeded: bool) -> &[RequestOp] {
    if succeeded { &request.success } else { &request.failure }
}

/// Whether a transaction contains nothing but ranges; a nested transaction makes it a write.
#[must_use]
pub fn is_read_only(request: &TxnRequest) -> bool {
    request
        .success
        .iter()
        .chain(&request.failure)
        .all(|op| matches!(&op.request, Some(request_op::Request::RequestRange(_))))
}

impl<S: BackendSnapshot> Image<S> {
    /// Runs a transaction that only reads.
    ///
    /// # Panics
    /// When it does not.
    pub(crate) fn read_txn(&self, request: &TxnRequest) -> Result<TxnAnswer, ReadError> {
        assert!(is_read_only(request), "a transaction that writes is run on a view");
        let succeeded = self.holds(&request.compare)?;
        let ranges = branch(request, succeeded).iter().filter_map(|op| match &op.request {
            Some(request_op::Request::RequestRange(range)) => Some(range),
            _ => None,
        });
        for range in ranges.clone() {
            self.check_range(range)?;
        }
        let responses = ranges.map(|range| Ok(OpAnswer::Range(self.range(range, self.revision)?)));
        let responses = responses.collect::<Result<_, ReadError>>()?;
        Ok(TxnAnswer { revision: self.revision, succeeded, responses })
    }

    /// Chooses the branches.
    fn choose(&self, request: &TxnRequest, path: &mut Path) -> Result<(), BackendError> {
        let succeeded = self.holds(&request.compare)?;
        path.push(succeeded);
        for op in branch(request, succeeded) {
            if let Some(request_op::Request::RequestTxn(nested)) = &op.request {
                self.choose(nested, path)?;
            }
        }
        Ok(())
    }

    /// Checks the operations of the chosen branches.
    fn check_ops(
        &self,
        request: &TxnRequest,
        steps: &mut Steps<'_>,
        leases: &dyn LeaseLookup,
    ) -> Result<(), ReadError> {
        for op in branch(request, steps.next()) {
            match &op.request {
                Some(request_op::Request::RequestRange(range)) => self.check_range(range)?,
                Some(request_op::Request::RequestPut(put)) => self.check_put(put, leases)?,
                Some(request_op::Request::RequestTxn(nested)) => {
                    self.check_ops(nested, steps, leases)?;
                }
                Some(request_op::Request::RequestDeleteRange(_)) | None => {}
            }
        }
        Ok(())
    }

    /// In a transaction a negative revision is taken as it is: below the compacted one, which is -1
    /// before the first compaction, it is refused.
    fn check_range(&self, request: &RangeRequest) -> Result<(), KvError> {
        match request.revision {
            0 => Ok(()),
            revision if revision > self.revision => Err(KvError::FutureRevision),
            revision if revision < self.compacted => Err(KvError::Compacted),
            _ => Ok(()),
        }
    }

    /// The lease of a put exists, and so does the pair of which it keeps something.
    pub(crate) fn check_put(
        &self,
        request: &PutRequest,
        leases: &dyn LeaseLookup,
    ) -> Result<(), KvError> {
        if request.lease != 0 && !leases.exists(request.lease) {
            return Err(KvError::LeaseNotFound);
        }
        let keeps = request.ignore_value || request.ignore_lease;
        if keeps && self.index.get(&request.key, i64::MAX).is_none() {
            return Err(KvError::KeyNotFound);
        }
        Ok(())
    }
}

impl<B: Backend> Write<'_, B> {
    /// Runs a transaction.
    pub(crate) fn txn(
        &mut self,
        request: &TxnRequest,
        leases: &dyn LeaseLookup,
    ) -> Result<TxnAnswer, ReadError> {
        let mut path = Path::new();
        self.image().choose(request, &mut path)?;
        self.image().check_ops(request, &mut Steps(path.iter()), leases)?;
        let mut steps = Steps(path.iter());
        let answer = self.run(request, &mut steps)?;
        assert!(steps.0.next().is_none(), "a transaction did not run to the end of its path");
        Ok(TxnAnswer { revision: self.current(), ..answer })
    }

    fn run(&mut self, request: &TxnRequest, steps: &mut Steps<'_>) -> Result<TxnAnswer, ReadError> {
        let succeeded = steps.next();
        let ops = branch(request, succeeded);
        let mut responses = Vec::with_capacity(ops.len());
        for op in ops {
            responses.push(self.run_op(op, steps)?);
        }
        Ok(TxnAnswer { revision: self.current(), succeeded, responses })
    }

    fn run_op(&mut self, op: &RequestOp, steps: &mut Steps<'_>) -> Result<OpAnswer, ReadError> {
        Ok(match &op.request {
            Some(request_op::Request::RequestRange(range)) => {
                OpAnswer::Range(self.image().range(range, self.current())?)
            }
            Some(request_op::Request::RequestPut(put)) => OpAnswer::Put(self.put(put)?),
            Some(request_op::Request::RequestDeleteRange(delete)) => {
                OpAnswer::DeleteRange(self.delete_range(delete)?)
            }
            Some(request_op::Request::RequestTxn(nested)) => {
                OpAnswer::Txn(self.run(nested, steps)?)
            }
            None => OpAnswer::Empty,
        })
    }
}
