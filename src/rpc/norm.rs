//! The outermost layer: every call has a deadline, and every answer a code that gRPC's conventions
//! know.
//!
//! tonic alone answers CANCELLED at a deadline, OUT_OF_RANGE to a message that is too large,
//! ignores a `grpc-timeout` that it cannot read and has no ceiling of its own.

use super::peer::{Held, Peer};
use super::rest::WithRest;
use super::status;
use crate::log::Pace;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, Response};
use http_body::{Frame, SizeHint};
use std::convert::Infallible;
use std::future::ready;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::Service;
use tracing::Instrument;

/// An answer on its way.
pub(super) type Answer = Pin<Box<dyn Future<Output = Result<Response<Body>, Infallible>> + Send>>;

const GRPC_STATUS: &str = "grpc-status";

/// The response header by which a server in testing mode is known.
pub(crate) const TESTING_HEADER: &str = "etutor-testing";

/// The longest a call may take until its answer begins, whatever its caller says. An open stream is
/// not cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ceilings {
    /// Of a call.
    pub call: Duration,
    /// Of a call that runs a scheduled task or imports.
    pub task: Duration,
}

impl Ceilings {
    fn of(&self, path: &str) -> Duration {
        let long =
            path.starts_with("/etutor.v1.TaskService/") || path.starts_with("/etutor.v1.ImportService/");
        if long { self.task } else { self.call }
    }
}

/// Deadlines and codes; see the room's first lines.
#[derive(Clone, Debug)]
pub(super) struct Norm<S> {
    pub inner: S,
    pub ceilings: Ceilings,
    /// Every answer says so ([`TESTING_HEADER`]).
    pub testing: bool,
    /// No new calls are taken; what is left of requests that are answered is no longer read.
    pub stop: CancellationToken,
    /// Ends the streams that are open.
    pub ending: CancellationToken,
}

impl<S> Service<Request<Body>> for Norm<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible, Future = Answer>,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let request = request.map(|body| Body::new(WithRest::new(body, self.stop.clone())));
        let ceiling = self.ceilings.of(request.uri().path());
        let limit = match grpc_timeout(request.headers()) {
            Ok(None) => ceiling,
            // tonic runs a timer of its own and would answer CANCELLED; ours must be the first of
            // the two.
            Ok(Some(wanted)) => wanted.saturating_sub(Duration::from_millis(1)).min(ceiling),
            Err(Malformed) => return Box::pin(ready(Ok(status::malformed_timeout().into_http()))),
        };
        // Counted from here, as tonic's is, and not from when the call is first looked after.
        let begun = Instant::now();
        let peer = request.extensions().get::<Arc<Peer>>().cloned();
        let span = tracing::info_span!("rpc", rpc.path = request.uri().path());
        let answer = span.in_scope(|| self.inner.call(request));
        let (ending, testing) = (self.ending.clone(), self.testing);
        Box::pin(
            async move {
                let answer = tokio::time::timeout_at(begun + limit, answer).await;
                let mut answer = answer
                    .unwrap_or_else(|_| Ok(status::deadline_exceeded().into_http()))
                    .map(|answer| normal(answer, ending, peer));
                if let Ok(answer) = &mut answer {
                    log(answer, begun.elapsed(), ceiling);
                    if testing {
                        answer.headers_mut().insert(TESTING_HEADER, HeaderValue::from_static("true"));
                    }
                }
                answer
            }
            .instrument(span),
        )
    }
}

/// A call that took more than this part of its ceiling was slow.
const SLOW: u32 = 10;

/// Lines about calls that failed, and slow ones, by their codes.
static TOLD: [Pace; 17] = [const { Pace::new() }; 17];

/// One line a call. What a caller did wrong is told to the caller, and here only to who asks for
/// it.
fn log(answer: &Response<Body>, duration: Duration, ceiling: Duration) {
    let code = answer.headers().get(GRPC_STATUS).map_or(Code::Ok, |code| Code::from_bytes(code.as_bytes()));
    let duration_ms = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    match code {
        Code::Ok if duration > ceiling / SLOW => {
            if let Some(passed_over) = TOLD[code as usize].next() {
                tracing::info!(rpc.code = ?code, duration_ms, passed_over, "answered slowly");
            }
        }
        code if is_ours(code) => {
            if let Some(passed_over) = TOLD[code as usize].next() {
                tracing::info!(rpc.code = ?code, duration_ms, passed_over, "not answered");
            }
        }
        code => tracing::debug!(rpc.code = ?code, duration_ms, "answered"),
    }
}

/// Whether it is the server that failed, or had too much to do, and not the caller who asked for
/// something wrong.
fn is_ours(code: Code) -> bool {
    match code {
        Code::Unknown
        | Code::DeadlineExceeded
        | Code::ResourceExhausted
        | Code::Aborted
        | Code::Internal
        | Code::Unavailable
        | Code::DataLoss => true,
        Code::Ok
        | Code::Cancelled
        | Code::InvalidArgument
        | Code::NotFound
        | Code::AlreadyExists
        | Code::PermissionDenied
        | Code::FailedPrecondition
        | Code::OutOfRange
        | Code::Unimplemented
        | Code::Unauthenticated => false,
    }
}

