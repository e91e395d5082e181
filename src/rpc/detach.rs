//! The work of a call goes on when its caller has gone: a handler that is dropped in the middle of `begin` hands a pooled
//! PostgreSQL connection back inside an open transaction, and later writes that were acknowledged are lost.

use super::norm::Answer;
use super::status;
use http::{Request, Response};
use http_body::{Frame, SizeHint};
use std::any::Any;
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::limit::{ConcurrencyLimit, GlobalConcurrencyLimitLayer};
use tower::load_shed::LoadShed;
use tower::{Layer, Service, ServiceExt};
use tracing::Instrument;

/// The services of the application, detached, limited and guarded; beside them health and reflection, which answer under any load.
#[derive(Clone, Debug)]
pub(super) struct Detach {
    /// A permit is taken inside the spawned work, so that work without a caller still counts.
    limited: LoadShed<ConcurrencyLimit<Routes>>,
    free: Routes,
    tracker: TaskTracker,
    ready: Arc<AtomicBool>,
}

impl Detach {
    /// `ready` tells whether the database has been found in order since the start.
    pub fn new(routes: Routes, free: Routes, concurrency: usize, tracker: TaskTracker, ready: Arc<AtomicBool>) -> Self {
        let limited = LoadShed::new(GlobalConcurrencyLimitLayer::new(concurrency).layer(routes.prepare()));
        Self { limited, free: free.prepare(), tracker, ready }
    }
}

impl Service<Request<Body>> for Detach {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        if request.uri().path().starts_with("/grpc.") {
            return Box::pin(self.free.call(request));
        }
        if !self.ready.load(Ordering::Relaxed) {
            return Box::pin(std::future::ready(Ok(status::unavailable("the database is not ready yet; try again").into_http())));
        }
        let caller = CancellationToken::new();
        let request = request.map(|body| Body::new(Abandonable { body, gone: Box::pin(caller.clone().cancelled_owned()) }));
        let limited = self.limited.clone();
        let work = async move { limited.oneshot(request).await };
        let work = self.tracker.spawn(work.instrument(tracing::Span::current()));
        let guard = caller.drop_guard();
        Box::pin(async move {
            let outcome = work.await;
            guard.disarm();
            Ok(match outcome {
                Ok(Ok(answer)) => answer,
                // The services themselves cannot fail: only the limit does.
                Ok(Err(_overloaded)) => status::shed().into_http(),
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => status::panicked(text_of(&*panic)).into_http(),
                    Err(_cancelled) => status::going_away().into_http(),
                },
            })
        })
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    match panic.downcast_ref::<String>() {
        Some(text) => text,
        None => panic.downcast_ref::<&str>().unwrap_or(&"without a text"),
    }
}

/// The body of a request, which breaks off when the caller has gone: a request that never ends must not keep its permit for ever.
struct Abandonable {
    body: Body,
    gone: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl http_body::Body for Abandonable {
    type Data = bytes::Bytes;
    type Error = Status;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Self::Data>, Status>>> {
        if self.gone.as_mut().poll(context).is_ready() {
            return Poll::Ready(Some(Err(status::caller_gone())));
        }
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        // tonic takes a body that failed with CANCELLED for one that came to its end: half an upload would pass for a whole one.
        Poll::Ready(frame.map(|frame| frame.map_err(|_| status::caller_gone())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
