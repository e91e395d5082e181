//! Pages that stay open: a stream of what is new on them, until its reader has gone.

use crate::app::App;
use crate::error::Result;
use crate::serve::status;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

/// A page that is shown.
pub(super) trait Page: Send + 'static {
    /// What is new on it; by default nothing.
    type News: Default + Send + 'static;
    /// Waits until something is new.
    fn next(&mut self) -> impl Future<Output = Result<Self::News>> + Send;
}

/// The open pages of a service.
#[derive(Clone, Debug)]
pub(super) struct OpenPages {
    room: Arc<Semaphore>,
    /// After this without news a page says that there is none.
    quiet: Duration,
    /// It is closed when its reader does not read for so long.
    unread: Duration,
}

impl OpenPages {
    /// So many at most.
    pub(super) fn new(app: &App, most: usize) -> Self {
        let server = &app.config.server;
        let room = Arc::new(Semaphore::new(most));
        Self { room, quiet: server.watch_quiet(), unread: server.unread_timeout() }
    }

    /// Room for one more.
    ///
    /// # Errors
    /// As many are open as the server takes.
    pub(super) fn room(&self) -> Result<OwnedSemaphorePermit, Status> {
        let full = |_| status::shed("as many pages are open as the server takes; try again");
        self.room.clone().try_acquire_owned().map_err(full)
    }

    /// Shows a page that begins with `first`, until its reader has gone or the page cannot be
    /// looked at any more.
    pub(super) fn show<P: Page, M: From<P::News> + Send + 'static>(
        &self,
        page: P,
        first: P::News,
        room: OwnedSemaphorePermit,
    ) -> ReceiverStream<Result<M, Status>> {
        // One message that waits to be read: a slow reader is shown what has changed since what it
        // has read.
        let (say, heard) = mpsc::channel(1);
        tokio::spawn(show(page, first, say, (self.quiet, self.unread), room));
        ReceiverStream::new(heard)
    }
}

async fn show<P: Page, M: From<P::News>>(
    mut page: P,
    first: P::News,
    say: mpsc::Sender<Result<M, Status>>,
    (quiet, unread): (Duration, Duration),
    _room: OwnedSemaphorePermit,
) {
    let mut news = Ok(first);
    while let Ok(shown) = news {
        let Ok(Ok(())) = timeout(unread, say.send(Ok(shown.into()))).await else { return };
        news = tokio::select! {
            () = say.closed() => return,
            // No news is said too: proxies close what is silent.
            news = timeout(quiet, page.next()) => news.unwrap_or_else(|_| Ok(P::News::default())),
        };
    }
    if let Err(error) = news {
        // The reader may have gone meanwhile.
        let _heard = timeout(unread, say.send(Err(error.into()))).await;
    }
}
