//! Health that tells the truth: a loop asks the database, and what it says is what
//! `grpc.health.v1.Health` answers.

use crate::error::{Error, Result};
use prost::Message as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// How long the database may take to answer.
const PROBE_TIMEOUT: Duration = Duration::from_millis(1_500);

/// The database that the services need.
pub trait Database: Send + Sync + 'static {
    /// Whether it is the one that the services were made for. Asked until it says yes once; no call
    /// is taken before.
    fn check(&self) -> impl Future<Output = Result<()>> + Send;

    /// Whether it answers.
    fn ping(&self) -> impl Future<Output = Result<()>> + Send;

    /// Told after each probe: `true` = there was no answer in time.
    fn set_away(&self, away: bool);
}

/// What is known of the server's health.
#[derive(Clone, Debug)]
pub(super) struct Health {
    pub reporter: HealthReporter,
    names: Arc<[String]>,
    /// Whether the database has been found to be the right one since the start.
    pub ready: Arc<AtomicBool>,
}

impl Health {
    /// NOT_SERVING, until a probe says otherwise; for the services of these descriptors.
    pub(super) async fn new(descriptors: &[u8]) -> Result<Self> {
        let names = std::iter::once(String::new()).chain(service_names(descriptors)?).collect();
        let health = Self { reporter: HealthReporter::new(), names, ready: Arc::default() };
        health.set(ServingStatus::NotServing).await;
        Ok(health)
    }

    /// Sets the server as a whole (the empty name) and each service.
    pub(super) async fn set(&self, status: ServingStatus) {
        for name in self.names.iter() {
            self.reporter.set_service_status(name, status).await;
        }
    }

    /// Asks the database once.
    pub(super) async fn probe(&self, database: &impl Database) -> Result<()> {
        let answer = async {
            if !self.ready.load(Ordering::Relaxed) {
                database.check().await?;
                self.ready.store(true, Ordering::Relaxed);
            }
            database.ping().await
        };
        let answer = tokio::time::timeout(PROBE_TIMEOUT, answer).await;
        // One that answers is not away, whatever it says.
        database.set_away(answer.is_err());
        answer.unwrap_or_else(|_| {
            Err(Error::Unavailable(format!("no answer within {} ms", PROBE_TIMEOUT.as_millis())))
        })
    }

    /// Keeps asking, and says when the answer has changed; `last` is the first one.
    pub(super) async fn watch(
        self,
        database: impl Database,
        every: Duration,
        mut last: Result<(), String>,
        stop: CancellationToken,
    ) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(every) => {}
            }
            let answer = tokio::select! {
                () = stop.cancelled() => return,
                answer = self.probe(&database) => answer.map_err(|error| error.to_string()),
            };
            if answer != last {
                self.publish(&answer).await;
                last = answer;
            }
        }
    }

    /// Makes a probe's answer known.
    pub(super) async fn publish(&self, answer: &Result<(), String>) {
        match answer {
            Ok(()) => {
                tracing::info!("the database is in order: SERVING");
                self.set(ServingStatus::Serving).await;
            }
            Err(cause) => {
                tracing::warn!(cause, "the database is not in order: NOT_SERVING");
                self.set(ServingStatus::NotServing).await;
            }
        }
    }
}

/// The services of a protocol.
fn service_names(descriptors: &[u8]) -> Result<Vec<String>> {
    let set = prost_types::FileDescriptorSet::decode(descriptors).map_err(Error::internal)?;
    let mut names = Vec::new();
    for file in &set.file {
        names.extend(file.service.iter().map(|service| format!("{}.{}", file.package(), service.name())));
    }
    Ok(names)
}
