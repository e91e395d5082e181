//! What is left of a request whose answer came early is read and dropped for a while. Closing the
//! stream at once would make a proxy in between (haproxy) tell its client CANCELLED in place of the
//! answer.

use http_body::{Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic::Status;
use tonic::body::Body;

/// How much of the rest is read, in bytes.
const MAX_BYTES: usize = 16 * 1024 * 1024;
/// For how long.
const MAX_TIME: Duration = Duration::from_secs(5);

/// The body of a request. When it is dropped before its end, the rest is read and dropped, until
/// `stop`.
pub(super) struct DiscardRest {
    body: Body,
    ended: bool,
    stop: CancellationToken,
}

impl DiscardRest {
    pub(super) fn new(body: Body, stop: CancellationToken) -> Self {
        Self { body, ended: false, stop }
    }
}

impl Drop for DiscardRest {
    fn drop(&mut self) {
        if self.ended || http_body::Body::is_end_stream(&self.body) {
            return;
        }
        // There is none when the process ends.
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            runtime.spawn(discard(std::mem::take(&mut self.body), self.stop.clone()));
        }
    }
}

async fn discard(mut body: Body, stop: CancellationToken) {
    let read = async {
        let mut left = MAX_BYTES;
        while let Some(Ok(frame)) =
            std::future::poll_fn(|context| http_body::Body::poll_frame(Pin::new(&mut body), context)).await
        {
            let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, bytes::Bytes::len)) else { return };
            left = rest;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        // Either way the stream is closed now.
        _ = tokio::time::timeout(MAX_TIME, read) => {}
    }
}

impl http_body::Body for DiscardRest {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        self.ended = !matches!(frame, Some(Ok(_)));
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
