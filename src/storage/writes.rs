//! Knows whether SQLite takes writes. A full disk or a read-only file is noticed only by a write,
//! so a write refused for such a reason is remembered, and the health check (`health`) then keeps
//! trying until writes are taken again.

use super::fault;
use sea_orm::sqlx;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// What is known of it; clones share it.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    refused: Arc<Mutex<Option<Refused>>>,
}

/// A write was refused.
#[derive(Debug)]
pub(super) struct Refused {
    pub cause: String,
    /// When it was last looked whether it still would be.
    pub looked: Option<Instant>,
}

impl Writes {
    /// The last write that was refused, while none has been taken since.
    pub(super) fn refused(&self) -> MutexGuard<'_, Option<Refused>> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers an error of a transaction on SQLite when it says that writes are not taken.
    pub(super) fn failed(&self, error: &sqlx::Error) {
        if fault::sqlite_away(error) {
            self.refused().get_or_insert_with(|| Refused { cause: error.to_string(), looked: None });
        }
    }
}
