//! Calls of any method with any bytes: messages are neither encoded nor decoded here.

use std::str::FromStr;
use std::time::Duration;

use bytes::{Buf, BufMut, Bytes};
use tonic::client::Grpc;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{Ascii, MetadataKey, MetadataValue};
use tonic::transport::Channel;
use tonic::{Request, Status, Streaming};

use super::step::Call;

/// How long a call may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The largest answer that is taken.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// Passes bytes through.
#[derive(Clone, Copy, Debug, Default)]
pub struct Raw;

impl Codec for Raw {
    type Encode = Bytes;
    type Decode = Bytes;
    type Encoder = Raw;
    type Decoder = Raw;

    fn encoder(&mut self) -> Raw {
        Raw
    }

    fn decoder(&mut self) -> Raw {
        Raw
    }
}

impl Encoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn encode(&mut self, item: Bytes, buffer: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buffer.put(item);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Bytes;
    type Error = Status;

    fn decode(&mut self, buffer: &mut DecodeBuf<'_>) -> Result<Option<Bytes>, Status> {
        Ok(Some(buffer.copy_to_bytes(buffer.remaining())))
    }
}

/// Opens a stream to a method.
pub async fn open(
    channel: &Channel,
    path: &str,
    requests: impl tokio_stream::Stream<Item = Bytes> + Send + 'static,
    metadata: &[(String, String)],
) -> Result<Streaming<Bytes>, Status> {
    let mut grpc = Grpc::new(channel.clone()).max_decoding_message_size(ANSWER_BYTES_MAX);
    grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
    let mut request = Request::new(requests);
    for (name, value) in metadata {
        let name = MetadataKey::<Ascii>::from_str(name).expect("streams draw sound names");
        let value = MetadataValue::<Ascii>::try_from(value.as_bytes());
        request.metadata_mut().insert(name, value.expect("streams draw sound values"));
    }
    let path = PathAndQuery::from_str(path).expect("streams draw sound paths");
    Ok(grpc.streaming(request, path, Raw).await?.into_inner())
}

/// Makes a call and gathers its answers until it ends, or has answered often enough.
pub async fn make(
    channel: &Channel,
    call: &Call,
    messages: Vec<Bytes>,
) -> (Vec<Bytes>, Result<(), Status>) {
    let mut answers = Vec::new();
    let all = async {
        // No call leaves its side open: a server of a single request waits for the end of it.
        let requests = tokio_stream::iter(messages);
        let mut stream = open(channel, &call.path, requests, &call.metadata).await?;
        while call.takes.is_none_or(|enough| answers.len() < enough) {
            match stream.message().await? {
                Some(answer) => answers.push(answer),
                None => break,
            }
        }
        Ok::<(), Status>(())
    };
    let ended = tokio::time::timeout(PATIENCE, all).await;
    let ended = ended.unwrap_or_else(|_| Err(Status::unknown("the client's patience has ended")));
    (answers, ended)
}
