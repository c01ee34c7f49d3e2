//! A client that leaves within the body of its request.
//!
//! hyper notices by itself that a client has left once the whole body was read. Before that only
//! who reads the body sees it break off, and hyper lets the call go on.

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use tokio::sync::oneshot;

use super::requests::Chunks;

/// Whether a client has left within its body.
#[derive(Debug)]
pub(super) struct Departure(Option<oneshot::Receiver<()>>);

/// A body, and whether it breaks off; noticed as long as somebody reads.
pub(super) fn watched<E: 'static>(
    body: impl Stream<Item = Result<Bytes, E>> + Send + 'static,
) -> (Chunks, Departure) {
    let (breaks, broken) = oneshot::channel();
    let mut breaks = Some(breaks);
    let chunks = body.map(move |chunk| {
        chunk.map_err(|_| {
            // The call may have ended meanwhile.
            let _ = breaks.take().map(|breaks| breaks.send(()));
        })
    });
    (chunks.boxed(), Departure(Some(broken)))
}

impl Departure {
    /// That of a client whose going is noticed elsewhere.
    pub(super) fn unseen() -> Departure {
        Departure(None)
    }

    /// Returns once when the client has left; never after a body that ended in good order.
    pub(super) async fn noticed(&mut self) {
        let broken = match &mut self.0 {
            Some(broken) => broken.await.is_ok(),
            None => false,
        };
        // It may be asked once only.
        self.0 = None;
        if !broken {
            std::future::pending().await
        }
    }
}
