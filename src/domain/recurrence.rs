//! Recurrences: the part of RFC 5545 §3.3.10 that names days, parsed strictly and expanded over a
//! season.
//!
//! Nothing else reads the text of a rule. `grammar` turns it into a [`Recurrence`] or says which
//! part is wrong; `expand` finds its days.

mod expand;
mod grammar;
mod rule;
#[cfg(test)]
mod tests;

pub use rule::{ByDay, End, Frequency, Recurrence, RecurrenceError};

use super::time::Day;
use std::str::FromStr;

impl Recurrence {
    /// Where it ends by itself, if it does.
    pub fn end(&self) -> Option<End> {
        self.end
    }

    /// Its days in `[first, last]`, in order; it is counted from `first`.
    ///
    /// What a rule does not say is taken from `first`: `FREQ=WEEKLY` alone means its weekday.
    /// `WEEKLY` with `BYSETPOS` counts from `first` in the first week.
    pub fn days(&self, first: Day, last: Day) -> Vec<Day> {
        expand::days(self, first, last)
    }
}

impl FromStr for Recurrence {
    type Err = RecurrenceError;
    fn from_str(text: &str) -> Result<Self, RecurrenceError> {
        grammar::parse(text)
    }
}
