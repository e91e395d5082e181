//! Health that tells the truth: a loop asks the database, and what it says is what
//! `grpc.health.v1.Health` answers.

use super::pb::DESCRIPTORS;
use crate::app::App;
use crate::error::{Error, Result};
use crate::storage::zone::zone_claim;
use prost::Message as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tonic_health::ServingStatus;
use tonic_health::server::HealthReporter;

/// How long the database may take to answer.
const PROBE_LIMIT: Duration = Duration::from_millis(1_500);

/// What is known of the server's health.
#[derive(Clone, Debug)]
pub(super) struct Health {
    pub reporter: HealthReporter,
    names: Arc<[String]>,
    /// Whether the database has been found with the right schema and zone since the start.
    pub ready: Arc<AtomicBool>,
}

impl Health {
    /// NOT_SERVING, until a probe says otherwise.
    pub(super) async fn new() -> Result<Self> {
        let names = std::iter::once(String::new()).chain(service_names()?).collect();
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
    pub(super) async fn probe(&self, app: &App) -> Result<()> {
        let answer = async {
            if !self.ready.load(Ordering::Relaxed) {
                app.db.check_schema().await?;
                zone_claim(&app.db, app.time().zone().name()).await?;
                self.ready.store(true, Ordering::Relaxed);
            }
            app.db.ping().await
        };
        let answer = tokio::time::timeout(PROBE_LIMIT, answer).await;
        // One that answers is not away, whatever it says.
        app.db.set_away(answer.is_err());
        answer.unwrap_or_else(|_| {
            Err(Error::Unavailable(format!("no answer within {} ms", PROBE_LIMIT.as_millis())))
        })
    }

    /// Keeps asking, and says when the answer has changed; `last` is the first one.
    pub(super) async fn watch(
        self,
        app: App,
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
                answer = self.probe(&app) => answer.map_err(|error| error.to_string()),
            };
            if answer != last {
                self.tell(&answer).await;
                last = answer;
            }
        }
    }

    /// Makes a probe's answer known.
    pub(super) async fn tell(&self, answer: &Result<(), String>) {
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

/// The services of the protocol.
fn service_names() -> Result<Vec<String>> {
    let set = prost_types::FileDescriptorSet::decode(DESCRIPTORS).map_err(Error::internal)?;
    let mut names = Vec::new();
    for file in &set.file {
        names.extend(file.service.iter().map(|service| format!("{}.{}", file.package(), service.name())));
    }
    Ok(names)
}
