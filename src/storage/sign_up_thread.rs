//! The thread on which sign-ups are decided.
//!
//! A batch of sign-ups needs at least five consecutive round trips to the database. On the threads
//! that serve RPCs, each of these steps would queue behind all requests that have arrived
//! meanwhile. Here the batch continues as soon as the database has answered (benches/RESULTS.md
//! says what that is worth).

use std::convert::Infallible;
use std::future::Future;
use std::sync::OnceLock;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// The thread; there is none before the first task.
#[derive(Debug, Default)]
pub(super) struct SignUpThread {
    worker: OnceLock<Option<Worker>>,
}

#[derive(Debug)]
struct Worker {
    runtime: Handle,
    /// The thread ends when this is dropped, which may well happen on itself.
    _end: oneshot::Sender<Infallible>,
}

impl SignUpThread {
    /// Runs a task on the thread; beside the caller when the system gives no thread.
    pub(super) fn spawn<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> JoinHandle<T> {
        match self.worker.get_or_init(Worker::start) {
            Some(worker) => worker.runtime.spawn(task),
            None => tokio::spawn(task),
        }
    }
}

impl Worker {
    fn start() -> Option<Self> {
        let (end, ended) = oneshot::channel::<Infallible>();
        let started = Builder::new_current_thread().enable_all().build().and_then(|runtime| {
            let handle = runtime.handle().clone();
            // Connections that are opened on the thread are watched by it, so they last as long as
            // it: `Db` holds both.
            let run = move || drop(runtime.block_on(ended));
            std::thread::Builder::new().name("etutor-sign-up".to_owned()).spawn(run).map(|_thread| handle)
        });
        match started {
            Ok(runtime) => Some(Self { runtime, _end: end }),
            Err(error) => {
                tracing::warn!(%error, "no separate thread could be started for sign-ups");
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tasks_share_a_thread_of_their_own() {
        let thread = SignUpThread::default();
        let of = || std::thread::current().id();
        let first = thread.spawn(async move { of() }).await.unwrap();
        assert_eq!(first, thread.spawn(async move { of() }).await.unwrap());
        assert_ne!(first, of());
    }

    #[tokio::test]
    async fn the_last_task_may_end_the_thread() {
        let thread = std::sync::Arc::new(SignUpThread::default());
        let (own, (go, gone)) = (thread.clone(), oneshot::channel::<()>());
        let task = thread.spawn(async move {
            gone.await.unwrap();
            drop(own);
            7
        });
        drop(thread);
        go.send(()).unwrap();
        assert_eq!(task.await.unwrap(), 7);
    }
}
