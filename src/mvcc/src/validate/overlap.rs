//! Whether a branch of a transaction changes a key twice: two puts of it, or a put inside a
//! deleted range. Overlapping deletions are fine, and so are puts in the two branches of one nested
//! transaction, of which only one runs.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use proto::etcdserverpb::{RequestOp, request_op};

use super::RequestError;

/// What a branch changes.
#[derive(Default)]
struct Touched<'a> {
    puts: BTreeSet<&'a [u8]>,
    deletes: Vec<(&'a [u8], &'a [u8])>,
}

impl<'a> Touched<'a> {
    fn put(&mut self, key: &'a [u8]) -> Result<(), RequestError> {
        self.undeleted(key)?;
        if self.puts.insert(key) { Ok(()) } else { Err(RequestError::DuplicateKey) }
    }

    fn undeleted(&self, key: &[u8]) -> Result<(), RequestError> {
        match self.deletes.iter().any(|(start, end)| covers(start, end, key)) {
            true => Err(RequestError::DuplicateKey),
            false => Ok(()),
        }
    }
}

/// Whether a deletion covers a key. As in etcd an end of one zero byte is taken for a plain bound,
/// so a deletion of everything from a key on is not seen to overlap a put.
fn covers(start: &[u8], end: &[u8], key: &[u8]) -> bool {
    if end.is_empty() { key == start } else { key >= start && key < end }
}

/// Checks one branch.
pub(super) fn check(ops: &[RequestOp]) -> Result<(), RequestError> {
    collect(ops).map(|_| ())
}

fn collect(ops: &[RequestOp]) -> Result<Touched<'_>, RequestError> {
    let mut touched = Touched::default();
    for op in ops {
        if let Some(request_op::Request::RequestDeleteRange(delete)) = &op.request {
            touched.deletes.push((&delete.key, &delete.range_end));
        }
    }
    for op in ops {
        if let Some(request_op::Request::RequestTxn(nested)) = &op.request {
            let success = collect(&nested.success)?;
            let failure = collect(&nested.failure)?;
            add_nested(&mut touched, success, failure)?;
        }
    }
    for op in ops {
        if let Some(request_op::Request::RequestPut(put)) = &op.request {
            touched.put(&put.key)?;
        }
    }
    Ok(touched)
}

fn add_nested<'a>(
    touched: &mut Touched<'a>,
    success: Touched<'a>,
    failure: Touched<'a>,
) -> Result<(), RequestError> {
    for key in &success.puts {
        touched.put(key)?;
    }
    for key in &failure.puts {
        if success.puts.contains(key) {
            touched.undeleted(key)?;
        } else {
            touched.put(key)?;
        }
    }
    touched.deletes.extend(success.deletes);
    touched.deletes.extend(failure.deletes);
    Ok(())
}
