//! The oracle gives the answers of a real etcd, and a wrong rule does not.
//!
//! Each recording is replayed against the oracle; answers are compared after normalising, errors by
//! code and text, HashKV by value, and at the end all events against what etcd's watch delivered.
//! Each rule that is made wrong on purpose must show in some recording.

mod recording;

use model::{Error, Normalise, Oracle, Response, Settings};
use prost::Message;
use proto::etcdserverpb as pb;
use recording::{Line, RECORDINGS, lines};

/// One and a half times the recorded member's election timeout.
const LEASE_TTL_MIN: i64 = 75;

/// A wrong rule: what it does to requests before, and to answers after the oracle.
#[derive(Clone, Copy)]
struct Mutant {
    name: &'static str,
    request: fn(&mut pb::InternalRaftRequest),
    answer: fn(&mut Answer),
}

type Answer = Result<Response, Error>;

const NONE: Mutant = Mutant { name: "none", request: |_| {}, answer: |_| {} };

fn request(line: &Line) -> pb::InternalRaftRequest {
    let mut request = pb::InternalRaftRequest::default();
    let mut bytes = line.request.clone();
    macro_rules! set {
        ($field:ident) => {
            request.$field = Some(Message::decode(&mut bytes).expect("a recorded request decodes"))
        };
    }
    match line.method.as_str() {
        "Range" => set!(range),
        "Put" => set!(put),
        "DeleteRange" => set!(delete_range),
        "Txn" => set!(txn),
        "Compact" => set!(compaction),
        "LeaseGrant" => set!(lease_grant),
        "LeaseRevoke" => set!(lease_revoke),
        "Alarm" => set!(alarm),
        other => panic!("no recorded method is named {other}"),
    }
    request
}

/// The recorded answer, decoded as the type of the oracle's and without what may differ.
fn recorded(method: &str, bytes: &[u8]) -> Response {
    macro_rules! answer {
        ($variant:ident, $message:ident) => {{
            let mut answer = pb::$message::decode(bytes).expect("a recorded answer decodes");
            answer.normalise();
            Response::$variant(answer)
        }};
    }
    match method {
        "Range" => answer!(Range, RangeResponse),
        "Put" => answer!(Put, PutResponse),
        "DeleteRange" => answer!(DeleteRange, DeleteRangeResponse),
        "Txn" => answer!(Txn, TxnResponse),
        "Compact" => answer!(Compaction, CompactionResponse),
        "LeaseGrant" => answer!(LeaseGrant, LeaseGrantResponse),
        "LeaseRevoke" => answer!(LeaseRevoke, LeaseRevokeResponse),
        "Alarm" => answer!(Alarm, AlarmResponse),
        other => panic!("no recorded method is named {other}"),
    }
}

fn differs(line: &Line, answer: Answer) -> Option<String> {
    let wanted = match &line.outcome {
        Ok(bytes) => Ok(recorded(&line.method, bytes)),
        Err(error) => Err(error.clone()),
    };
    let got = answer.map_err(|error| (error.code(), error.text().to_owned()));
    (got != wanted).then(|| format!("got {got:?}\nwant {wanted:?}"))
}

fn hash_differs(oracle: &Oracle, line: &Line) -> Option<String> {
    let asked = pb::HashKvRequest::decode(line.request.clone()).expect("a request decodes");
    let got = oracle.hash_kv(asked.revision).map_err(|error| error.text().to_owned());
    let got = got.map(|hash| (hash.hash, hash.compact_revision, hash.hash_revision));
    let wanted = match &line.outcome {
        Err((_, text)) => Err(text.clone()),
        Ok(bytes) => {
            let hash = pb::HashKvResponse::decode(bytes.clone()).expect("an answer decodes");
            Ok((hash.hash, hash.compact_revision, hash.hash_revision))
        }
    };
    (got != wanted).then(|| format!("{asked:?}: got {got:?}\nwant {wanted:?}"))
}

/// All events that were left after the last compaction, as a watch with previous pairs sees them.
fn events_differ(oracle: &Oracle, line: &Line) -> Option<String> {
    let create = pb::WatchCreateRequest::decode(line.request.clone()).expect("a request decodes");
    let bytes = line.outcome.as_ref().expect("the watch was answered").clone();
    let wanted = pb::WatchResponse::decode(bytes).expect("an answer decodes").events;
    let events = oracle.events(create.start_revision, oracle.revision());
    let got: Vec<_> = events.into_iter().map(|(_, event)| event).collect();
    (got != wanted).then(|| format!("got {got:?}\nwant {wanted:?}"))
}

/// The first line at which the oracle, made wrong by a mutant, differs from etcd.
fn first_difference(recording: &str, mutant: Mutant) -> Option<String> {
    let settings = Settings { lease_ttl_min: LEASE_TTL_MIN, ..Settings::default() };
    let mut oracle = Oracle::new(settings);
    for (number, line) in lines(recording).iter().enumerate() {
        let difference = match line.method.as_str() {
            "HashKV" => hash_differs(&oracle, line),
            "Watch" => events_differ(&oracle, line),
            _ => {
                let mut request = request(line);
                (mutant.request)(&mut request);
                let mut answer = oracle.call(&request).response;
                oracle.check();
                (mutant.answer)(&mut answer);
                differs(line, answer).map(|text| format!("{request:?}\n{text}"))
            }
        };
        if let Some(text) = difference {
            return Some(format!("line {}: {} {text}", number + 1, line.method));
        }
    }
    None
}

