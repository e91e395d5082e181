//! How a server ends, in order: no new connections, NOT_SERVING, GOAWAY, the calls in flight, the
//! open streams, what is left.

use std::pin::Pin;
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long what was cut off may take to end; what is left then is rolled back by the database.
const LAST_MOMENT: Duration = Duration::from_millis(500);

/// The steps by which a server ends. Dropping it takes all of them at once.
#[derive(Debug, Default)]
pub(super) struct Drain {
    /// No new connections and no new calls; clients are told by GOAWAY to go elsewhere.
    pub stop: CancellationToken,
    /// Ends the streams that are open.
    pub end_streams: CancellationToken,
    /// Closes the connections that are left.
    pub abort: CancellationToken,
    /// The work of the calls in flight.
    pub work: TaskTracker,
}

impl Drop for Drain {
    fn drop(&mut self) {
        self.stop.cancel();
        self.abort.cancel();
    }
}

impl Drain {
    /// Ends `server`, whose calls in flight may take so long.
    pub(super) async fn run<T>(
        &self,
        mut server: Pin<&mut impl Future<Output = T>>,
        not_serving: impl Future<Output = ()>,
        longest: Duration,
    ) {
        tracing::info!("ending: no new calls are taken");
        let last = Instant::now() + longest;
        // Ends the accepting and the health check, too.
        self.stop.cancel();
        not_serving.await;
        self.work.close();
        let mut ended = false;
        let in_flight = async {
            tokio::select! {
                // Connections without an endless stream end by themselves.
                _ = &mut server => ended = true,
                () = self.work.wait() => {}
            }
        };
        if timeout_at(last, in_flight).await.is_err() {
            tracing::warn!(
                unfinished = self.work.len(),
                drain_s = longest.as_secs(),
                "some calls did not end in time"
            );
        }
        // Only endless streams are left: `Health.Watch`, reflection.
        self.end_streams.cancel();
        if !ended {
            let last = last.max(Instant::now() + LAST_MOMENT);
            ended = timeout_at(last, &mut server).await.is_ok();
        }
        self.abort.cancel();
        if !ended && timeout(LAST_MOMENT, &mut server).await.is_err() {
            tracing::warn!("some connections did not close");
        }
        if timeout(LAST_MOMENT, self.work.wait()).await.is_err() {
            tracing::warn!(unfinished = self.work.len(), "work is left behind; the database rolls it back");
        }
        tracing::info!("ended");
    }
}
