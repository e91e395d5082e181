//! Whether SQLite takes writes. A full disk or a file that has become read-only shows only to
//! whoever writes, so a write that was refused for such a reason is remembered, and the health
//! check then finds out by itself when writes are taken again.

use super::conn::Conn;
use super::fault;
use crate::error::{Error, Result};
use sea_orm::sqlx;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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

/// What is known of it; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    refused: Arc<Mutex<Option<Refused>>>,
}

/// A write was refused.
#[derive(Debug)]
struct Refused {
    cause: String,
    /// When it was last looked whether it still would be.
    looked: Option<Instant>,
}

impl Writes {
    fn refused(&self) -> MutexGuard<'_, Option<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers an error of a transaction on SQLite when it says that writes are not taken.
    pub fn failed(&self, error: &sqlx::Error) {
        if fault::sqlite_away(error) {
            self.refused().get_or_insert_with(|| Refused { cause: error.to_string(), looked: None });
        }
    }

    /// Finds out whether writes are taken, over a connection that is closed afterwards: at once
    /// when one was refused, and then every [`LOOK_EVERY`] until one would be taken.
    ///
    /// # Errors
    /// `Unavailable` while they are not.
    pub async fn look(&self, mut conn: Conn) -> Result<()> {
        let found = match &mut *self.refused() {
            None => {
                conn.release();
                return Ok(());
            }
            Some(Refused { cause, looked: Some(looked) }) if looked.elapsed() < LOOK_EVERY => {
                Some(cause.clone())
            }
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
                *self.refused() = None;
                Ok(())
            }
            Err(error) => {
                let cause = error.to_string();
                let told = not_taken(&cause);
                self.refused().replace(Refused { cause, looked: Some(Instant::now()) });
                Err(told)
            }
        }
    }
}

fn not_taken(cause: &str) -> Error {
    Error::Unavailable(format!("it takes no writes: {cause}"))
}
