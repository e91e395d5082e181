//! A server that may be killed amid a call; it is started again, and asked again.

use super::killer::{Calls, Killer};
use super::process::Server;
use super::snapshot;
use std::time::Duration;
use tonic::transport::Channel;
use tonic::{Code, Status};

/// The program on a database, and who kills it.
pub struct Mortal {
    url: String,
    server: Server,
    killer: Killer,
    /// What was called.
    pub calls: Calls,
    /// Calls that were never answered because the server was killed.
    pub unanswered: usize,
}

impl Mortal {
    pub async fn start(url: &str, killer: Killer) -> Self {
        let server = Server::start(url).await;
        Self { url: url.to_owned(), server, killer, calls: Calls::new(), unanswered: 0 }
    }

    pub fn kills(&self) -> usize {
        self.killer.kills()
    }

    /// Whether the last call of this name changed anything.
    pub fn changed(&mut self, call: &str, changed: bool) {
        self.calls.get_mut(call).unwrap().1 = changed;
    }

    /// Makes a call. When its moment has come the server is killed amid it, started again, and
    /// asked again.
    pub async fn call<T, F>(&mut self, name: &str, rpc: impl Fn(Channel) -> F) -> Result<T, Status>
    where
        T: Send + 'static,
        F: Future<Output = Result<T, Status>> + Send + 'static,
    {
        if let Some(moment) = self.killer.strikes(name) {
            let call = tokio::spawn(rpc(self.server.channel()));
            tokio::time::sleep(moment).await;
            self.server.kill();
            snapshot::is_whole(&self.url).await;
            self.unanswered += usize::from(
                call.await.unwrap().is_err_and(|status| status.code() != Code::FailedPrecondition),
            );
            self.server = Server::start(&self.url).await;
        }
        let mut tried = 0;
        loop {
            let begun = std::time::Instant::now();
            match rpc(self.server.channel()).await {
                // What the killed server's connections have not let go of yet.
                Err(status) if tried < 20 && matches!(status.code(), Code::Unavailable | Code::Aborted) => {
                    tried += 1
                }
                answer => {
                    self.calls.insert(name.to_owned(), (begun.elapsed(), false));
                    return answer;
                }
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}
