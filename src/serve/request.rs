//! The bodies of requests. The body of a single message is read before any work begins. The body of
//! an upload breaks off when the caller is gone or sends too little.

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
/// Bytes of an upload that buy a second of waiting for more of it. Slow lines bring eight times as
/// much.
const BYTES_A_SECOND: u32 = 1024;

/// How the bodies of requests are read.
#[derive(Clone, Debug)]
pub(super) struct BodyReader {
    /// The most bytes of a message.
    max_bytes: usize,
    /// How long a message may take to arrive, and an upload to go on.
    timeout: Duration,
    large: Arc<Semaphore>,
}

/// What a large request holds: its connection's permit and the server's.
type Large = (OwnedSemaphorePermit, OwnedSemaphorePermit);

impl BodyReader {
    pub(super) fn new(max_bytes: usize, timeout: Duration) -> Self {
        Self { max_bytes, timeout, large: Arc::new(Semaphore::new(LARGE_AT_ONCE)) }
    }

    /// Reads a body of one message to its end.
    ///
    /// # Errors
    /// It is too large, does not come in time, or breaks off; or too many others are large.
    pub(super) async fn whole(&self, mut body: Body, peer: &Peer) -> Result<Body, Status> {
        // Five bytes stand before a message.
        let most = self.max_bytes + 5;
        let (mut first, mut rest, mut large) = (Bytes::new(), BytesMut::new(), None);
        let mut late = std::pin::pin!(tokio::time::sleep(self.timeout));
        loop {
            let frame = tokio::select! {
                biased;
                frame = std::future::poll_fn(|context| Pin::new(&mut body).poll_frame(context)) => frame,
                () = &mut late => return Err(status::body_missing(self.timeout)),
            };
            let Some(frame) = frame else { break };
            // What is no data is trailers, and requests have none that matter.
            let Ok(data) = frame.map_err(|_| status::caller_gone())?.into_data() else { continue };
            let length = first.len() + rest.len() + data.len();
            if length > most {
                return Err(status::too_large(&format!(
                    "the request is larger than {} bytes",
                    self.max_bytes
                )));
            }
            if length > SMALL && large.is_none() {
                // Meanwhile it cannot come, for nobody reads it.
                let asked = Instant::now();
                large = Some(self.acquire_large(peer).await?);
                let until = late.deadline() + asked.elapsed();
                late.as_mut().reset(until);
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
        Ok(Body::new(WholeBody { bytes: Some(bytes), large }))
    }

    /// Waits until a large request may be read, as long as one may take to come.
    async fn acquire_large(&self, peer: &Peer) -> Result<Large, Status> {
        let both = async { Ok((acquire(&peer.large).await?, acquire(&self.large).await?)) };
        let busy = "as many large requests are being read as the server takes at once; try again";
        tokio::time::timeout(self.timeout, both).await.unwrap_or_else(|_| Err(status::shed(busy)))
    }

    /// The body of an upload.
    pub(super) fn upload(&self, body: Body, gone: WaitForCancellationFutureOwned) -> Body {
        Body::new(UploadBody {
            body,
            gone: Box::pin(gone),
            timeout: self.timeout,
            left: self.timeout,
            late: None,
        })
    }
}

/// The body of a standing stream, which breaks off when the caller has gone, or at `stop`.
pub(super) fn standing(
    body: Body,
    gone: WaitForCancellationFutureOwned,
    stop: WaitForCancellationFutureOwned,
) -> Body {
    Body::new(StandingBody { body, gone: Box::pin(gone), stop: Box::pin(stop) })
}

/// A permit of a semaphore that is never closed.
pub(super) async fn acquire(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Status> {
    semaphore.clone().acquire_owned().await.map_err(|_| status::going_away())
}

/// A body that is there.
struct WholeBody {
    bytes: Option<Bytes>,
    /// Given back when the message has been made of the bytes: whoever reads one asks for more
    /// before its work begins.
    large: Option<Large>,
}

impl http_body::Body for WholeBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let bytes = self.bytes.take();
        if bytes.is_none() {
            self.large = None;
        }
        Poll::Ready(bytes.map(|bytes| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.as_ref().map_or(0, Bytes::len) as u64)
    }
}

/// The body of an upload, which breaks off when the caller has gone, or when too little comes: one
/// that never ends must not keep its permit for ever.
///
/// Only the time in which it is waited for is counted, so that an upload that is read slowly is not
/// the caller's fault. Each byte that comes buys a little more of it.
struct UploadBody {
    body: Body,
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
    /// The longest wait when nothing comes at all.
    timeout: Duration,
    /// How long it may still be waited for.
    left: Duration,
    /// Runs while something is waited for.
    late: Option<Pin<Box<Sleep>>>,
}

impl UploadBody {
    /// Something has come, of so many bytes.
    fn received(&mut self, bytes: usize) {
        if let Some(late) = self.late.take() {
            self.left = late.deadline().saturating_duration_since(Instant::now());
        }
        let bought = Duration::from_secs(bytes as u64) / BYTES_A_SECOND;
        self.left = self.timeout.min(self.left + bought);
    }
}

impl http_body::Body for UploadBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.gone.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(status::caller_gone())));
        }
        match Pin::new(&mut this.body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                this.received(frame.data_ref().map_or(0, Bytes::len));
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

/// The body of a standing stream. How long it may be silent is its handler's to say.
struct StandingBody {
    body: Body,
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
    stop: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl http_body::Body for StandingBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
        let this = &mut *self;
        if this.gone.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(status::caller_gone())));
        }
        if this.stop.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(status::going_away())));
        }
        let frame = std::task::ready!(Pin::new(&mut this.body).poll_frame(context));
        // See `UploadBody`.
        Poll::Ready(frame.map(|frame| frame.map_err(|_| status::caller_gone())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }
}

