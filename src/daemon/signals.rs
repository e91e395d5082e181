//! What the server does on each signal.

use crate::error::{Error, Result};
use crate::exit::FAILED;
use crate::log::Log;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// How long the last lines of the log may take when everything is to end at once.
const NOW: Duration = Duration::from_millis(100);

/// SIGXFSZ, on Linux and macOS: a file has reached its largest size (`ulimit -f`).
const FILE_TOO_LARGE: i32 = 25;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    End,
    Reload,
    Nothing,
}

/// The signals that would otherwise end the process where it stands.
#[derive(Debug)]
pub(super) struct Signals {
    end: [Signal; 3],
    reload: Signal,
    nothing: [Signal; 3],
}

impl Signals {
    /// From now on they are ours.
    pub(super) fn take() -> Result<Self> {
        let take = |kind: SignalKind| signal(kind).map_err(Error::internal);
        // With a handler, a write beyond the largest size is an error of that write and not the end
        // of the process. It is not listened to: the log may be the file.
        drop(take(SignalKind::from_raw(FILE_TOO_LARGE))?);
        Ok(Self {
            end: [take(SignalKind::terminate())?, take(SignalKind::interrupt())?, take(SignalKind::quit())?],
            reload: take(SignalKind::hangup())?,
            nothing: [
                take(SignalKind::user_defined1())?,
                take(SignalKind::user_defined2())?,
                take(SignalKind::alarm())?,
            ],
        })
    }

    async fn next(&mut self) -> (Wish, &'static str) {
        let [terminate, interrupt, quit] = &mut self.end;
        let [user1, user2, alarm] = &mut self.nothing;
        tokio::select! {
            _ = terminate.recv() => (Wish::End, "SIGTERM"),
            _ = interrupt.recv() => (Wish::End, "SIGINT"),
            _ = quit.recv() => (Wish::End, "SIGQUIT"),
            _ = self.reload.recv() => (Wish::Reload, "SIGHUP"),
            _ = user1.recv() => (Wish::Nothing, "SIGUSR1"),
            _ = user2.recv() => (Wish::Nothing, "SIGUSR2"),
            _ = alarm.recv() => (Wish::Nothing, "SIGALRM"),
        }
    }

    /// Listens to them: the first that asks for the end cancels `shutdown`, the second ends the
    /// process at once. SIGHUP asks for `reload`, or, where there is nothing to read anew, for the
    /// end.
    pub(super) fn attend(mut self, shutdown: CancellationToken, reload: Option<Arc<Notify>>, log: Log) {
        tokio::spawn(async move {
            loop {
                let (wish, signal) = self.next().await;
                match (wish, &reload) {
                    (Wish::Reload, Some(reload)) => reload.notify_one(),
                    (Wish::Nothing, _) => {
                        tracing::info!(signal, "this signal is ignored; SIGHUP reloads the configuration")
                    }
                    (Wish::End | Wish::Reload, _) if !shutdown.is_cancelled() => {
                        tracing::info!(signal, "shutting down");
                        shutdown.cancel();
                    }
                    (Wish::End | Wish::Reload, _) => {
                        tracing::warn!(signal, "told again to shut down: unfinished work is cut off");
                        log.finish(NOW);
                        std::process::exit(FAILED.into());
                    }
                }
            }
        });
    }
}
