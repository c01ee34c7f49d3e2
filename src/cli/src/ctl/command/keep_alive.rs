//! `lease keep-alive`: renews once, or three times in each time to live until the lease ends.

use std::time::Duration;

use proto::etcdserverpb::{LeaseKeepAliveRequest, LeaseKeepAliveResponse};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;

use super::Context;
use super::lease::{connection, id};
use crate::ctl::args::KeepAlive;
use crate::ctl::client::{Client, describe, request};
use crate::ctl::display::{Format, KeptAlive};
use crate::ctl::failure::Failure;

/// How long to wait before a lost stream is opened again.
const RETRY: Duration = Duration::from_millis(500);

/// Renews a lease.
pub async fn run(context: &mut Context<'_>, args: &KeepAlive) -> Result<(), Failure> {
    let [argument] = args.arguments.as_slice() else {
        let text = "lease keep-alive command needs lease ID as argument";
        return Err(Failure::bad_arguments(text));
    };
    let lease = id(argument)?;
    let mut renewals = Renewals::open(context.client(), lease).await?;
    if args.once {
        let answer = renewals.renew().await?;
        if answer.ttl <= 0 {
            return Err(Failure::bad_connection("etcdserver: requested lease not found"));
        }
        return context.print(&KeptAlive(answer));
    }
    loop {
        let answer = match renewals.renew().await {
            Ok(answer) => answer,
            Err(failure) => {
                context.warn(&format!("keep-alive interrupted: {failure}"));
                tokio::time::sleep(RETRY).await;
                renewals = Renewals::open(context.client(), lease).await?;
                continue;
            }
        };
        if answer.ttl <= 0 {
            break;
        }
        let pause = Duration::from_secs(answer.ttl.unsigned_abs()) / 3;
        context.print(&KeptAlive(answer))?;
        tokio::time::sleep(pause).await;
    }
    if context.settings.display.format != Format::Simple {
        return Ok(());
    }
    let id = crate::ctl::display::lease_id(lease);
    context.line(&format!("lease {id} expired or revoked."))
}

/// An open stream of renewals of one lease.
pub struct Renewals {
    endpoint: String,
    requests: mpsc::Sender<LeaseKeepAliveRequest>,
    answers: Streaming<LeaseKeepAliveResponse>,
    lease: i64,
    /// Whether a renewal is on its way.
    sent: bool,
}

impl Renewals {
    /// Opens a stream on a member that can be reached, and asks for the first renewal.
    pub async fn open(client: Client<'_>, lease: i64) -> Result<Renewals, Failure> {
        let (endpoint, channel) = client.any().await.map_err(connection)?;
        let (requests, stream) = mpsc::channel(1);
        // A member may open the stream no sooner than it has a first request.
        let first = LeaseKeepAliveRequest { id: lease };
        requests.try_send(first).expect("a new queue has room for one");
        let call = request(ReceiverStream::new(stream));
        let answers = client.lease(channel).lease_keep_alive(call).await;
        let answers = answers
            .map_err(|status| Failure::bad_connection(describe(endpoint, &status)))?
            .into_inner();
        Ok(Renewals { endpoint: endpoint.to_owned(), requests, answers, lease, sent: true })
    }

    /// Renews the lease once. A closed queue of requests shows as the end of the answers.
    pub async fn renew(&mut self) -> Result<LeaseKeepAliveResponse, Failure> {
        if !std::mem::take(&mut self.sent) {
            let _ = self.requests.send(LeaseKeepAliveRequest { id: self.lease }).await;
        }
        match self.answers.message().await {
            Ok(Some(answer)) => Ok(answer),
            Ok(None) => Err(Failure::bad_connection(format!("{}: stream closed", self.endpoint))),
            Err(status) => Err(Failure::bad_connection(describe(&self.endpoint, &status))),
        }
    }
}