#[cfg(test)]
mod tests {
    use super::super::peer::Peers;
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

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Status>>> {
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
        let mut upload =
            BodyReader::new(1 << 20, TIMEOUT).upload(sent, CancellationToken::new().cancelled_owned());
        for _ in 0..4 {
            sender.send(Bytes::from_static(b"x")).unwrap();
            tokio::time::sleep(TIMEOUT).await;
            assert!(next(&mut upload).await.unwrap().is_ok(), "it was there all the time");
        }
        let silent = next(&mut upload).await.unwrap().unwrap_err();
        assert_eq!(silent.code(), tonic::Code::DeadlineExceeded);
    }

    /// A large request in two pieces, the second of which makes it large.
    fn large() -> Body {
        let (sender, body) = body();
        for bytes in [SMALL, 1] {
            sender.send(Bytes::from(vec![7; bytes])).unwrap();
        }
        body
    }

    #[tokio::test]
    async fn a_large_request_gives_its_permit_back_when_its_message_is_made() {
        let (bodies, peer) = (BodyReader::new(1 << 20, TIMEOUT), Arc::new(Peers::new(1, 1)).join());
        let mut one = bodies.whole(large(), &peer).await.unwrap();
        assert!(next(&mut one).await.unwrap().is_ok());
        assert_eq!(peer.large.available_permits(), 0, "the message is not made yet");
        assert!(next(&mut one).await.is_none());
        bodies.whole(large(), &peer).await.expect("while the first is still worked at");
    }

    #[tokio::test]
    async fn a_large_request_that_waits_for_its_turn_is_not_late_but_told_that_the_server_is_busy() {
        let peer = Arc::new(Peers::new(1, 1)).join();
        let permit = acquire(&peer.large).await.unwrap();
        let busy = BodyReader::new(1 << 20, TIMEOUT).whole(large(), &peer).await.map(drop).unwrap_err();
        assert_eq!(busy.code(), tonic::Code::Unavailable, "{busy:?}");
        assert!(
            busy.message().contains("large requests") && busy.metadata().contains_key(status::PUSHBACK),
            "{busy:?}"
        );

        // Both waits together are longer than a request may take to come.
        let (sender, slow) = body();
        sender.send(Bytes::from(vec![7; SMALL + 1])).unwrap();
        let between = tokio::spawn(async move {
            tokio::time::sleep(TIMEOUT * 15).await;
            drop(permit);
            tokio::time::sleep(TIMEOUT * 15).await;
            sender.send(Bytes::from_static(b"the end")).unwrap();
        });
        let arrived = BodyReader::new(1 << 20, TIMEOUT * 25)
            .whole(slow, &peer)
            .await
            .expect("only the second wait was for the caller");
        assert_eq!(arrived.size_hint().exact(), Some(SMALL as u64 + 8));
        between.await.unwrap();
    }
}
