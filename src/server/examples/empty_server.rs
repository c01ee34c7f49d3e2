//! An empty tonic server with etcd's KV messages: no store, no log, canned answers.
//!
//! It is the upper limit of the benchmark tables: what any server of these messages could reach on
//! this machine with the usual gRPC stack. `cargo run --release -p server --example empty_server --
//! 127.0.0.1:2379`.

#![allow(clippy::print_stderr, reason = "a program for the command line")]

use std::net::SocketAddr;
use std::process::ExitCode;

use bytes::Bytes;
use proto::etcdserverpb as pb;
use proto::etcdserverpb::kv_server::{Kv, KvServer};
use proto::mvccpb::KeyValue;
use tonic::{Request, Response, Status};

/// The size of the values that a range gives.
const VALUE_BYTES: usize = 256;

struct Empty {
    value: Bytes,
}

type Answer<T> = Result<Response<T>, Status>;

fn header() -> Option<pb::ResponseHeader> {
    Some(pb::ResponseHeader { cluster_id: 1, member_id: 1, revision: 1_000_000, raft_term: 2 })
}

#[tonic::async_trait]
impl Kv for Empty {
    type RangeStreamStream = tokio_stream::Empty<Result<pb::RangeStreamResponse, Status>>;

    async fn range(&self, request: Request<pb::RangeRequest>) -> Answer<pb::RangeResponse> {
        let kv = KeyValue {
            key: request.into_inner().key,
            create_revision: 1_000_000,
            mod_revision: 1_000_000,
            version: 1,
            value: self.value.clone(),
            lease: 0,
        };
        let (kvs, count) = (vec![kv], 1);
        Ok(Response::new(pb::RangeResponse { header: header(), kvs, count, more: false }))
    }

    async fn range_stream(&self, _: Request<pb::RangeRequest>) -> Answer<Self::RangeStreamStream> {
        Ok(Response::new(tokio_stream::empty()))
    }

    async fn put(&self, _: Request<pb::PutRequest>) -> Answer<pb::PutResponse> {
        Ok(Response::new(pb::PutResponse { header: header(), prev_kv: None }))
    }

    async fn delete_range(
        &self,
        _: Request<pb::DeleteRangeRequest>,
    ) -> Answer<pb::DeleteRangeResponse> {
        Ok(Response::new(pb::DeleteRangeResponse { header: header(), ..Default::default() }))
    }

    async fn txn(&self, _: Request<pb::TxnRequest>) -> Answer<pb::TxnResponse> {
        Ok(Response::new(pb::TxnResponse { header: header(), ..Default::default() }))
    }

    async fn compact(&self, _: Request<pb::CompactionRequest>) -> Answer<pb::CompactionResponse> {
        Ok(Response::new(pb::CompactionResponse { header: header() }))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:2379".into());
    let Ok(address) = address.parse::<SocketAddr>() else {
        eprintln!("{address:?} is not an address");
        return ExitCode::FAILURE;
    };
    let empty = Empty { value: Bytes::from(vec![b'v'; VALUE_BYTES]) };
    let mut server = tonic::transport::Server::builder().tcp_nodelay(true);
    match server.add_service(KvServer::new(empty)).serve(address).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cannot serve on {address}: {error}");
            ExitCode::FAILURE
        }
    }
}
