//! What one run of a scheduled task did.

use crate::error::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Counts of one run; stored with the run and answered to whoever fired it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Things looked at: tasks, invitations, messages, places, reservations.
    pub examined: u64,
    /// Things made or changed.
    pub changed: u64,
    /// Things left alone, by reason code.
    pub skipped: BTreeMap<String, u64>,
    /// Things that should have been changed and could not be; of `clazz init_place`: what did not
    /// agree, repaired or not.
    pub failed: u64,
    /// Messages written to the outbox (by `sms send`: sent or captured).
    pub messages: u64,
    /// Sentences for staff: what was left over and why.
    pub notes: Vec<String>,
}

impl Report {
    /// Counts something left alone.
    pub fn skip(&mut self, reason: impl ToString, count: u64) {
        if count > 0 {
            *self.skipped.entry(reason.to_string()).or_default() += count;
        }
    }

    /// The value of one thing's work, or `None` when it failed: that is logged and counted, and the
    /// run goes on with the next thing.
    ///
    /// # Errors
    /// Those after which nothing else would work either: the database is away, or the run has lost
    /// its lease.
    pub fn or_failed<T>(&mut self, about: &str, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if error.ends_all() => Err(error),
            Err(error) => {
                tracing::error!(about, %error, "failed; the run goes on with the next");
                self.failed += 1;
                self.notes.push(format!("{about}: failed, see the log"));
                Ok(None)
            }
        }
    }

    /// Whether the run changed nothing and has nothing to say.
    pub(crate) fn is_idle(&self) -> bool {
        let Self { examined: _, changed, skipped: _, failed, messages, notes } = self;
        *changed == 0 && *failed == 0 && *messages == 0 && notes.is_empty()
    }

    /// Adds another report to this one.
    pub fn add(&mut self, other: Report) {
        self.examined += other.examined;
        self.changed += other.changed;
        self.failed += other.failed;
        self.messages += other.messages;
        for (reason, count) in other.skipped {
            *self.skipped.entry(reason).or_default() += count;
        }
        self.notes.extend(other.notes);
    }
}