#[test]
fn the_oracle_answers_as_etcd_did() {
    for recording in RECORDINGS {
        if let Some(difference) = first_difference(recording, NONE) {
            panic!("{difference}");
        }
    }
}

#[test]
fn the_recordings_hold_every_method_and_many_errors() {
    let all: Vec<Line> = RECORDINGS.iter().flat_map(|recording| lines(recording)).collect();
    let count = |method: &str| all.iter().filter(|line| line.method == method).count();
    for method in ["Range", "Put", "DeleteRange", "Txn", "Compact", "LeaseGrant", "LeaseRevoke"] {
        assert!(count(method) >= 10, "{method} was recorded {} times", count(method));
    }
    assert!(count("HashKV") >= 100, "{} hashes", count("HashKV"));
    let size = |line: &&Line| line.outcome.as_ref().map_or(0, |bytes| bytes.len());
    let events = all.iter().filter(|line| line.method == "Watch").map(|line| size(&line));
    assert!(events.sum::<usize>() > 2_000, "hardly any events were recorded");
    let mut errors: Vec<_> = all.iter().filter_map(|line| line.outcome.as_ref().err()).collect();
    errors.sort();
    errors.dedup();
    assert!(errors.len() >= 12, "{errors:?}");
}

/// Changes every range of a request, nested ones included.
fn each_range(request: &mut pb::InternalRaftRequest, change: fn(&mut pb::RangeRequest)) {
    request.range.iter_mut().for_each(change);
    if let Some(txn) = &mut request.txn {
        each_range_of(txn, change);
    }
}

fn each_range_of(txn: &mut pb::TxnRequest, change: fn(&mut pb::RangeRequest)) {
    for op in txn.success.iter_mut().chain(&mut txn.failure) {
        match &mut op.request {
            Some(pb::request_op::Request::RequestRange(range)) => change(range),
            Some(pb::request_op::Request::RequestTxn(nested)) => each_range_of(nested, change),
            _ => {}
        }
    }
}

fn in_range(answer: &mut Answer, change: fn(&mut pb::RangeResponse)) {
    if let Ok(Response::Range(range)) = answer {
        change(range);
    }
}

fn add_revision(header: &mut Option<pb::ResponseHeader>) {
    header.iter_mut().for_each(|header| header.revision += 1);
}

const MUTANTS: [Mutant; 14] = [
    Mutant {
        name: "sort by modification instead of creation",
        request: |r| {
            each_range(r, |range| {
                range.sort_target = if range.sort_target == 2 { 3 } else { range.sort_target };
            });
        },
        ..NONE
    },
    Mutant {
        name: "descending order ignored",
        request: |r| each_range(r, |range| range.sort_order = range.sort_order.min(1)),
        ..NONE
    },
    Mutant {
        name: "limit off by one",
        request: |r| each_range(r, |range| range.limit += i64::from(range.limit == 1)),
        ..NONE
    },
    Mutant {
        name: "count is of what was returned",
        answer: |a| {
            in_range(a, |range| {
                let returned = range.kvs.len() as i64;
                range.count = if range.more { returned } else { range.count };
            });
        },
        ..NONE
    },
    Mutant {
        name: "revision filters ignored",
        request: |r| each_range(r, |range| range.min_mod_revision = 0),
        ..NONE
    },
    Mutant {
        name: "reads of the past show the present",
        request: |r| each_range(r, |range| range.revision = range.revision.min(0)),
        ..NONE
    },
    Mutant {
        name: "an empty delete raises the revision",
        answer: |a| {
            if let Ok(Response::DeleteRange(delete)) = a
                && delete.deleted == 0
            {
                add_revision(&mut delete.header);
            }
        },
        ..NONE
    },
    Mutant {
        name: "open end read as a key",
        request: |r| {
            if let Some(delete) = &mut r.delete_range
                && delete.range_end[..] == [0]
            {
                delete.range_end.clear();
            }
        },
        ..NONE
    },
    Mutant {
        name: "a put without a lease keeps the old one",
        request: |r| {
            if let Some(put) = &mut r.put {
                put.ignore_lease |= put.lease == 0 && put.prev_kv;
            }
        },
        ..NONE
    },
    Mutant {
        name: "compares see only the first",
        request: |r| r.txn.iter_mut().for_each(|txn| txn.compare.truncate(1)),
        ..NONE
    },
    Mutant {
        name: "compares of ranges look at one key",
        request: |r| {
            let compares = r.txn.iter_mut().flat_map(|txn| &mut txn.compare);
            compares.for_each(|compare| compare.range_end.clear());
        },
        ..NONE
    },
    Mutant {
        name: "a transaction's header is its first revision",
        answer: |a| {
            if let Ok(Response::Txn(txn)) = a {
                add_revision(&mut txn.header);
            }
        },
        ..NONE
    },
    Mutant {
        name: "compaction at the current revision refused",
        answer: |a| {
            if let Ok(Response::Compaction(_)) = a {
                *a = Err(Error::FutureRevision);
            }
        },
        ..NONE
    },
    Mutant {
        name: "the shortest time to live is not enforced",
        answer: |a| {
            if let Ok(Response::LeaseGrant(grant)) = a {
                grant.ttl -= i64::from(grant.ttl == LEASE_TTL_MIN);
            }
        },
        ..NONE
    },
];

#[test]
fn a_wrong_rule_shows_in_a_recording() {
    for mutant in MUTANTS {
        let found = RECORDINGS.iter().any(|rec| first_difference(rec, mutant).is_some());
        assert!(found, "no recording tells this rule from etcd's: {}", mutant.name);
    }
}
