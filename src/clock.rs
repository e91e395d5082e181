//! The one place that reads the time or draws random numbers. Everything else is handed a `now`.

use crate::domain::time::Instant;
use crate::error::Result;
use crate::storage::entity::test_clock;
use sea_orm::{ConnectionTrait, EntityTrait};
use std::time::Duration;

/// Where `now` comes from.
#[derive(Clone, Debug)]
pub enum Clock {
    /// The host's clock.
    System,
    /// `testing: true`: the row of `test_clock`, so that a restart, a second replica and every
    /// command agree; the host's clock until it is set.
    Test,
}

impl Clock {
    /// The current instant by this clock, read over `conn`: inside a transaction its own
    /// connection.
    pub async fn now(&self, conn: &impl ConnectionTrait) -> Result<Instant> {
        match self {
            Self::System => Ok(system_now()),
            Self::Test => {
                let row = test_clock::Entity::find_by_id(1).one(conn).await?;
                Ok(row.map_or_else(system_now, |row| read(&row, system_now())))
            }
        }
    }
}

/// What a test clock shows at a real instant.
pub fn read(row: &test_clock::Model, real: Instant) -> Instant {
    if row.running { row.set_to + (real - row.set_at) } else { row.set_to }
}

/// The host's clock. Rules take theirs from [`Clock::now`]; this is for when things really
/// happened.
pub fn system_now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    let now = chrono::Utc::now();
    Instant::from_utc(now)
}

/// A new random token: of a lease, of an error in the log.
pub fn new_token() -> String {
    random().to_string()
}

/// Waits a little before a contended transaction is tried again: some milliseconds, more each time,
/// different for everyone.
pub(crate) async fn pause_before_retry(tried: u32) {
    let spread = u64::from(random().as_bytes()[0]);
    tokio::time::sleep(Duration::from_millis(u64::from(tried) * 5 + spread * u64::from(tried) / 16)).await;
}

fn random() -> uuid::Uuid {
    #[expect(clippy::disallowed_methods, reason = "this is where the program draws at random")]
    let drawn = uuid::Uuid::new_v4();
    drawn
}