/// The answer with the code that the conventions ask for.
fn normal(mut answer: Response<Body>, ending: CancellationToken, peer: Option<Arc<Peer>>) -> Response<Body> {
    if let Some(status) = better(answer.headers()) {
        return status.into_http();
    }
    if !answer.headers().contains_key(GRPC_STATUS) {
        let (body, room) = (std::mem::take(answer.body_mut()), answer.extensions_mut().remove());
        *answer.body_mut() = Body::new(Sent {
            body: Some(body),
            peer,
            room,
            pieces: Vec::new().into_iter(),
            ending,
            cut: None,
        });
    }
    answer
}

/// tonic says OUT_OF_RANGE when a message is too large, and nobody here says it otherwise.
fn better(headers: &HeaderMap) -> Option<Status> {
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
struct Sent {
    body: Option<Body>,
    peer: Option<Arc<Peer>>,
    /// Held until the first bytes count themselves.
    room: Option<Arc<Held>>,
    /// What is left of a frame.
    pieces: std::vec::IntoIter<Bytes>,
    ending: CancellationToken,
    /// Made only when the body makes us wait, which that of an ordinary call never does.
    cut: Option<Pin<Box<WaitForCancellationFutureOwned>>>,
}

impl http_body::Body for Sent {
    type Data = Bytes;
    type Error = Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        let this = &mut *self;
        if let Some(piece) = this.pieces.next() {
            return Poll::Ready(Some(Ok(Frame::data(piece))));
        }
        let Some(body) = &mut this.body else { return Poll::Ready(None) };
        match Pin::new(body).poll_frame(context) {
            Poll::Ready(Some(Ok(frame))) => {
                Poll::Ready(Some(Ok(match (frame.trailers_ref().and_then(better), &this.peer) {
                    (Some(status), _) => trailers(&status),
                    (None, Some(peer)) => match frame.into_data() {
                        Ok(data) => {
                            this.pieces = peer.pieces(data).into_iter();
                            this.room = None;
                            Frame::data(this.pieces.next().unwrap_or_default())
                        }
                        Err(other) => other,
                    },
                    (None, None) => frame,
                })))
            }
            Poll::Ready(other) => Poll::Ready(other),
            Poll::Pending => {
                let cut = this.cut.get_or_insert_with(|| Box::pin(this.ending.clone().cancelled_owned()));
                std::task::ready!(cut.as_mut().poll(context));
                this.body = None;
                Poll::Ready(Some(Ok(trailers(&status::going_away()))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.pieces.as_slice().is_empty() && self.body.as_ref().is_none_or(http_body::Body::is_end_stream)
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

/// The header `grpc-timeout` cannot be read.
#[derive(Debug, PartialEq, Eq)]
struct Malformed;

/// What the caller allows: `grpc-timeout`, at most eight digits and a unit.
fn grpc_timeout(headers: &HeaderMap) -> Result<Option<Duration>, Malformed> {
    let Some(value) = headers.get("grpc-timeout") else { return Ok(None) };
    let Some((unit, digits)) = value.as_bytes().split_last() else { return Err(Malformed) };
    if digits.is_empty() || digits.len() > 8 {
        return Err(Malformed);
    }
    let mut number = 0;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return Err(Malformed);
        }
        number = number * 10 + u64::from(digit - b'0');
    }
    Ok(Some(match unit {
        b'H' => Duration::from_secs(number * 3600),
        b'M' => Duration::from_secs(number * 60),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return Err(Malformed),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_has_eight_digits_at_most_and_a_unit() {
        let read = |text: &'static str| {
            grpc_timeout(&HeaderMap::from_iter([(
                "grpc-timeout".parse().unwrap(),
                HeaderValue::from_static(text),
            )]))
        };
        assert_eq!(grpc_timeout(&HeaderMap::new()), Ok(None));
        assert_eq!(read("1H"), Ok(Some(Duration::from_secs(3600))));
        assert_eq!(read("2M"), Ok(Some(Duration::from_secs(120))));
        assert_eq!(read("99999999S"), Ok(Some(Duration::from_secs(99_999_999))));
        assert_eq!(read("250m"), Ok(Some(Duration::from_millis(250))));
        assert_eq!(read("7u"), Ok(Some(Duration::from_micros(7))));
        assert_eq!(read("0n"), Ok(Some(Duration::ZERO)));
        for wrong in ["", "S", "1", "1s", "1.5S", "-1S", "+1S", "123456789S", "1 S", "H1", "soon"] {
            assert_eq!(read(wrong), Err(Malformed), "{wrong:?}");
        }
    }

    #[test]
    fn tasks_and_imports_may_take_longer() {
        let ceilings = Ceilings { call: Duration::from_secs(30), task: Duration::from_secs(600) };
        assert_eq!(ceilings.of("/etutor.v1.TaskService/CreateClassTasks"), ceilings.task);
        assert_eq!(ceilings.of("/etutor.v1.ImportService/Import"), ceilings.task);
        assert_eq!(ceilings.of("/etutor.v1.TaskServices/X"), ceilings.call);
        assert_eq!(ceilings.of("/grpc.health.v1.Health/Check"), ceilings.call);
    }
}
