//! The endpoints, with the bodies that probes and scripts match on.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base::MemberId;
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::BodyExt;
use node::{Answer, ApiError, Caller, Overview};
use proto::etcdserverpb as pb;

use super::{Endpoints, HttpSettings};
use crate::grpc::{Body, Service};
use crate::metrics::{Metrics, ServerLabels};

#[derive(Clone, Default)]
struct Toy {
    overview: Arc<Mutex<Overview>>,
}

impl Service for Toy {
    async fn range(&self, _: &Caller, request: pb::RangeRequest) -> Answer {
        match request.serializable || !self.overview().leader.is_zero() {
            true => Ok(Bytes::new()),
            false => Err(ApiError::NO_LEADER),
        }
    }

    fn overview(&self) -> Overview {
        self.overview.lock().expect("not poisoned").clone()
    }
}

fn endpoints(pprof: bool) -> (Toy, Endpoints<Toy>) {
    let toy = Toy::default();
    toy.overview.lock().expect("not poisoned").leader = MemberId(1);
    let labels =
        ServerLabels { server_version: "3.7.1", cairn_version: "0", commit: "0", extensive: false };
    let settings = HttpSettings {
        server_version: "3.7.1",
        command_line: vec!["cairn".into(), "--name=a".into()],
        pprof,
        request_timeout: Duration::from_secs(1),
    };
    (toy.clone(), Endpoints::new(toy, Arc::new(Metrics::new(&labels)), settings))
}

async fn ask(endpoints: &Endpoints<Toy>, method: &str, uri: &str) -> (StatusCode, String) {
    let (status, bytes) = read(send(endpoints, method, uri).await).await;
    (status, String::from_utf8(bytes.into()).expect("text"))
}

async fn send(endpoints: &Endpoints<Toy>, method: &str, uri: &str) -> Response<Body> {
    let request = Request::builder().method(method).uri(uri).body(()).expect("a request");
    endpoints.answer(request).await
}

async fn read(response: Response<Body>) -> (StatusCode, Bytes) {
    let status = response.status();
    (status, response.into_body().collect().await.expect("infallible").to_bytes())
}

#[tokio::test]
async fn health_names_the_first_failure() {
    let (toy, endpoints) = endpoints(false);
    let healthy = (StatusCode::OK, r#"{"health":"true","reason":""}"#.to_owned());
    assert_eq!(ask(&endpoints, "GET", "/health").await, healthy);
    toy.overview.lock().expect("not poisoned").leader = MemberId(0);
    let failed = |reason: &str| {
        let body = format!("{{\"health\":\"false\",\"reason\":\"{reason}\"}}\n");
        (StatusCode::SERVICE_UNAVAILABLE, body)
    };
    assert_eq!(ask(&endpoints, "GET", "/health").await, failed("RAFT NO LEADER"));
    assert_eq!(ask(&endpoints, "GET", "/health?serializable=true").await, healthy);
    toy.overview.lock().expect("not poisoned").alarms = vec![(MemberId(1), 1)];
    assert_eq!(ask(&endpoints, "GET", "/health").await, failed("ALARM NOSPACE"));
    let excluded = "/health?exclude=NOSPACE&serializable=true";
    assert_eq!(ask(&endpoints, "GET", excluded).await, healthy);
}

#[tokio::test]
async fn checks_are_listed_when_asked_or_failed() {
    let (toy, endpoints) = endpoints(false);
    let ok = |body: &str| (StatusCode::OK, body.to_owned());
    assert_eq!(ask(&endpoints, "GET", "/livez").await, ok("ok\n"));
    let verbose = "[+]serializable_read ok\nok\n";
    assert_eq!(ask(&endpoints, "GET", "/livez?verbose").await, ok(verbose));
    toy.overview.lock().expect("not poisoned").is_learner = true;
    toy.overview.lock().expect("not poisoned").leader = MemberId(0);
    let failed = "[+]data_corruption ok\n[+]serializable_read ok\n\
                  [-]linearizable_read failed: etcdserver: no leader\n\
                  [-]non_learner failed: not supported for learner\n\n";
    let (status, body) = ask(&endpoints, "GET", "/readyz").await;
    assert_eq!((status, body.as_str()), (StatusCode::SERVICE_UNAVAILABLE, failed));
    let rest = "/readyz?exclude=linearizable_read&exclude=non_learner&exclude=other";
    assert_eq!(ask(&endpoints, "GET", rest).await, ok("ok\n"));
    assert_eq!(ask(&endpoints, "GET", "/readyz/data_corruption").await, ok("ok\n"));
    assert_eq!(ask(&endpoints, "GET", "/livez/non_learner").await.0, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn wrong_methods_and_paths_are_refused_as_go_does() {
    let (_, endpoints) = endpoints(false);
    for path in ["/health", "/version", "/metrics", "/readyz", "/debug/vars"] {
        let response = send(&endpoints, "POST", path).await;
        assert_eq!(response.headers()["allow"], "GET");
        let (status, body) = read(response).await;
        assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
        assert_eq!(body, "Method Not Allowed\n");
    }
    let missing = (StatusCode::NOT_FOUND, "404 page not found\n".to_owned());
    for path in ["/", "/v2/keys", "/members", "/debug/pprof/", "/debug/pprof/profile"] {
        assert_eq!(ask(&endpoints, "GET", path).await, missing);
    }
}

#[tokio::test]
async fn variables_and_metrics_are_served() {
    let (_, endpoints) = endpoints(false);
    let (_, variables) = ask(&endpoints, "GET", "/debug/vars").await;
    let variables: serde_json::Value = serde_json::from_str(&variables).expect("JSON");
    assert_eq!(variables["cmdline"][1], "--name=a");
    assert_eq!(variables["raft.status"]["lead"], "1");
    ask(&endpoints, "GET", "/health").await;
    let (_, metrics) = ask(&endpoints, "GET", "/metrics").await;
    assert!(metrics.contains("\netcd_server_has_leader 1\n"));
    assert!(metrics.contains("\netcd_server_health_success 1\n"));
}

#[tokio::test]
async fn a_profile_is_gzipped_and_go_profiles_are_refused() {
    let (_, endpoints) = endpoints(true);
    let (status, body) = ask(&endpoints, "GET", "/debug/pprof/heap").await;
    assert_eq!(status, StatusCode::NOT_IMPLEMENTED);
    assert!(body.contains("Go runtime"), "{body}");
    let cmdline = (StatusCode::OK, "cairn\0--name=a".to_owned());
    assert_eq!(ask(&endpoints, "GET", "/debug/pprof/cmdline").await, cmdline);
    let uri = "/debug/pprof/profile?seconds=1";
    let (status, profile) = read(send(&endpoints, "GET", uri).await).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(profile[..2], [0x1f, 0x8b]);
}
