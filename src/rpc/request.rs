//! The bodies of requests: that of one message is read before any work begins, that of an upload breaks
//! off when its caller has gone or says too little.

use super::peer::Peer;
use super::status;
use bytes::{Bytes, BytesMut};
use http_body::{Body as _, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, Sleep};
use tokio_util::sync::WaitForCancellationFutureOwned;
use tonic::Status;
use tonic::body::Body;

/// A request is large when it has more bytes than this.
const SMALL: usize = 64 * 1024;
/// Large requests of all connections at once. The others are read as far as they are small.
const LARGE_AT_ONCE: usize = 16;
/// Bytes of an upload that buy a second of waiting for more of it. Slow lines bring eight times as much.
const BYTES_A_SECOND: u32 = 1024;

/// How the bodies of requests are read.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    /// The most bytes of a message.
    largest: usize,
    /// How long a message may take to arrive, and an upload to go on.
    timeout: Duration,
    large: Arc<Semaphore>,
}

/// What a large request holds: its connection's permit and the server's.
pub(super) type Large = (OwnedSemaphorePermit, OwnedSemaphorePermit);

/// A request that has arrived.
pub(super) struct Arrived {
    /// The body.
    pub body: Body,
    /// To be held as long as the body is there.
    pub large: Option<Large>,
}

impl Reading {
    pub fn new(largest: usize, timeout: Duration) -> Self {
        Self { largest, timeout, large: Arc::new(Semaphore::new(LARGE_AT_ONCE)) }
    }

    /// Reads a body of one message to its end.
    ///
    /// # Errors
    /// It is too large, does not come in time, or breaks off.
    pub async fn whole(&self, mut body: Body, peer: &Peer) -> Result<Arrived, Status> {
        let read = self.read(&mut body, peer);
        tokio::time::timeout(self.timeout, read).await.unwrap_or_else(|_| Err(status::body_missing(self.timeout)))
    }

    async fn read(&self, body: &mut Body, peer: &Peer) -> Result<Arrived, Status> {
        // Five bytes stand before a message.
        let most = self.largest + 5;
        let (mut first, mut rest, mut large) = (Bytes::new(), BytesMut::new(), None);
        while let Some(frame) = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await {
            // What is no data is trailers, and requests have none that matter.
            let Ok(data) = frame.map_err(|_| status::caller_gone())?.into_data() else { continue };
            let length = first.len() + rest.len() + data.len();
            if length > most {
                return Err(status::too_large(&format!("the request is larger than {} bytes", self.largest)));
            }
            if length > SMALL && large.is_none() {
                let permits = (acquire(&peer.large).await?, acquire(&self.large).await?);
                large = Some(permits);
            }
            // Most come in one piece, which is not copied.
            match (first.is_empty(), rest.is_empty()) {
                (true, true) => first = data,
                (false, true) => {
                    rest.extend_from_slice(&std::mem::take(&mut first));
                    rest.extend_from_slice(&data);
                }
                (_, false) => rest.extend_from_slice(&data),
            }
        }
        let bytes = if rest.is_empty() { first } else { rest.freeze() };
        Ok(Arrived { body: Body::new(Whole(Some(bytes))), large })
    }

    /// The body of an upload.
    pub fn upload(&self, body: Body, gone: WaitForCancellationFutureOwned) -> Body {
        Body::new(Upload { body, gone: Box::pin(gone), timeout: self.timeout, left: self.timeout, late: None })
    }
}

/// A permit of a semaphore that is never closed.
pub(super) async fn acquire(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Status> {
    semaphore.clone().acquire_owned().await.map_err(|_| status::going_away())
}

/// A body that is there.
struct Whole(Option<Bytes>);

impl http_body::Body for Whole {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        Poll::Ready(self.0.take().map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.as_ref().map_or(0, Bytes::len) as u64)
    }
}

/// The body of an upload, which breaks off when the caller has gone, or when too little comes: one that
/// never ends must not keep its permit for ever.
///
/// Only the time in which it is waited for is counted, so that an upload that is read slowly is not the caller's
/// fault. Each byte that comes buys a little more of it.
struct Upload {
    body: Body,
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
    /// The longest wait when nothing comes at all.
    timeout: Duration,
    /// How long it may still be waited for.
    left: Duration,
    /// Runs while something is waited for.
    late: Option<Pin<Box<Sleep>>>,
}

impl Upload {
    /// Something has come, of so many bytes.
    fn came(&mut self, bytes: usize) {
        if let Some(late) = self.late.take() {
            self.left = late.deadline().saturating_duration_since(Instant::now());
        }
        let bought = Duration::from_secs(bytes as u64) / BYTES_A_SECOND;
        self.left = self.timeout.min(self.left + bought);
    }
}

impl http_body::Body for Upload {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.gone.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(status::caller_gone())));
        }
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                this.came(frame.data_ref().map_or(0, Bytes::len));
                Poll::Ready(Some(Ok(frame)))
            }
            // tonic takes a body that failed with CANCELLED for one that came to its end.
            Poll::Ready(end) => Poll::Ready(end.map(|_| Err(status::caller_gone()))),
            Poll::Pending => {
                let until = Instant::now() + this.left;
                let late = this.late.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(until)));
                std::task::ready!(late.as_mut().poll(context));
                Poll::Ready(Some(Err(status::upload_too_slow(this.timeout, BYTES_A_SECOND))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use tokio::sync::mpsc;
    use tokio_util::sync::CancellationToken;

    const TIMEOUT: Duration = Duration::from_millis(100);

    /// A body of what is sent.
    struct Sent(mpsc::UnboundedReceiver<Bytes>);

    impl http_body::Body for Sent {
        type Data = Bytes;
        type Error = Status;

        fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
            self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Frame::data(bytes))))
        }
    }

    fn body() -> (mpsc::UnboundedSender<Bytes>, Body) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (sender, Body::new(Sent(receiver)))
    }

    async fn next(body: &mut Body) -> Option<Result<Frame<Bytes>, Status>> {
        poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await
    }

    #[tokio::test]
    async fn an_upload_that_is_read_slowly_is_no_fault_of_its_caller() {
        let (sender, sent) = body();
        let mut upload = Reading::new(1 << 20, TIMEOUT).upload(sent, CancellationToken::new().cancelled_owned());
        for _ in 0..4 {
            sender.send(Bytes::from_static(b"x")).unwrap();
            tokio::time::sleep(TIMEOUT / 2).await;
            assert!(next(&mut upload).await.unwrap().is_ok(), "it was there all the time");
        }
        let silent = next(&mut upload).await.unwrap().unwrap_err();
        assert_eq!(silent.code(), tonic::Code::DeadlineExceeded);
    }
}
