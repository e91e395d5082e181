//! SIGHUP: reads the configuration again, and applies what may change while the server runs.

use crate::app::App;
use crate::config::{Config, ConfigError, Keys, LIVE, environment};
use crate::log::Log;
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Notify;

/// What is needed to read it anew.
#[derive(Debug)]
pub(super) struct Reload {
    /// The file that was named at the start.
    pub(super) file: Option<PathBuf>,
    /// What the server goes by.
    pub(super) keys: Keys,
    /// For `log.filter`.
    pub(super) log: Log,
    /// For all else.
    pub(super) app: App,
}

impl Reload {
    /// Reads it whenever it is asked for, one time after the other.
    pub(super) async fn attend(mut self, asked: Arc<Notify>) {
        loop {
            asked.notified().await;
            tracing::info!("reloading the configuration");
            let file = self.file.clone();
            // The file may be a pipe that nobody writes into.
            let loaded =
                tokio::task::spawn_blocking(move || Config::load_with_keys(file.as_deref(), environment()))
                    .await;
            match loaded {
                Ok(Ok((config, keys))) => self.follow(&config, &keys),
                Ok(Err(error)) => refuse(&error),
                Err(error) => {
                    tracing::error!(%error, "the configuration could not be reloaded; nothing was changed")
                }
            }
        }
    }

    fn follow(&mut self, config: &Config, keys: &Keys) {
        let (followed, waiting): (Vec<String>, Vec<String>) =
            self.keys.changed(keys).into_iter().partition(|key| LIVE.contains(&key.as_str()));
        self.app.follow(config);
        self.keys.follow(keys);
        let changed = if followed.is_empty() { "nothing".to_owned() } else { followed.join(", ") };
        // Before a new filter may hide it.
        tracing::info!(changed, "the configuration was reloaded");
        if !waiting.is_empty() {
            tracing::warn!(keys = waiting.join(", "), "these keys have changed too, which needs a restart");
        }
        if followed.iter().any(|key| key == "log.filter") {
            match self.log.refilter(&config.log.filter) {
                Ok(()) => tracing::info!(filter = config.log.filter, "the log filter was changed"),
                Err(error) => tracing::error!(%error, "the log filter could not be changed"),
            }
        }
    }
}

fn refuse(error: &ConfigError) {
    for problem in &error.problems {
        tracing::error!("the configuration is wrong: {problem}");
    }
    tracing::error!(problems = error.problems.len(), "the configuration is wrong, so nothing was changed");
}
