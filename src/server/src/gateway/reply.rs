//! The router's answer, read as a client of gRPC reads it.

use std::pin::Pin;

use bytes::Bytes;
use http::Response;
use http_body_util::BodyExt;
use node::Code;
use tokio::time::{Instant, timeout_at};

use crate::grpc::{Body, Frames, Status};

/// The messages of one answer and how it ends.
pub(super) struct Reply {
    body: Body,
    frames: Frames,
    /// How it ends, once that is known.
    status: Option<Status>,
    deadline: Option<Instant>,
}

impl Reply {
    /// Waits for the answer to begin.
    ///
    /// # Errors
    /// The deadline passed first.
    pub(super) async fn begin(
        answering: Pin<Box<impl Future<Output = Response<Body>>>>,
        deadline: Option<Instant>,
    ) -> Result<Reply, Status> {
        let response = by(deadline, answering).await?;
        let status = Status::read(response.headers());
        let body = response.into_body();
        // The router's answers are as large as they are.
        let frames = Frames::new(u32::MAX as usize);
        Ok(Reply { body, frames, status, deadline })
    }

    /// The next message; `None` at an end in good order.
    ///
    /// # Errors
    /// The call failed, or the deadline has passed.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Status> {
        let deadline = self.deadline;
        match by(deadline, self.advance()).await {
            Ok(message) => message,
            Err(status) => {
                self.status = Some(status.clone());
                Err(status)
            }
        }
    }

    async fn advance(&mut self) -> Result<Option<Bytes>, Status> {
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

async fn by<T>(deadline: Option<Instant>, waiting: impl Future<Output = T>) -> Result<T, Status> {
    let Some(deadline) = deadline else { return Ok(waiting.await) };
    let passed = |_| Status::new(Code::DeadlineExceeded, "context deadline exceeded");
    // One that has passed is not let try, so that nothing is done for it.
    if deadline <= Instant::now() {
        return Err(passed(()));
    }
    timeout_at(deadline, waiting).await.map_err(|_| passed(()))
}

fn cut_off() -> Status {
    Status::new(Code::Internal, "the answer ended without a status")
}
