//! Requests and answers in few words, for the texts of violations.

use alloc::format;
use alloc::string::{String, ToString};

use proto::etcdserverpb::InternalRaftRequest;

use crate::{Error, Response};

/// A request on one line.
pub fn request(request: &InternalRaftRequest) -> String {
    if let Some(r) = &request.range {
        return format!("range {:?}..{:?} at {}", r.key, r.range_end, r.revision);
    }
    if let Some(r) = &request.put {
        return format!("put {:?} = {:?} lease {:x}", r.key, r.value, r.lease);
    }
    if let Some(r) = &request.delete_range {
        return format!("delete {:?}..{:?}", r.key, r.range_end);
    }
    if let Some(r) = &request.txn {
        return format!("txn {:?} then {:?} else {:?}", r.compare, r.success, r.failure);
    }
    if let Some(r) = &request.compaction {
        return format!("compact to {}", r.revision);
    }
    if let Some(r) = &request.lease_grant {
        return format!("grant lease {:x} for {} s", r.id, r.ttl);
    }
    if let Some(r) = &request.lease_revoke {
        return format!("revoke lease {:x}", r.id);
    }
    format!("{request:?}")
}

/// An answer on one line, its revision first.
pub fn response(response: &Result<Response, Error>) -> String {
    let answer = match response {
        Err(error) => return error.text().to_string(),
        Ok(answer) => answer,
    };
    let revision = answer.revision();
    match answer {
        Response::Range(r) => {
            let kvs = r.kvs.iter().map(|kv| {
                format!(" {:?}={:?}@{}v{}", kv.key, kv.value, kv.mod_revision, kv.version)
            });
            format!(
                "revision {revision}, {} of {}:{}",
                r.kvs.len(),
                r.count,
                kvs.collect::<String>()
            )
        }
        Response::Put(r) => format!("revision {revision}, before {:?}", r.prev_kv),
        Response::DeleteRange(r) => format!("revision {revision}, deleted {}", r.deleted),
        Response::Txn(r) => {
            format!("revision {revision}, {}: {:?}", r.succeeded, r.responses)
        }
        _ => format!("revision {revision}"),
    }
}
