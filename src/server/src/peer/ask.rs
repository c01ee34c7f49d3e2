//! Calls to one member, with an answer. Connections are kept for the next call, a few of them:
//! lease renewals are many, and opening one costs more than the call.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};

use base::ClusterId;
use bytes::Bytes;
use http_body_util::Full;
use node::env::{CallError, PeerRequest, PeerResponse};
use node::peer::{decode_response, encode_request, parse_id};

use super::dial::{Connection, whole};
use super::net::Shared;
use super::remote::Remote;

/// Connections to one member that wait for a call.
const IDLE_MAX: usize = 4;

type Idle = Connection<Full<Bytes>>;

/// Connections of which each had its last answer.
pub(super) struct Kept<C = Idle>(Mutex<Held<C>>);

struct Held<C> {
    /// Counts what made the connections useless: one opened before that is not kept after it.
    generation: u64,
    idle: Vec<C>,
}

impl<C> Default for Kept<C> {
    fn default() -> Kept<C> {
        Kept(Mutex::new(Held { generation: 0, idle: Vec::new() }))
    }
}

impl<C> Kept<C> {
    fn held(&self) -> MutexGuard<'_, Held<C>> {
        self.0.lock().expect("nobody panics while holding it")
    }

    /// What a connection that is opened from now on is kept with.
    fn generation(&self) -> u64 {
        self.held().generation
    }

    fn take(&self) -> Option<(C, u64)> {
        let mut held = self.held();
        let generation = held.generation;
        held.idle.pop().map(|connection| (connection, generation))
    }

    fn keep(&self, connection: C, generation: u64) {
        let mut held = self.held();
        if held.generation == generation && held.idle.len() < IDLE_MAX {
            held.idle.push(connection);
        }
    }

    /// Closes them, and those in use after their answers.
    pub(super) fn clear(&self) {
        let mut held = self.held();
        held.generation += 1;
        held.idle.clear();
    }
}

/// Asks at each of a member's addresses until one can be reached.
pub(super) async fn ask(remote: &Remote, request: &PeerRequest) -> Result<PeerResponse, CallError> {
    // The peer may have closed a kept connection, and then it is not known whether a request had
    // its effect: only one whose repetition does no harm may go over it.
    while is_repeatable(request)
        && let Some((connection, generation)) = remote.kept.take()
    {
        if connection.is_closed() {
            continue;
        }
        match over(remote, connection, generation, request).await {
            Err(CallError::TimedOut) => break,
            answer => return answer,
        }
    }
    let mut last = CallError::Unreachable(format!("{} has no peer URL", remote.id));
    let mut tried = BTreeSet::new();
    // Before the addresses are looked at, which may change.
    let generation = remote.kept.generation();
    for attempt in 0_usize.. {
        let Some(url) = remote.url(attempt).filter(|url| tried.insert(url.clone())) else { break };
        match Connection::open(&remote.shared, &url).await {
            Ok(connection) => return over(remote, connection, generation, request).await,
            Err(error) => last = error,
        }
    }
    Err(last)
}

async fn over(
    remote: &Remote,
    mut connection: Idle,
    generation: u64,
    request: &PeerRequest,
) -> Result<PeerResponse, CallError> {
    let answer = ask_over(&remote.shared, &mut connection, request).await;
    if !matches!(answer, Err(CallError::TimedOut)) {
        remote.kept.keep(connection, generation);
    }
    answer.map(|(_, response)| response)
}

fn is_repeatable(request: &PeerRequest) -> bool {
    match request {
        PeerRequest::LeaseKeepAlive(_)
        | PeerRequest::LeaseKeepAlives(_)
        | PeerRequest::LeaseTimeToLive(_)
        | PeerRequest::HashKv(_)
        | PeerRequest::Members
        | PeerRequest::Version
        | PeerRequest::DowngradeEnabled => true,
        PeerRequest::MemberPromote { .. } => false,
    }
}

/// The answer, and the cluster that it belongs to.
pub(super) async fn ask_over(
    shared: &Shared,
    connection: &mut Idle,
    request: &PeerRequest,
) -> Result<(ClusterId, PeerResponse), CallError> {
    let wire = encode_request(request);
    let body = Full::new(Bytes::from(wire.body));
    let mut http = shared.request(wire.method, &wire.path, body);
    if !wire.content_type.is_empty() {
        let kind = http::HeaderValue::from_static(wire.content_type);
        http.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    }
    // What came in a header goes out in one.
    let token = wire.token.and_then(|token| http::HeaderValue::from_str(token.text()).ok());
    if let Some(mut token) = token {
        token.set_sensitive(true);
        http.headers_mut().insert(http::header::AUTHORIZATION, token);
    }
    // From here on the request may have had its effect.
    let response = connection.exchange(http).await.map_err(|_| CallError::TimedOut)?;
    let status = response.status().as_u16();
    let cluster = response.headers().get(super::port::CLUSTER_HEADER);
    let cluster = cluster.and_then(|text| parse_id(text.to_str().ok()?)).unwrap_or(0);
    let error = response.headers().get(super::port::ERROR_HEADER);
    let error = error.and_then(|text| text.to_str().ok()).map(str::to_owned);
    let body = whole(response.into_body()).await.map_err(|_| CallError::TimedOut)?;
    let answer = decode_response(request, status, &body, error.as_deref())?;
    Ok((ClusterId(cluster), answer))
}

#[cfg(test)]
mod tests {
    use super::{IDLE_MAX, Kept};

    #[test]
    fn connections_are_kept_a_few_and_only_while_they_are_of_use() {
        let kept = Kept::default();
        for connection in 0..=IDLE_MAX {
            kept.keep(connection, kept.generation());
        }
        let (last, generation) = kept.take().expect("one was kept");
        assert_eq!(last, IDLE_MAX - 1, "there was no room for one more");
        kept.clear();
        assert!(kept.take().is_none());
        kept.keep(last, generation);
        assert!(kept.take().is_none(), "it leads to an address of before");
        kept.keep(last, kept.generation());
        assert!(kept.take().is_some());
    }
}
