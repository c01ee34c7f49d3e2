//! Answers of the machine in the form of the model's.

use model::oracle::header;
use model::{Error, Response};
use mvcc::{Answer, Header};
use node::ApiError;
use prost::Message;
use proto::etcdserverpb as pb;
use proto::mvccpb::event::EventType;
use proto::mvccpb::{Event, KeyValue};
use state::{Applied, Reply};

/// What a client is told of a refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    code: i32,
    text: String,
}

impl From<Error> for Refused {
    fn from(error: Error) -> Refused {
        Refused { code: error.code(), text: error.text().to_owned() }
    }
}

impl From<ApiError> for Refused {
    fn from(error: ApiError) -> Refused {
        Refused { code: error.code as i32, text: error.text.into_owned() }
    }
}

/// An answer or a refusal.
pub type Outcome = Result<Response, Refused>;

/// What the model says.
pub fn of_model(outcome: Result<Response, Error>) -> Outcome {
    outcome.map_err(Refused::from)
}

fn decode<M: Message + Default>(answer: &Answer, revision: i64) -> M {
    let encoded = answer.encode(&Header { revision, ..Header::default() });
    M::decode(encoded).expect("an answer is a message")
}

/// An answer of the key space, as the client decodes it.
pub fn of_keys(answer: &Answer, revision: i64) -> Response {
    match answer {
        Answer::Range(_) => Response::Range(decode(answer, revision)),
        Answer::Put(_) => Response::Put(decode(answer, revision)),
        Answer::DeleteRange(_) => Response::DeleteRange(decode(answer, revision)),
        Answer::Txn(_) => Response::Txn(decode(answer, revision)),
        Answer::Compact => Response::Compaction(decode(answer, revision)),
    }
}

/// What applying an entry answered; `request` tells the kinds apart that answer alike.
pub fn of_machine(applied: &Applied, request: &pb::InternalRaftRequest) -> Outcome {
    let reply = match &applied.outcome {
        Ok(reply) => reply,
        Err(refusal) => return Err(Refused::from(ApiError::from(*refusal))),
    };
    let header = header(applied.revision);
    Ok(match reply {
        Reply::Kv(answer) => of_keys(answer, applied.revision),
        Reply::LeaseGranted { id, ttl_seconds } => {
            let (id, ttl, error) = (id.get(), *ttl_seconds, String::new());
            Response::LeaseGrant(pb::LeaseGrantResponse { header, id, ttl, error })
        }
        Reply::LeaseRevoked { .. } => Response::LeaseRevoke(pb::LeaseRevokeResponse { header }),
        Reply::Alarms(alarms) => {
            Response::Alarm(pb::AlarmResponse { header, alarms: alarms.clone() })
        }
        Reply::Nothing if request.lease_checkpoint.is_some() => {
            Response::LeaseCheckpoint(pb::LeaseCheckpointResponse { header })
        }
        Reply::Nothing | Reply::Auth(_) => Response::Empty,
        Reply::Members { .. } => panic!("no request changes the members: {request:?}"),
    })
}

/// An event as a watcher gets it, with the pair before it.
pub fn event(event: &mvcc::Event, previous: Option<bytes::Bytes>) -> Event {
    let pair = |bytes: &[u8]| KeyValue::decode(bytes).expect("stored pairs are sound");
    let kind = if event.is_delete() { EventType::Delete } else { EventType::Put };
    let prev_kv = previous.as_deref().map(pair);
    Event { r#type: kind as i32, kv: Some(pair(event.kv())), prev_kv }
}
