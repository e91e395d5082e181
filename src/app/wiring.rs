//! Puts an `App` together: which code follows the lower parts without their knowing it, and the
//! gateways that the configuration names.

use super::App;
use super::after::{After, Follow};
use super::calendars::Calendars;
use super::pulse::Pulse;
use super::sign_up::SignUpQueue;
use super::staffing::sent;
use super::turns::Turns;
use crate::clock::Clock;
use crate::config::{Config, Gateway as Name};
use crate::domain::state::MessageKind;
use crate::message::gateway::{FileGateway, Gateway};
use crate::message::sender::Gateways;
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
        let (sign_ups, pulse) = (SignUpQueue::default(), Pulse::default());
        let (turns, calendars) = (Turns::default(), Calendars::default());
        let (config, reloaded, after) = (config.into(), Arc::default(), After(AFTER));
        let gateways = gateways(&config);
        Self { db, clock, config, reloaded, sign_ups, pulse, turns, calendars, after, gateways }
    }
}

/// The gateway of each channel. A new one has its line here, beside its name in the configuration.
fn gateways(config: &Config) -> Gateways {
    let sms: Arc<dyn Gateway> = match config.sms.gateway {
        Name::File => Arc::new(FileGateway::new(&config.sms.outbox_file)),
    };
    let mail: Arc<dyn Gateway> = match config.mail.gateway {
        Name::File => Arc::new(FileGateway::new(&config.mail.outbox_file)),
    };
    Gateways { sms, mail }
}
