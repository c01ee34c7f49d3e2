//! The router's answer, read as a client of gRPC reads it.

use std::pin::Pin;

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use node::Code;
use tokio::time::{Instant, sleep_until};

use super::departure::Departure;
use crate::grpc::{Body, Frames, Status};

/// The messages of one answer and how it ends.
pub(super) struct Reply {
    answer: Answer,
    patience: Patience,
}

/// What the router answered.
struct Answer {
    body: Body,
    frames: Frames,
    /// How it ends, once that is known.
    status: Option<Status>,
}

/// How long a client waits.
pub(super) struct Patience {
    /// When it gives up.
    pub(super) deadline: Option<Instant>,
    /// Whether it has left.
    pub(super) departure: Departure,
}

impl Reply {
    /// Waits for the answer to begin.
    ///
    /// # Errors
    /// The client does not wait for it.
    pub(super) async fn begin(
        answering: Pin<Box<impl Future<Output = Response<Body>>>>,
        mut patience: Patience,
    ) -> Result<Reply, Status> {
        let response = patience.wait(answering).await?;
        let status = Status::read(response.headers());
        let body = response.into_body();
        // The router's answers are as large as they are.
        let frames = Frames::new(u32::MAX as usize);
        Ok(Reply { answer: Answer { body, frames, status }, patience })
    }

    /// The next message; `None` at an end in good order.
    ///
    /// # Errors
    /// The call failed, or the client waits no longer.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        match self.patience.wait(self.answer.next()).await {
            Ok(message) => message,
            Err(status) => {
                self.answer.status = Some(status.clone());
                Err(status)
            }
        }
    }
}

impl Answer {
    async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        loop {
            let message = self.frames.next().map_err(Status::from)?;
            if message.is_some() {
                return Ok(message);
            }
            match &self.status {
                Some(status) if status.code == 0 => return Ok(None),
                Some(status) => return Err(status.clone()),
                None => {}
            }
            let Ok(frame) = self.body.frame().await.transpose();
            let Some(frame) = frame else {
                self.status = Some(cut_off());
                continue;
            };
            match frame.into_data() {
                Ok(data) => self.frames.push(data),
                Err(frame) => {
                    let trailers = frame.into_trailers().unwrap_or_default();
                    self.status = Some(Status::read(&trailers).unwrap_or_else(cut_off));
                }
            }
        }
    }
}

impl Patience {
    async fn wait<T>(&mut self, waiting: impl Future<Output = T>) -> Result<T, Status> {
        let Patience { deadline, departure } = self;
        let passed = || Status::new(Code::DeadlineExceeded, "context deadline exceeded");
        // One that has passed is not let try, so that nothing is done for it.
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Err(passed());
        }
        tokio::select! {
            biased;
            done = waiting => Ok(done),
            () = departure.noticed() => Err(Status::new(Code::Canceled, "context canceled")),
            () = passes(*deadline) => Err(passed()),
        }
    }
}

async fn passes(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}

fn cut_off() -> Status {
    Status::new(Code::Internal, "the answer ended without a status")
}
