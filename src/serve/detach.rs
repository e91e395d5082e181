//! From a request to the work it asks for: the request is read, its turn and its permits are taken,
//! and the work is detached from its caller.
//!
//! The work goes on when its caller has gone: a handler that is dropped in the middle of `begin`
//! hands a pooled PostgreSQL connection back inside an open transaction, and later writes that were
//! acknowledged are lost. Nothing is taken for a request that has not arrived, and no connection or
//! kind of call can take all there is.

use super::answer::Answer;
use super::kind::{Kind, Kinds};
use super::peer::{Held, Peer, Peers};
use super::request::{self, BodyReader, acquire};
use super::status;
use http::{Request, Response};
use std::any::Any;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;
use tonic::body::Body;
use tonic::service::Routes;
use tower::{Service, ServiceExt};
use tracing::Instrument;

/// How much of each kind is worked at at once.
#[derive(Clone, Debug)]
pub(super) struct Limits {
    calls: Arc<Semaphore>,
    tasks: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    standing: Arc<Semaphore>,
}

impl Limits {
    /// Of calls, tasks, uploads and standing streams.
    pub(super) fn new(limits: [usize; 4]) -> Self {
        let [calls, tasks, uploads, standing] = limits.map(|limit| Arc::new(Semaphore::new(limit)));
        Self { calls, tasks, uploads, standing }
    }

    /// The limit of a kind, and what is said when there is no more. Open pages have a limit of
    /// their own.
    fn of(&self, kind: Kind) -> Option<(&Arc<Semaphore>, &'static str)> {
        match kind {
            Kind::Unlimited | Kind::Page => None,
            Kind::Call => Some((&self.calls, "the server is busy; try again")),
            Kind::Task => {
                Some((&self.tasks, "as many tasks are running as the server takes at once; try again"))
            }
            Kind::Upload => {
                Some((&self.uploads, "as many imports are running as the server takes at once; try again"))
            }
            Kind::Standing => {
                Some((&self.standing, "as many streams are open as the server takes at once; try again"))
            }
        }
    }
}

/// The services, detached, limited and guarded; beside them health and reflection, which answer
/// under any load.
#[derive(Clone, Debug)]
pub(super) struct Detach {
    pub routes: Routes,
    pub unlimited: Routes,
    pub kinds: Kinds,
    pub limits: Limits,
    pub bodies: BodyReader,
    pub peers: Arc<Peers>,
    pub work: TaskTracker,
    /// Ends standing streams: the calls in flight are waited for, and these would not end.
    pub stop: CancellationToken,
    /// Whether the database has been found to be the right one since the start.
    pub ready: Arc<AtomicBool>,
}

/// What a call holds until its work has ended; what is reserved, until its answer is counted. Given
/// back in this order: whoever waits for the turn takes a permit next, and is refused when there is
/// none yet.
#[derive(Default)]
struct Holds {
    _permit: Option<OwnedSemaphorePermit>,
    reserved: Option<Held>,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Service<Request<Body>> for Detach {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Answer;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Answer {
        let kind = self.kinds.of(request.uri().path());
        if kind == Kind::Unlimited {
            return Box::pin(self.unlimited.call(request));
        }
        if !self.ready.load(Ordering::Relaxed) {
            return Box::pin(std::future::ready(Ok(status::unavailable(
                "the database is not ready yet; try again",
            )
            .into_http())));
        }
        // Under load most is turned away here, where it costs least.
        if let Some((limit, busy)) = self.limits.of(kind)
            && limit.available_permits() == 0
        {
            return Box::pin(std::future::ready(Ok(status::shed(busy).into_http())));
        }
        let detach = self.clone();
        Box::pin(async move { Ok(detach.answer(kind, request).await.unwrap_or_else(Status::into_http)) })
    }
}

impl Detach {
    async fn answer(self, kind: Kind, request: Request<Body>) -> Result<Response<Body>, Status> {
        // A connection of ours always has one; what has none is by itself.
        let peer = request.extensions().get::<Arc<Peer>>().cloned().unwrap_or_else(|| self.peers.join());
        let caller = CancellationToken::new();
        let guard = caller.clone().drop_guard();
        let (parts, body) = request.into_parts();
        let (body, holds) = match kind {
            Kind::Upload => {
                let turn = acquire(&peer.uploads).await?;
                let body = self.bodies.upload(body, caller.cancelled_owned());
                (body, Holds { _turn: Some(turn), _permit: self.permit(kind)?, ..Holds::default() })
            }
            // Proxies have many of them on one connection.
            Kind::Standing => {
                let body =
                    request::standing(body, caller.cancelled_owned(), self.stop.clone().cancelled_owned());
                (body, Holds { _permit: self.permit(kind)?, ..Holds::default() })
            }
            Kind::Page => (self.bodies.whole(body, &peer).await?, Holds::default()),
            Kind::Unlimited | Kind::Call | Kind::Task => {
                let body = self.bodies.whole(body, &peer).await?;
                let (turn, reserved) = (acquire(&peer.calls).await?, peer.reserve().await);
                (body, Holds { reserved: Some(reserved), _turn: Some(turn), _permit: self.permit(kind)? })
            }
        };
        let (request, tracker) = (Request::from_parts(parts, body), self.work.clone());
        // What is held is held by the work: without a caller it still counts.
        let work = async move {
            let mut holds = holds;
            let mut answer = self.routes.oneshot(request).await?;
            if let Some(reserved) = holds.reserved.take() {
                answer.extensions_mut().insert(Arc::new(reserved));
            }
            Ok::<_, Infallible>(answer)
        };
        let outcome = tracker.spawn(work.instrument(tracing::Span::current())).await;
        guard.disarm();
        match outcome {
            Ok(Ok(answer)) => Ok(answer),
            Err(error) => Err(match error.try_into_panic() {
                Ok(panic) => status::panicked(text_of(&*panic)),
                Err(_cancelled) => status::going_away(),
            }),
        }
    }

    fn permit(&self, kind: Kind) -> Result<Option<OwnedSemaphorePermit>, Status> {
        let Some((limit, busy)) = self.limits.of(kind) else { return Ok(None) };
        limit.clone().try_acquire_owned().map(Some).map_err(|_| status::shed(busy))
    }
}

fn text_of(panic: &(dyn Any + Send)) -> &str {
    match panic.downcast_ref::<String>() {
        Some(text) => text,
        None => panic.downcast_ref::<&str>().unwrap_or(&"without a text"),
    }
}
