//! The outermost layer: every call has a deadline, every answer a line in the log.
//!
//! tonic alone answers CANCELLED at a deadline, ignores a `grpc-timeout` that it cannot read and
//! has no ceiling of its own.

use super::answer::{Answer, GRPC_STATUS, finished};
use super::discard::DiscardRest;
use super::kind::{Kind, Kinds};
use super::peer::Peer;
use super::status;
use crate::log::Pace;
use http::{HeaderMap, Request, Response};
use std::convert::Infallible;
use std::future::{poll_fn, ready};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tonic::body::Body;
use tower::Service;
use tracing::Instrument;

/// A standing stream is answered when it ends; after so long it is ended.
const STANDING: Duration = Duration::from_secs(365 * 24 * 3600);

/// The longest a call may take until its answer begins, whatever its caller says. An open stream is
/// not cut.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ceilings {
    /// Of a call.
    pub call: Duration,
    /// Of a scheduled task or an upload.
    pub task: Duration,
}

impl Ceilings {
    fn of(&self, kind: Kind) -> Duration {
        match kind {
            Kind::Task | Kind::Upload => self.task,
            Kind::Standing => STANDING,
            Kind::Call | Kind::Page | Kind::Unlimited => self.call,
        }
    }
}

/// Gives every call a deadline and logs every answer; see the head of this file.
#[derive(Clone, Debug)]
pub(super) struct Deadlines<S> {
    pub inner: S,
    pub kinds: Kinds,
    pub ceilings: Ceilings,
    /// Headers that every answer carries.
    pub headers: Arc<HeaderMap>,
    /// No new calls are taken; what is left of requests that are answered is no longer read.
    pub stop: CancellationToken,
    /// Ends the streams that are open.
    pub end_streams: CancellationToken,
}

impl<S> Service<Request<Body>> for Deadlines<S>
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
        let request = request.map(|body| Body::new(DiscardRest::new(body, self.stop.clone())));
        let ceiling = self.ceilings.of(self.kinds.of(request.uri().path()));
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
        let (end_streams, headers) = (self.end_streams.clone(), self.headers.clone());
        Box::pin(
            async move {
                let answer = until(begun + limit, answer).await;
                let mut answer = answer
                    .unwrap_or_else(|| Ok(status::deadline_exceeded().into_http()))
                    .map(|answer| finished(answer, end_streams, peer));
                if let Ok(answer) = &mut answer {
                    log(answer, begun.elapsed(), ceiling);
                    for (name, value) in headers.iter() {
                        answer.headers_mut().insert(name, value.clone());
                    }
                }
                answer
            }
            .instrument(span),
        )
    }
}

/// What a call answers until then, by the clock: of two timers that have run out the later may fire
/// first, and tonic's would.
async fn until<T>(deadline: Instant, answer: impl Future<Output = T>) -> Option<T> {
    let mut answer = pin!(answer);
    let mut over = pin!(sleep_until(deadline));
    poll_fn(|context| match answer.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending if over.as_mut().poll(context).is_ready() || deadline <= Instant::now() => {
            Poll::Ready(None)
        }
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// A call that took more than this part of its ceiling was slow.
const SLOW: u32 = 10;

/// What log filters know the lines about calls by.
const RPC: &str = "etutor::rpc";

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
                tracing::info!(
                    target: RPC,
                    { rpc.code = ?code, duration_ms, passed_over },
                    "answered slowly"
                );
            }
        }
        code if is_ours(code) => {
            if let Some(passed_over) = TOLD[code as usize].next() {
                tracing::info!(target: RPC, { rpc.code = ?code, duration_ms, passed_over }, "not answered");
            }
        }
        code => tracing::debug!(target: RPC, { rpc.code = ?code, duration_ms }, "answered"),
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
    use http::HeaderValue;

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
    fn tasks_and_uploads_may_take_longer() {
        let ceilings = Ceilings { call: Duration::from_secs(30), task: Duration::from_secs(600) };
        let long = |kind| ceilings.of(kind) == ceilings.task;
        assert!(long(Kind::Task) && long(Kind::Upload));
        assert!(ceilings.of(Kind::Standing) > ceilings.task);
        assert!(!long(Kind::Call) && !long(Kind::Page) && !long(Kind::Unlimited));
    }
}
