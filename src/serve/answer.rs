//! Answers on their way out: a code that gRPC's conventions know, and bodies whose bytes count
//! until they are sent.

use super::peer::{Held, Peer};
use super::status;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response};
use http_body::{Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::body::Body;
use tonic::{Code, Status};

/// An answer on its way.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

pub(super) const GRPC_STATUS: &str = "grpc-status";

/// The answer as it goes out: with the code that the conventions ask for, and a body that counts.
pub(super) fn finished(
    mut answer: Response<Body>,
    end_streams: CancellationToken,
    peer: Option<Arc<Peer>>,
) -> Response<Body> {
    if let Some(status) = corrected(answer.headers()) {
        return status.into_http();
    }
    if !answer.headers().contains_key(GRPC_STATUS) {
        let (body, reserved) = (std::mem::take(answer.body_mut()), answer.extensions_mut().remove());
        *answer.body_mut() = Body::new(CountedBody {
            body: Some(body),
            peer,
            reserved,
            chunks: Vec::new().into_iter(),
            end_streams,
            ended: None,
        });
    }
    answer
}

/// The status in place of one with the wrong code: tonic says OUT_OF_RANGE when a message is too
/// large, and nobody here says it otherwise.
fn corrected(headers: &HeaderMap) -> Option<Status> {
    let given = headers.get(GRPC_STATUS)?;
    if Code::from_bytes(given.as_bytes()) != Code::OutOfRange {
        return None;
    }
    Some(status::too_large(
        Status::from_header_map(headers).as_ref().map_or("the message is too large", Status::message),
    ))
}

/// A body whose bytes count until they are sent, whose stream ends with UNAVAILABLE when the server
/// ends, and whose trailers have the right code.
struct CountedBody {
    body: Option<Body>,
    peer: Option<Arc<Peer>>,
    /// Held until the first bytes count themselves.
    reserved: Option<Arc<Held>>,
    /// What is left of a frame.
    chunks: std::vec::IntoIter<Bytes>,
    end_streams: CancellationToken,
    /// Made only when the body makes us wait, which that of an ordinary call never does.
    ended: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl http_body::Body for CountedBody {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        let this = &mut *self;
        if let Some(chunk) = this.chunks.next() {
            return Poll::Ready(Some(Ok(Frame::data(chunk))));
        }
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        match Pin::new(body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                Poll::Ready(Some(Ok(match (frame.trailers_ref().and_then(corrected), &this.peer) {
                    (Some(status), _) => trailers(&status),
                    (None, Some(peer)) => match frame.into_data() {
                        Ok(data) => {
                            this.chunks = peer.chunks(data).into_iter();
                            this.reserved = None;
                            Frame::data(this.chunks.next().unwrap_or_default())
                        }
                        Err(other) => other,
                    },
                    (None, None) => frame,
                })))
            }
            Poll::Ready(other) => Poll::Ready(other),
            Poll::Pending => {
                let ended =
                    this.ended.get_or_insert_with(|| Box::pin(this.end_streams.clone().cancelled_owned()));
                std::task::ready!(ended.as_mut().poll(context));
                this.body = None;
                Poll::Ready(Some(Ok(trailers(&status::going_away()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.chunks.as_slice().is_empty() && self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

fn trailers(status: &Status) -> Frame<bytes::Bytes> {
    let mut headers = HeaderMap::new();
    if status.add_header(&mut headers).is_err() {
        headers.insert(GRPC_STATUS, HeaderValue::from(status.code() as i32));
    }
    Frame::trailers(headers)
}
