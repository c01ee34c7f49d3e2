//! The checks that know the log index of each write and the revision of each read.

use model::check::{LogChecker, Read, ReadChecker};
use model::{Error, Generator, Oracle, Response, Weights};
use proto::etcdserverpb::{InternalRaftRequest, PutRequest, RangeRequest, RangeResponse};

fn put(value: &'static str) -> InternalRaftRequest {
    let put = PutRequest { key: "a".into(), value: value.into(), ..Default::default() };
    InternalRaftRequest { put: Some(put), ..Default::default() }
}

/// A checker that applied three puts at the indexes 1 to 3, and their answers.
fn applied() -> (LogChecker, Vec<Result<Response, Error>>) {
    let mut log = LogChecker::default();
    let puts = ["1", "2", "3"].map(put);
    let answers =
        puts.iter().zip(1u64..).map(|(put, index)| log.apply(index, put).response).collect();
    (log, answers)
}

#[test]
fn answers_of_the_log_in_real_time_order_pass() {
    let mut log = LogChecker::default();
    let mut generator = Generator::new(3, Weights::default());
    for index in 1..500 {
        generator.observe(log.oracle().revision(), log.oracle().compacted());
        let answer = log.apply(index, &generator.request()).response;
        assert_eq!(log.acknowledge(index, index * 2, index * 2 + 3, &answer), Ok(()));
        log.forget(index.saturating_sub(10));
    }
    log.oracle().check();
}

#[test]
fn a_foreign_answer_breaks_v1() {
    let (mut log, answers) = applied();
    let violation = log.acknowledge(1, 0, 5, &answers[1]).expect_err("the answer of index 2");
    assert_eq!(violation.rule, "V1");
    assert!(violation.detail.contains("revision 3"), "{violation}");
    assert!(log.acknowledge(9, 0, 5, &answers[1]).is_err(), "index 9 is not applied");
}

#[test]
fn log_order_against_real_time_breaks_v1() {
    let (mut log, answers) = applied();
    assert_eq!(log.acknowledge(2, 0, 5, &answers[1]), Ok(()));
    assert_eq!(log.acknowledge(1, 5, 6, &answers[0]), Ok(()), "concurrent at 5");
    let late = log.acknowledge(3, 0, 7, &answers[2]);
    assert_eq!(late, Ok(()));
    let (mut log, answers) = applied();
    assert_eq!(log.acknowledge(2, 0, 5, &answers[1]), Ok(()));
    let violation = log.acknowledge(1, 6, 7, &answers[0]).expect_err("index 1 began after 2 ended");
    assert!(violation.detail.contains("after 2 returned"), "{violation}");
}

struct Scene {
    oracle: Oracle,
    checker: ReadChecker,
    request: RangeRequest,
}

impl Scene {
    fn new(serializable: bool) -> Scene {
        let (log, _) = applied();
        let mut checker = ReadChecker::default();
        checker.acknowledge(10, 3);
        let request = RangeRequest { key: "a".into(), serializable, ..Default::default() };
        Scene { oracle: log.oracle().clone(), checker, request }
    }

    fn answer(&self, at: i64) -> Result<RangeResponse, Error> {
        self.oracle.recall(at, &self.request)
    }

    /// The rule that a read over these times breaks, or none.
    fn judge(&mut self, invoked: u64, response: &Result<RangeResponse, Error>) -> &'static str {
        let read = Read {
            connection: 1,
            invoked,
            returned: invoked + 10,
            revision_max: 4,
            request: &self.request,
            response,
        };
        self.checker.judge(&self.oracle, &read).map_or_else(|violation| violation.rule, |()| "none")
    }
}

#[test]
fn a_linearizable_read_shows_what_was_acknowledged_before() {
    let mut scene = Scene::new(false);
    let (stale, fresh) = (scene.answer(2), scene.answer(4));
    assert_eq!(scene.judge(10, &stale), "none", "the acknowledgement was concurrent");
    assert_eq!(scene.judge(11, &stale), "V2");
    assert_eq!(scene.judge(11, &fresh), "none");
    let third = scene.answer(3);
    assert_eq!(scene.judge(22, &third), "V2", "another read showed revision 4 at 21");
}

#[test]
fn a_serializable_read_may_be_stale_but_never_goes_back() {
    let mut scene = Scene::new(true);
    let (stale, fresh) = (scene.answer(2), scene.answer(4));
    assert_eq!(scene.judge(50, &stale), "none");
    assert_eq!(scene.judge(51, &fresh), "none");
    assert_eq!(scene.judge(52, &stale), "V3");
}

#[test]
fn a_read_of_mixed_revisions_is_refused() {
    let mut scene = Scene::new(false);
    let mut torn = scene.answer(4);
    if let (Ok(torn), Ok(old)) = (&mut torn, scene.answer(3)) {
        torn.kvs = old.kvs;
    }
    assert_eq!(scene.judge(11, &torn), "V2");
}

#[test]
fn a_refusal_needs_its_reason() {
    let mut scene = Scene::new(false);
    scene.request.revision = 3;
    assert_eq!(scene.judge(11, &Err(Error::Compacted)), "V2");
    assert_eq!(scene.judge(11, &Err(Error::FutureRevision)), "V2");
    scene.request.revision = 5;
    assert_eq!(scene.judge(11, &Err(Error::FutureRevision)), "none");
    assert_eq!(scene.judge(11, &Err(Error::NoSpace)), "V2");
}
