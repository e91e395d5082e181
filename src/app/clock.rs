//! The clock of a testing server: reading, setting and advancing it (docs/domain.md §8).

use super::App;
use crate::clock::system_now;
use crate::domain::time::Instant;
use crate::error::{Error, Reason, Result};
use crate::storage::test_clock::{
    test_clock_advance, test_clock_insert_in_txn, test_clock_row, test_clock_set_in_txn, test_clock_shows,
};
use crate::write_txn;
use chrono::TimeDelta;

/// The latest instant a clock may show: 9999-12-31T23:59:59Z, the last that the protocol can say.
pub(crate) const LATEST: Instant = Instant::from_unix(253_402_300_799);

/// What the clock shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shown {
    /// Its `now`.
    pub now: Instant,
    /// Whether it goes on by itself.
    pub running: bool,
    /// Whether it was set; otherwise it is the host's.
    pub was_set: bool,
}

/// What the one clock shows.
pub(crate) async fn get(app: &App) -> Result<Shown> {
    if !app.config.testing {
        return Ok(Shown { now: app.now().await?, running: true, was_set: false });
    }
    let real = system_now();
    Ok(match test_clock_row(app.db.reader()).await? {
        Some(row) => Shown { now: test_clock_shows(&row, real), running: row.running, was_set: true },
        None => Shown { now: real, running: true, was_set: false },
    })
}

/// Sets the clock, backwards too. It stands still unless `running`.
pub(crate) async fn set(app: &App, to: Instant, running: bool) -> Result<Shown> {
    testing_only(app)?;
    if to < Instant::from_unix(0) || to > LATEST {
        return Err(Error::invalid("time", "must be in the years 1970 to 9999"));
    }
    let real = system_now();
    write_txn!(&app.db, "test_clock.set", |txn| test_clock_set_in_txn(txn, to, real, running).await)?;
    get(app).await
}

/// Moves the clock on. One that was never set is set to the host's first, and goes on.
pub(crate) async fn advance(app: &App, by: TimeDelta) -> Result<Shown> {
    testing_only(app)?;
    let real = system_now();
    let too_late = || Error::invalid("duration", "must not lead beyond the year 9999");
    write_txn!(&app.db, "test_clock.advance", |txn| {
        if test_clock_row(txn).await?.is_none() {
            // Not an UPDATE first: it would undo what others have moved since.
            test_clock_insert_in_txn(txn, real, real, true).await?;
        }
        if test_clock_advance(txn, by.num_seconds(), LATEST).await? { Ok(()) } else { Err(too_late()) }
    })?;
    get(app).await
}

fn testing_only(app: &App) -> Result<()> {
    if app.config.testing {
        Ok(())
    } else {
        Err(Error::precondition(
            Reason::NotTesting,
            "the clock can be set only with `testing: true` in the configuration",
        ))
    }
}
