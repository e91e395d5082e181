//! Puts an `App` together, and tells the lower parts which code follows them without their knowing
//! it.

use super::App;
use super::after::{After, Follow};
use super::calendars::Calendars;
use super::sign_up::SignUpQueue;
use super::staffing::sent;
use super::turns::Turns;
use crate::clock::Clock;
use crate::config::Config;
use crate::domain::state::MessageKind;
use crate::storage::Db;
use std::sync::Arc;

/// What follows when messages settle.
const AFTER: &[Follow] = &[Follow {
    kind: MessageKind::Invitation,
    answer_until: sent::answer_until,
    settled: sent::messages_settled,
}];

impl App {
    /// An application on a database.
    pub fn new(db: Db, clock: Clock, config: impl Into<Arc<Config>>) -> Self {
        let (sign_ups, turns, calendars) = (SignUpQueue::default(), Turns::default(), Calendars::default());
        let (config, reloaded, after) = (config.into(), Arc::default(), After(AFTER));
        Self { db, clock, config, reloaded, sign_ups, turns, calendars, after }
    }
}
