//! Use cases, one file per aggregate. They own the transactions; RPCs, tasks and the demo call
//! them.

mod after;
mod calendars;
pub mod call;
pub(crate) mod catalog;
pub(crate) mod class;
pub(crate) mod clock;
pub(crate) mod coach;
pub(crate) mod continuing;
pub mod enrollment;
mod group_commit;
mod halves;
pub(crate) mod idempotency;
pub mod import;
pub(crate) mod input;
pub(crate) mod make_up;
pub mod monitor;
pub mod opening;
pub mod outbox;
pub(crate) mod place;
pub mod presence;
pub(crate) mod pulse;
pub mod report;
mod sign_up;
pub(crate) mod staff_notice;
pub mod staffing;
pub(crate) mod student;
pub(crate) mod turns;
pub mod upkeep;
mod wiring;

use crate::clock::Clock;
use crate::config::Config;
use crate::domain::rules::Rules;
use crate::domain::time::{BusinessTime, Instant};
use crate::error::Result;
use crate::message::sender::Gateways;
use crate::storage::{Db, Txn};
use after::After;
use calendars::Calendars;
use pulse::Pulse;
use sign_up::SignUpQueue;
use std::sync::{Arc, PoisonError, RwLock};
use turns::Turns;

/// What every use case needs; cheap to clone.
#[derive(Clone, Debug)]
pub struct App {
    /// The database.
    pub db: Db,
    /// The one clock.
    pub clock: Clock,
    /// The configuration as it was at the start.
    pub config: Arc<Config>,
    /// What it said when it was read anew, if it was; see [`App::current`].
    pub reloaded: Arc<RwLock<Option<Config>>>,
    /// Where sign-ups wait to be decided together.
    pub sign_ups: SignUpQueue,
    /// What was heard of people, and waits to be written.
    pub pulse: Pulse,
    /// Where writers of the same rows wait for each other.
    pub turns: Turns,
    /// What is known of the lesson days of templates.
    pub calendars: Calendars,
    /// What follows when messages settle.
    pub after: After,
    /// Where messages are handed over.
    pub gateways: Gateways,
}

impl App {
    /// The configuration as it is now. Only the keys of [`LIVE`](crate::config::LIVE) may differ
    /// from `config`: read those here, and once for a piece of work.
    pub fn current(&self) -> Arc<Config> {
        match &*self.reloaded.read().unwrap_or_else(PoisonError::into_inner) {
            Some(new) => Arc::new(self.config.following(new)),
            None => self.config.clone(),
        }
    }

    /// From now on, what a new configuration says in those keys.
    pub fn follow(&self, new: &Config) {
        *self.reloaded.write().unwrap_or_else(PoisonError::into_inner) = Some(new.clone());
    }

    /// The current instant by the one clock.
    pub async fn now(&self) -> Result<Instant> {
        self.clock.now(self.db.reader()).await
    }

    /// The same inside a transaction, which may have waited for a lock since it began.
    pub(crate) async fn now_in(&self, txn: &Txn) -> Result<Instant> {
        self.clock.now(txn).await
    }

    /// The tunable numbers.
    pub fn rules(&self) -> &Rules {
        &self.config.rules
    }

    /// The business zone.
    pub fn time(&self) -> BusinessTime {
        self.config.rules.time
    }
}
