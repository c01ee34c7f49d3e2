//! Single posts, for the time before a stream is open. One connection, in order; a post that fails
//! is not repeated.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, StatusCode, header};
use http_body_util::Full;
use node::peer::{Rejection, encode_message};
use tokio::sync::mpsc;
use tokio::time::timeout;

use super::dial::{Connection, cause, whole};
use super::remote::Remote;

/// Posts that wait.
pub(super) const WAITING_MAX: usize = 64;
const POST_TIMEOUT: Duration = Duration::from_secs(5);

/// Posts what is queued for as long as the peer is a member.
pub(super) async fn post_forever(remote: Arc<Remote>, mut queue: mpsc::Receiver<raft::Message>) {
    let mut connection = None;
    let mut attempt = 0;
    while let Some(message) = queue.recv().await {
        let body = encode_message(&message);
        let length = body.len();
        match timeout(POST_TIMEOUT, post(&remote, &mut connection, attempt, body)).await {
            Ok(Ok(())) => remote.sent_bytes().inc_by(length as u64),
            failed => {
                connection = None;
                attempt += 1;
                remote.count_send_failure();
                remote.report_unreachable();
                let timed_out = || "a post was not answered in time".to_owned();
                remote.troubled(failed.map_or_else(
                    |_| timed_out(),
                    |failed| failed.expect_err("successful posts were handled before"),
                ));
            }
        }
    }
}

async fn post(
    remote: &Remote,
    kept: &mut Option<Connection<Full<Bytes>>>,
    attempt: usize,
    body: Vec<u8>,
) -> Result<(), String> {
    let mut connection = match kept.take() {
        Some(connection) => connection,
        None => {
            let url = remote.url(attempt).ok_or("no peer URL is known")?;
            Connection::open(&remote.shared, &url).await.map_err(|error| error.to_string())?
        }
    };
    let mut request = remote.shared.request("POST", "/raft", Full::new(body.into()));
    let kind = HeaderValue::from_static("application/protobuf");
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    let response = connection.exchange(request).await.map_err(|error| cause(&error))?;
    let status = response.status();
    let body = whole(response.into_body()).await?;
    if status != StatusCode::NO_CONTENT {
        let text = String::from_utf8_lossy(&body);
        // The same status also says that another member listens here now, which ends nobody.
        if status == StatusCode::FORBIDDEN && text.contains("from removed member") {
            remote.shared.hear_removed(remote.id);
        }
        return Err(match Rejection::of_answer(status.as_u16(), &text) {
            Some(rejection) => format!("refused: {rejection}"),
            None => format!("answered {status}: {}", text.trim_end()),
        });
    }
    *kept = Some(connection);
    Ok(())
}
