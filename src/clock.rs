//! The only place that reads the host's clock or draws random numbers. All other code is given
//! `now` as an argument.

use crate::domain::time::Instant;
use std::time::Duration;

/// Where `now` comes from. Where the database may say otherwise it is asked
/// (`storage/test_clock.rs`).
#[derive(Clone, Debug)]
pub enum Clock {
    /// The host's clock.
    System,
    /// `testing: true`: the row of `test_clock`, so that a restart, a second replica and every
    /// command agree; the host's clock until it is set.
    Test,
}

/// The host's clock. Rules take theirs from [`Clock::now`]; this is for when things really
/// happened.
pub fn system_now() -> Instant {
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    let now = chrono::Utc::now();
    Instant::from_utc(now)
}

/// A new random token: of a lease, of an error in the log.
pub(crate) fn new_token() -> String {
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
