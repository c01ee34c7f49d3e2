//! The text of a gRPC status, as Go's client gives it.

use tonic::{Code, Status};

/// Texts that Go's client does not know; it shows them with their code.
const UNKNOWN: [&str; 7] = [
    "etcdserver: watch canceled",
    "etcdserver: request canceled",
    "etcdserver: invalid client api version",
    "etcdserver: permission not given",
    "etcdserver: context deadline exceeded",
    "etcdserver: request timed out, waiting for the applied index took too long",
    "etcdserver: unknown method",
];

/// An answer of the cluster is shown as it is; what says more about one member or the way to it is
/// shown with the member and the code.
pub fn describe(endpoint: &str, status: &Status) -> String {
    let text = status.message();
    if text.starts_with("etcdserver: ") && !UNKNOWN.contains(&text) {
        return text.to_owned();
    }
    if status.code() == Code::DeadlineExceeded {
        return format!("{endpoint}: context deadline exceeded");
    }
    let code = match status.code() {
        Code::Cancelled => "Canceled".to_owned(),
        Code::Ok => "OK".to_owned(),
        code => format!("{code:?}"),
    };
    format!("{endpoint}: rpc error: code = {code} desc = {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_etcd_says_stands_alone_and_the_rest_names_the_member() {
        let text = |status: Status| describe("a:1", &status);
        let key = "etcdserver: key is not provided";
        assert_eq!(text(Status::invalid_argument(key)), key);
        let refused = "a:1: rpc error: code = Unavailable desc = connection reset";
        assert_eq!(text(Status::unavailable("connection reset")), refused);
        let canceled = "a:1: rpc error: code = Canceled desc = etcdserver: request canceled";
        assert_eq!(text(Status::cancelled("etcdserver: request canceled")), canceled);
    }
}
