//! Checks that the database is well: that it answers, and takes writes.

use super::conn::Conn;
use super::open::Db;
use super::writes::{Refused, Writes};
use crate::error::{Error, Result};
use sea_orm::{DbBackend, Statement};
use std::time::{Duration, Instant};

/// How long what was found counts.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Writes as much as a large transaction does, and takes it back. A small write, even one that is
/// committed, tells nothing: it fits into the room that the write-ahead log has already, and one
/// that is rolled back mostly never leaves the cache. So this one is larger than its cache. It
/// waits for another writer for a moment only.
const LOOK: &str =
    "PRAGMA query_only = OFF; PRAGMA busy_timeout = 300; PRAGMA cache_size = 8; BEGIN IMMEDIATE;
     CREATE TABLE room_left (filler BLOB); INSERT INTO room_left VALUES (zeroblob(262144)); ROLLBACK";

impl Db {
    /// What [`Db::ping`] asks: nothing, and whether the database takes writes.
    pub(crate) fn ping_text(&self) -> &'static str {
        match self.backend() {
            DbBackend::Sqlite => "SELECT 0",
            // On where the server is a standby, or was made read-only.
            DbBackend::Postgres => "SELECT CAST(current_setting('transaction_read_only') AS BOOLEAN)::int",
            _ => "SELECT CAST(@@global.read_only AS SIGNED)",
        }
    }

    /// Whether the database answers and takes writes, over a connection of its own: how busy the
    /// others are does not matter.
    ///
    /// # Errors
    /// `Unavailable`.
    pub async fn ping(&self) -> Result<()> {
        let mut conn = Conn::take(self.health(), self.away()).await?;
        let read_only = conn.fetch(&Statement::from_string(self.backend(), self.ping_text())).await?;
        let read_only = read_only.first().map(|row| {
            row.try_get_by_index::<i64>(0).or_else(|_| row.try_get_by_index::<i32>(0).map(i64::from))
        });
        match read_only {
            Some(Ok(0)) => look(self.writes(), conn).await,
            // Closed, so that the next one finds the server that takes writes now, behind the same
            // name.
            Some(Ok(_)) => Err(Error::Unavailable("it takes no writes: it is read-only".to_owned())),
            _ => Err(Error::internal("the database did not answer a ping")),
        }
    }
}

/// Finds out whether writes are taken, over a connection that is closed afterwards: at once when
/// one was refused, and then every [`LOOK_EVERY`] until one would be taken.
///
/// # Errors
/// `Unavailable` while they are not.
async fn look(writes: &Writes, mut conn: Conn) -> Result<()> {
    let found = match &mut *writes.refused() {
        None => {
            conn.release();
            return Ok(());
        }
        Some(Refused { cause, looked: Some(looked) }) if looked.elapsed() < LOOK_EVERY => Some(cause.clone()),
        Some(refused) => {
            refused.looked = Some(Instant::now());
            None
        }
    };
    if let Some(cause) = found {
        conn.release();
        return Err(not_taken(&cause));
    }
    match conn.run(LOOK).await.map_err(Error::from) {
        // Contended: somebody is writing. When that is refused too, it is remembered anew.
        Ok(_) | Err(Error::Contended(_)) => {
            *writes.refused() = None;
            Ok(())
        }
        Err(error) => {
            let cause = error.to_string();
            let told = not_taken(&cause);
            writes.refused().replace(Refused { cause, looked: Some(Instant::now()) });
            Err(told)
        }
    }
}

fn not_taken(cause: &str) -> Error {
    Error::Unavailable(format!("it takes no writes: {cause}"))
}
