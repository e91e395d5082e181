//! Nightly upkeep: recounts places, takes students off rosters, closes what is over, frees time,
//! corrects the status of coaches, removes what is old.

pub(crate) mod close;
pub(crate) mod expired;
pub mod places;
pub(crate) mod purge;
pub(crate) mod status;
pub(crate) mod time;

use super::report::Report;

/// How many sentences a run says before it only counts the rest.
const NOTES: usize = 100;

/// The sentences of a run that may find very many things.
#[derive(Debug, Default)]
struct Notes {
    said: Vec<String>,
    more: usize,
}

impl Notes {
    fn push(&mut self, note: String) {
        if self.said.len() < NOTES {
            self.said.push(note);
        } else {
            self.more += 1;
        }
    }

    /// Says them in the report.
    fn end(self, report: &mut Report) {
        report.notes.extend(self.said);
        if self.more > 0 {
            report.notes.push(format!("and {} more like these", self.more));
        }
    }
}
